package pki

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/repoexpert/operator/hack/devcluster/internal/layout"
)

func TestFiles(t *testing.T) {
	cluster, err := layout.New("dev", 2)
	if err != nil {
		t.Fatal(err)
	}
	files, err := Files(cluster)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(files["ca.crt"]) {
		t.Fatal("the authority's certificate cannot be read")
	}
	tests := map[string]struct {
		host         string // "" when the certificate is only a client's
		organization string
	}{
		"apiserver":          {host: "10.96.32.1"},
		"kubelet":            {host: "10.89.2.2", organization: "system:nodes"},
		"admin":              {organization: "system:masters"},
		"controller-manager": {},
		"coredns":            {},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			pair, err := tls.X509KeyPair(files[name+".crt"], files[name+".key"])
			if err != nil {
				t.Fatal(err)
			}
			usage := x509.ExtKeyUsageClientAuth
			if tt.host != "" {
				usage = x509.ExtKeyUsageServerAuth
			}
			_, err = pair.Leaf.Verify(x509.VerifyOptions{
				Roots: roots, DNSName: tt.host, KeyUsages: []x509.ExtKeyUsage{usage},
			})
			if err != nil {
				t.Error(err)
			}
			var organization string
			if o := pair.Leaf.Subject.Organization; len(o) > 0 {
				organization = o[0]
			}
			if organization != tt.organization {
				t.Errorf("organization %q, want %q", organization, tt.organization)
			}
		})
	}
}
