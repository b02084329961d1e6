package source

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Secrets reads git Secrets at the moment they are needed. Its reader must not
// cache: contents of Secrets are kept nowhere in the manager.
type Secrets struct {
	reader client.Reader
}

// NewSecrets returns Secrets that reads through an uncached reader.
func NewSecrets(reader client.Reader) Secrets { return Secrets{reader: reader} }

// Credential returns what the named Secret gives for a URL. The error is an
// *Error when a person must act, else that of the API server.
func (s Secrets) Credential(ctx context.Context, name types.NamespacedName, url string) (Credential, error) {
	var secret corev1.Secret
	err := s.reader.Get(ctx, name, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return Credential{}, notUsable(name.Name, "does not exist in namespace %s: create it with label %s: %s and annotation %s",
			name.Namespace, v1alpha1.SecretUseLabel, v1alpha1.SecretUseGit, v1alpha1.SecretHostAnnotation)
	case err != nil:
		return Credential{}, fmt.Errorf("get Secret %s: %w", name, err)
	}
	return CredentialFor(url, &secret)
}
