// Package adapters is the list of language adapters: one line for each.
package adapters

import (
	"fmt"
	"maps"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/golang"
	"github.com/repoexpert/operator/internal/language/python"
)

var byFramework = map[v1alpha1.TestFramework]language.Adapter{
	v1alpha1.TestGo:     golang.New(),
	v1alpha1.TestPytest: python.New(),
}

// For returns the adapter of a test framework. The error is fit for a condition.
func For(framework v1alpha1.TestFramework) (language.Adapter, error) {
	adapter, ok := byFramework[framework]
	if !ok {
		return nil, fmt.Errorf("environment.test.framework is %q, which this version has no adapter for; use one of %v", framework, slices.Sorted(maps.Keys(byFramework)))
	}
	return adapter, nil
}
