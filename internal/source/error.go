package source

import (
	"fmt"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Error says why a reference could not be resolved.
type Error struct {
	// Reason is a documented condition reason: RepositoryUnreachable,
	// AuthenticationFailed, SecretNotUsable, RefNotFound or RepositoryEmpty.
	Reason string
	// Message names the URL and the remedy. It is the same every time and holds
	// nothing that the git host said.
	Message string
	// Overloaded says that the host asked for fewer requests.
	Overloaded bool
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Terminal says whether a person must act. An unreachable host may come back
// by itself.
func (e *Error) Terminal() bool { return e.Reason != v1alpha1.ReasonRepositoryUnreachable }

func unreachable(url, why string) *Error {
	return &Error{Reason: v1alpha1.ReasonRepositoryUnreachable, Message: fmt.Sprintf("repository.url %s: %s", url, why)}
}

func refused(url, why string) *Error {
	return &Error{Reason: v1alpha1.ReasonAuthenticationFailed, Message: fmt.Sprintf("repository.url %s: %s", url, why)}
}

const retried = "; it is tried again"

// diagnoses maps what git says, in its C locale, to a sentence of ours. Git's
// exit code is 128 for all of them. The first match counts.
var diagnoses = []struct {
	says string
	err  func(url string, credential bool) *Error
}{
	{"The requested URL returned error: 429", func(url string, _ bool) *Error {
		e := unreachable(url, "the git host answers 429, too many requests; it is asked less often")
		e.Overloaded = true
		return e
	}},
	{"unable to update url base from redirection", redirected},
	{"The requested URL returned error: 30", redirected},
	{"Authentication failed", authentication},
	{"could not read Username", authentication},
	{"could not read Password", authentication},
	{"The requested URL returned error: 401", authentication},
	{"The requested URL returned error: 403", authentication},
	{"Permission denied", authentication},
	{"Host key verification failed", func(url string, _ bool) *Error {
		return refused(url, "the host's ssh key is not the one in known_hosts of the Secret: put the host's key there")
	}},
	{"The requested URL returned error: 404", missing},
	{"not found", missing},
	{"does not appear to be a git repository", missing},
	{"Could not resolve host", func(url string, _ bool) *Error {
		return unreachable(url, "the host name cannot be resolved: check the URL and the cluster's DNS"+retried)
	}},
	{"Connection refused", func(url string, _ bool) *Error {
		return unreachable(url, "the host refuses the connection: check host and port of the URL"+retried)
	}},
	{"Failed to connect", func(url string, _ bool) *Error {
		return unreachable(url, "the host cannot be connected to: check host and port of the URL and the network between"+retried)
	}},
	{"certificate", func(url string, _ bool) *Error {
		return unreachable(url, "the host's TLS certificate is not trusted: use a host with a certificate of a known authority"+retried)
	}},
}

func redirected(url string, _ bool) *Error {
	return unreachable(url, "the host redirects to another place, which is not followed: use the repository's final URL")
}

func authentication(url string, credential bool) *Error {
	if credential {
		return refused(url, "the git host refuses the credentials in the Secret of repository.secretRef: renew them, or give them read access to this repository")
	}
	return refused(url, "the git host wants credentials: name a Secret in repository.secretRef")
}

func missing(url string, credential bool) *Error {
	if credential {
		return unreachable(url, "the git host knows no such repository, or hides it from these credentials: check the URL and their access"+retried)
	}
	return unreachable(url, "the git host knows no such repository, or hides it without credentials: check the URL, or name a Secret in repository.secretRef"+retried)
}

// diagnose turns git's own words into an Error, without repeating them.
func diagnose(url string, credential bool, stderr string) *Error {
	for _, d := range diagnoses {
		if strings.Contains(stderr, d.says) {
			return d.err(url, credential)
		}
	}
	return unreachable(url, "the git host gives no answer that git understands: check that the URL is a git repository"+retried)
}
