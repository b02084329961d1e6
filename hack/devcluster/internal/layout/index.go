package layout

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/bits"
	"net/netip"
	"strings"
)

// widestConflict: a route this wide or wider is taken for "the whole company
// network", through which the few addresses used here are hardly ever reached.
// Without this rule a VPN that routes 10.0.0.0/8 would leave no free index.
const widestConflict = 8

// FreeIndex picks the lowest index that no other cluster uses and whose subnets
// the host does not route elsewhere.
func FreeIndex(used map[int]bool, routes []netip.Prefix) (int, error) {
	for index := range MaxClusters {
		if used[index] {
			continue
		}
		if !anyOverlap(Cluster{index: index}.Subnets(), routes) {
			return index, nil
		}
	}
	return 0, fmt.Errorf("no free subnets: %d clusters are up and the host routes the rest of 10.89.0.0/20, 10.244.0.0/20 and 10.96.0.0/16 elsewhere", len(used))
}

func anyOverlap(subnets, routes []netip.Prefix) bool {
	for _, route := range routes {
		if route.Bits() <= widestConflict {
			continue
		}
		for _, subnet := range subnets {
			if subnet.Overlaps(route) {
				return true
			}
		}
	}
	return false
}

// ParseRoutes reads the IPv4 routing table in the form of /proc/net/route: after
// a header, lines of which the 2nd and 8th fields are destination and mask, in
// hexadecimal and in the byte order of the machine.
func ParseRoutes(r io.Reader) ([]netip.Prefix, error) {
	const destination, mask = 1, 7
	var routes []netip.Prefix
	lines := bufio.NewScanner(r)
	lines.Scan()
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) <= mask {
			continue
		}
		d, err := parseHex(fields[destination])
		if err != nil {
			return nil, err
		}
		m, err := parseHex(fields[mask])
		if err != nil {
			return nil, err
		}
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], d)
		routes = append(routes, netip.PrefixFrom(netip.AddrFrom4(b), bits.OnesCount32(m)))
	}
	return routes, lines.Err()
}

func parseHex(s string) (uint32, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 4 {
		return 0, fmt.Errorf("routing table: %q is not a 32-bit hexadecimal number", s)
	}
	return binary.BigEndian.Uint32(b), nil
}
