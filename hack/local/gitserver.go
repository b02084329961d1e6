package local

import (
	"context"
	"fmt"
	"time"
)

const gitServerManifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: git, namespace: %[1]s}
spec:
  replicas: 1
  selector: {matchLabels: {app: git}}
  template:
    metadata: {labels: {app: git}}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: git
        image: %[2]s
        imagePullPolicy: IfNotPresent
        args: [git-server, --root, /repositories, --listen, ":8080"]
        readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
        resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 256Mi}}
        securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
        volumeMounts:
        - {name: repositories, mountPath: /repositories, readOnly: true}
        - {name: tmp, mountPath: /tmp}
      volumes:
      - {name: repositories, persistentVolumeClaim: {claimName: repositories, readOnly: true}}
      - {name: tmp, emptyDir: {}}
---
apiVersion: v1
kind: Service
metadata: {name: git, namespace: %[1]s}
spec:
  selector: {app: git}
  ports: [{name: http, port: 80, targetPort: 8080}]
`

// GitServer serves the bare repositories of a folder over smart HTTP from a
// pod, as http://git.<namespace>.svc/<name>.
func (c *Cluster) GitServer(ctx context.Context, namespace string, images Images, folder string) error {
	if err := c.ReadOnlyVolume(ctx, namespace, "repositories", folder); err != nil {
		return err
	}
	if err := c.ApplyManifests(ctx, fmt.Sprintf(gitServerManifest, namespace, images.Tool)); err != nil {
		return err
	}
	return c.AwaitDeployment(ctx, namespace, "git", 2*time.Minute)
}

// Namespace makes a namespace that enforces Pod Security "restricted".
func (c *Cluster) Namespace(ctx context.Context, name string) error {
	return c.ApplyManifests(ctx, fmt.Sprintf(`
apiVersion: v1
kind: Namespace
metadata:
  name: %s
  labels: {pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/enforce-version: v1.37}
`, name))
}
