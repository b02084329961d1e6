module github.com/repoexpert/operator/hack/devcluster

go 1.26.0
