package layout

import (
	"net/netip"
	"strings"
	"testing"
)

func TestValidateName(t *testing.T) {
	tests := map[string]struct {
		name string
		ok   bool
	}{
		"plain":          {"dev", true},
		"with dash":      {"e2e-1", true},
		"one letter":     {"a", true},
		"empty":          {"", false},
		"upper case":     {"Dev", false},
		"digit first":    {"1dev", false},
		"dash last":      {"dev-", false},
		"path traversal": {"../dev", false},
		"longest":        {strings.Repeat("a", 20), true},
		"too long":       {strings.Repeat("a", 21), false},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			if err := ValidateName(tt.name); (err == nil) != tt.ok {
				t.Errorf("ValidateName(%q) = %v, want ok=%v", tt.name, err, tt.ok)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	c, err := New("e2e", 3)
	if err != nil {
		t.Fatal(err)
	}
	for what, tt := range map[string]struct{ got, want string }{
		"host":        {c.HostAddress().String(), "10.89.3.1/24"},
		"node":        {c.NodeAddress().String(), "10.89.3.2/24"},
		"pods":        {c.PodCIDR().String(), "10.244.3.0/24"},
		"services":    {c.ServiceCIDR().String(), "10.96.48.0/20"},
		"API service": {c.APIServiceIP().String(), "10.96.48.1"},
		"DNS service": {c.DNSServiceIP().String(), "10.96.48.10"},
		"server":      {c.Server(), "https://10.89.3.2:6443"},
		"registry":    {c.Registry().String(), "10.89.3.1:5000"},
		"link":        {c.HostLink(), "devcluster3"},
		"cgroup":      {c.CgroupName(), "devcluster-e2e"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s = %s, want %s", what, tt.got, tt.want)
		}
	}
}

// Two clusters at once must share no address, and an interface name may not be
// longer than 15 bytes.
func TestClustersAreDisjoint(t *testing.T) {
	for i := range MaxClusters {
		a, err := New("a", i)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(a.HostLink()); n > 15 {
			t.Errorf("link name %s has %d bytes", a.HostLink(), n)
		}
		for j := range i {
			if b := (Cluster{name: "b", index: j}); anyOverlap(a.Subnets(), b.Subnets()) {
				t.Errorf("clusters %d and %d overlap", i, j)
			}
		}
	}
	if _, err := New("a", MaxClusters); err == nil {
		t.Error("an index out of range was accepted")
	}
}

func TestFreeIndex(t *testing.T) {
	everything := map[int]bool{}
	for i := range MaxClusters {
		everything[i] = true
	}
	tests := map[string]struct {
		used   map[int]bool
		routes []string
		want   int
		fails  bool
	}{
		"first":                        {want: 0},
		"lowest hole":                  {used: map[int]bool{0: true, 2: true}, want: 1},
		"all used":                     {used: everything, fails: true},
		"host routes the link":         {routes: []string{"10.89.0.0/24"}, want: 1},
		"host routes the pods":         {routes: []string{"10.244.0.0/23"}, want: 2},
		"host routes all services":     {routes: []string{"10.96.0.0/16"}, fails: true},
		"company-wide route":           {routes: []string{"10.0.0.0/8"}, want: 0},
		"default route is no conflict": {routes: []string{"0.0.0.0/0"}, want: 0},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			var routes []netip.Prefix
			for _, r := range tt.routes {
				routes = append(routes, netip.MustParsePrefix(r))
			}
			got, err := FreeIndex(tt.used, routes)
			if (err != nil) != tt.fails || got != tt.want {
				t.Errorf("FreeIndex = %d, %v; want %d, fails=%v", got, err, tt.want, tt.fails)
			}
		})
	}
}

func TestParseRoutes(t *testing.T) {
	const table = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
`
	got, err := ParseRoutes(strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].String() != "0.0.0.0/0" || got[1].String() != "172.17.0.0/16" {
		t.Errorf("routes = %v", got)
	}
	if _, err := ParseRoutes(strings.NewReader("h\na zz c d e f g h\n")); err == nil {
		t.Error("a malformed destination was accepted")
	}
}
