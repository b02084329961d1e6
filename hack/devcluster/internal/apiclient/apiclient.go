// Package apiclient asks a cluster's API server the few questions that `up` and
// `status` have. It is not client-go: that would make the small command line
// program as slow to compile as a controller.
package apiclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const requestTimeout = 5 * time.Second

// Client talks to one API server as its administrator.
type Client struct {
	server string
	http   *http.Client
}

// New reads the certificates from the cluster's folder of them.
func New(server, pkiDir string) (*Client, error) {
	ca, err := os.ReadFile(filepath.Join(pkiDir, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("API client: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("API client: no certificate in %s/ca.crt", pkiDir)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(pkiDir, "admin.crt"), filepath.Join(pkiDir, "admin.key"))
	if err != nil {
		return nil, fmt.Errorf("API client: %w", err)
	}
	transport := &http.Transport{
		// Proxy stays nil: the server is on this machine.
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	}
	return &Client{server: server, http: &http.Client{Transport: transport, Timeout: requestTimeout}}, nil
}

// Get reads an object, or only asks for it when out is nil.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server+path, nil)
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, response.Status)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}

// Healthy is nil once the API server serves requests.
func (c *Client) Healthy(ctx context.Context) error { return c.Get(ctx, "/readyz", nil) }

// NodeReady is nil once the kubelet has reported the node as Ready.
func (c *Client) NodeReady(ctx context.Context, name string) error {
	var node struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := c.Get(ctx, "/api/v1/nodes/"+name, &node); err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type != "Ready" {
			continue
		}
		if condition.Status == "True" {
			return nil
		}
		return fmt.Errorf("node %s is not ready: %s", name, condition.Message)
	}
	return errors.New("node " + name + " has not reported its condition yet")
}

// ServiceAccountExists is nil once pods can be made in the namespace: without its
// default ServiceAccount admission refuses them.
func (c *Client) ServiceAccountExists(ctx context.Context, namespace string) error {
	return c.Get(ctx, "/api/v1/namespaces/"+namespace+"/serviceaccounts/default", nil)
}
