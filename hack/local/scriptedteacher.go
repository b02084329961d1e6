package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
)

const (
	// ScriptedTeacher is the name of the scripted teacher's Deployment and Service.
	ScriptedTeacher = "scripted-teacher"
	// scriptedTeacherPort is the pod's and the Service's: network policies see the
	// former, URLs the latter.
	scriptedTeacherPort = 8080
)

// ServeScriptedTeacher serves a teacher whose answers are scripted from a
// repository of the tenancy, and returns its host and its base URL. It demands a
// key, which it knows by its digest alone. tool is the image with podtool.
func (c *Cluster) ServeScriptedTeacher(ctx context.Context, t Tenancy, tool, repository, key string) (host, url string, err error) {
	server, err := c.site.gitServer(ctx, c, t, tool)
	if err != nil {
		return "", "", err
	}
	digest := sha256.Sum256([]byte(key))
	manifest, err := render("manifests/scriptedteacher.yaml", struct {
		gitServer
		Name, Path, Repository, KeyDigest string
		Port                              int
	}{server, ScriptedTeacher, repositoriesPath, path.Join(repositoriesPath, repository), hex.EncodeToString(digest[:]), scriptedTeacherPort})
	if err != nil {
		return "", "", err
	}
	if err := c.ApplyManifests(ctx, manifest); err != nil {
		return "", "", err
	}
	host = fmt.Sprintf("%s.%s.svc.cluster.local", ScriptedTeacher, t.Namespace)
	return host, fmt.Sprintf("http://%s:%d/v1", host, scriptedTeacherPort), c.AwaitDeployment(ctx, t.Namespace, ScriptedTeacher, deploymentLimit)
}
