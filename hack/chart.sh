#!/usr/bin/env bash
# Generates charts/repo-expert from config/default, then lints and renders it.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bin/kustomize build config/default > "$work/all.yaml"
(cd "$work" && "$OLDPWD/bin/helmify" -crd-dir repo-expert < all.yaml)
# What the generator cannot know.
cat > "$work/repo-expert/Chart.yaml" <<'YAML'
apiVersion: v2
name: repo-expert
description: Turns git repositories into small models that know them, and keeps them current
type: application
version: 0.1.0
appVersion: v0.1.0
kubeVersion: ">=1.34.0-0"
YAML
mkdir -p charts
rm -rf charts/repo-expert
mv "$work/repo-expert" charts/repo-expert
bin/helm lint --quiet --strict --kube-version 1.34.0 charts/repo-expert
bin/helm template repo-expert charts/repo-expert --namespace repo-expert-system --include-crds --kube-version 1.34.0 >/dev/null
