package source

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Credential is what a git Secret holds, checked for one URL.
type Credential struct {
	username, password   string
	identity, knownHosts string
}

// Empty says that there is no credential.
func (c Credential) Empty() bool { return c == Credential{} }

// digest tells credentials apart without showing them.
func (c Credential) digest() string {
	if c.Empty() {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{c.username, c.password, c.identity, c.knownHosts}, "\x00")))
	return hex.EncodeToString(sum[:])
}

// tokenUser is the user name beside a password that stands alone, a token:
// hosts that take tokens ignore it, but git needs one.
const tokenUser = "git"

// CredentialFor returns what a Secret gives for a URL. The error is an *Error
// with reason SecretNotUsable that says exactly what is missing.
func CredentialFor(rawURL string, secret *corev1.Secret) (Credential, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return Credential{}, unreachable(rawURL, "is no valid URL")
	}
	if use := secret.Labels[v1alpha1.SecretUseLabel]; use != v1alpha1.SecretUseGit {
		return Credential{}, notUsable(secret.Name, "needs the label %s: %s, it has %q", v1alpha1.SecretUseLabel, v1alpha1.SecretUseGit, use)
	}
	if host := secret.Annotations[v1alpha1.SecretHostAnnotation]; !strings.EqualFold(host, u.Host) && !strings.EqualFold(host, u.Hostname()) {
		return Credential{}, notUsable(secret.Name, "may be sent to host %q only, by its annotation %s, but repository.url is at %s", host, v1alpha1.SecretHostAnnotation, u.Host)
	}
	if u.Scheme == "ssh" {
		return sshCredential(secret)
	}
	return basicCredential(secret)
}

func basicCredential(secret *corev1.Secret) (Credential, error) {
	c := Credential{username: tokenUser}
	if user := strings.TrimSpace(string(secret.Data[corev1.BasicAuthUsernameKey])); user != "" {
		c.username = user
	}
	c.password = strings.TrimRight(string(secret.Data[corev1.BasicAuthPasswordKey]), "\r\n")
	switch {
	case c.password == "":
		return Credential{}, notUsable(secret.Name, "needs the key password (and username, unless the password is a token)")
	case strings.ContainsAny(c.username+c.password, "\r\n\x00"):
		return Credential{}, notUsable(secret.Name, "must hold username and password as one line each")
	}
	return c, nil
}

func sshCredential(secret *corev1.Secret) (Credential, error) {
	c := Credential{identity: string(secret.Data["identity"]), knownHosts: string(secret.Data["known_hosts"])}
	switch {
	case strings.TrimSpace(c.identity) == "":
		return Credential{}, notUsable(secret.Name, "needs the key identity with the private ssh key")
	case strings.TrimSpace(c.knownHosts) == "":
		return Credential{}, notUsable(secret.Name, "needs the key known_hosts with the host's public ssh keys")
	}
	return c, nil
}

func notUsable(name, format string, args ...any) *Error {
	return &Error{Reason: v1alpha1.ReasonSecretNotUsable,
		Message: fmt.Sprintf("repository.secretRef: Secret %q ", name) + fmt.Sprintf(format, args...)}
}
