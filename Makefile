SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Everything that a target needs beyond Go, Python 3, make and git is built or
# fetched by the target itself, pinned, into bin/ and the user's cache folder.
BIN := $(CURDIR)/bin
export PATH := $(BIN):$(PATH)

# CLUSTER=local brings up a cluster of its own on this machine; CLUSTER=current
# uses the current kubeconfig context and pushes images to REGISTRY, which demo
# needs and the later targets know.
CLUSTER ?= local
REGISTRY ?=
SEED ?= 1

##@ Main

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN {FS = ":.*##"; printf "Usage: make \033[36m<target>\033[0m\n"} /^[a-zA-Z0-9_-]+:.*?##/ { printf "  \033[36m%-18s\033[0m %s\n", $$1, $$2 } /^##@/ { printf "\n\033[1m%s\033[0m\n", substr($$0, 5) }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(BIN)/demo ## From nothing to an answering expert. With CLUSTER=current REGISTRY=registry.example/path on your own cluster.
	$(BIN)/demo up --cluster $(CLUSTER) --registry "$(REGISTRY)" --seed $(SEED)

.PHONY: demo-full
demo-full: $(BIN)/demo ## As demo, with samples of every unit of experience and nearly every kind of task. CLUSTER, REGISTRY and SEED as for demo.
	$(BIN)/demo up --cluster $(CLUSTER) --registry "$(REGISTRY)" --seed $(SEED) --full

.PHONY: demo-commit
demo-commit: $(BIN)/demo ## Push the next release to the demo repository and watch the expert roll forward. CLUSTER as for demo.
	$(BIN)/demo commit --cluster $(CLUSTER)

.PHONY: demo-down
demo-down: $(BIN)/demo ## Remove all that the demo made, with CLUSTER=local the cluster too. CLUSTER as for demo.
	$(BIN)/demo down --cluster $(CLUSTER)

.PHONY: test
test: $(BIN)/gotestsum envtest-assets $(BIN)/pytest-site/.done $(BIN)/hypothesis-site/.done ## Everything that runs without a node: unit tests, race tests, a real API server.
	KUBEBUILDER_ASSETS="$$($(BIN)/devcluster assets)" KUBEBUILDER_CONTROLPLANE_START_TIMEOUT=2m REPOEXPERT_TEST_PYTHONPATH=$(BIN)/pytest-site REPOEXPERT_TEST_HYPOTHESIS=$(BIN)/hypothesis-site CGO_ENABLED=1 \
	  $(BIN)/gotestsum --format pkgname -- -race -timeout 20m ./...
	cd hack/devcluster && $(BIN)/gotestsum --format pkgname -- ./...

.PHONY: test-teacher
test-teacher: $(BIN)/gotestsum $(BIN)/pytest-site/.done ## A real small model as the teacher, with faults between. Fetches the demo's model and packages.
	REPOEXPERT_TEST_PYTHONPATH=$(BIN)/pytest-site $(BIN)/gotestsum --format standard-verbose -- -tags e2e -count=1 -timeout 40m ./test/teacher/...

##@ Development

.PHONY: generate
generate: $(BIN)/controller-gen ## Generate deep copies.
	$(BIN)/controller-gen object paths=./api/...

.PHONY: manifests
manifests: $(BIN)/controller-gen ## Generate CRDs and the manager's role.
	$(BIN)/controller-gen crd:crdVersions=v1 rbac:roleName=manager-role paths=./api/... paths=./controllers/... paths=. \
	  output:crd:dir=config/crd/bases output:rbac:dir=config/rbac

.PHONY: chart
chart: manifests $(BIN)/kustomize $(BIN)/helmify $(BIN)/helm ## Generate the Helm chart from config/.
	hack/chart.sh

.PHONY: api-docs
api-docs: $(BIN)/crd-ref-docs ## Generate the API reference.
	$(BIN)/crd-ref-docs --source-path=api/v1alpha1 --config=hack/api-docs.yaml --renderer=markdown --output-path=docs/reference.md

.PHONY: lint
lint: $(BIN)/golangci-lint ## Lint code, architecture and API.
	$(BIN)/golangci-lint run --timeout 15m ./...

.PHONY: fmt
fmt: ## Format the code.
	gofmt -w $$(git ls-files '*.go')

.PHONY: verify
verify: generate manifests chart api-docs lint ## Regenerate all, lint all, and demand an empty diff.
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt: run make fmt"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go mod verify >/dev/null
	go vet ./...
	@changed="$$(git status --porcelain)"; test -z "$$changed" || { echo "generated files or the tree differ from what is committed:"; echo "$$changed"; git diff | head -80; exit 1; }

.PHONY: build
build: ## Build manager and worker into bin/.
	CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o $(BIN)/manager .
	CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o $(BIN)/worker ./cmd/worker

##@ True pods

.PHONY: e2e
e2e: $(BIN)/gotestsum $(BIN)/devcluster $(BIN)/kustomize $(BIN)/pytest-site/.done ## The core stories on a true cluster with true pods, as CI runs them.
	$(BIN)/gotestsum --format standard-verbose -- -tags e2e -count=1 -timeout 40m -run '^TestCore' ./test/e2e/...

.PHONY: e2e-full
e2e-full: $(BIN)/gotestsum $(BIN)/devcluster $(BIN)/kustomize $(BIN)/pytest-site/.done ## Every story on true pods: main job, commit roll, controls, candidates for the gate, attacks, deletion, teacher, vLLM.
	$(BIN)/gotestsum --format standard-verbose -- -tags e2e -count=1 -timeout 170m ./test/e2e/...

.PHONY: bench-experience
bench-experience: build ## Measure the units of experience on real repositories: click, attrs, cobra (one to two hours). ONLY=click,attrs picks; SAMPLES and SEED vary.
	go run ./hack/bench experience --seed $(SEED) --report $(BIN)/bench-experience.md $(if $(ONLY),--only $(ONLY)) $(if $(SAMPLES),--samples $(SAMPLES))

.PHONY: bench-gate
bench-gate: ## Simulate the gate: false promotions, power, sequences of commits (about ten minutes). RUNS varies.
	go run ./hack/bench gate --report $(BIN)/bench-gate.md $(if $(RUNS),--runs $(RUNS))

.PHONY: bench-grading
bench-grading: build ## Grade known answers, nothing and cheats on functions of real repositories: click, cobra (about half an hour). ONLY=click,attrs,cobra, TASKS and SEED vary.
	go run ./hack/bench grading --seed $(SEED) --report $(BIN)/bench-grading.md $(if $(ONLY),--only $(ONLY)) $(if $(TASKS),--tasks $(TASKS))

.PHONY: bench-evaluation
bench-evaluation: ## Admit and grade tasks of all executable kinds with Frontier and Prequential: click, cobra (about an hour). ONLY=click,attrs,cobra, TASKS and SEED vary.
	go run ./hack/bench evaluation --seed $(SEED) --report $(BIN)/bench-evaluation.md $(if $(ONLY),--only $(ONLY)) $(if $(TASKS),--tasks $(TASKS))

.PHONY: bench-crossover
bench-crossover: build ## Train experts of two repositories and of both, ask each on both, three seeds (50 to 100 minutes). SEEDS and FACTS vary: SEEDS=1 FACTS=8 is a trial.
	go run ./hack/bench crossover --report $(BIN)/bench-crossover.md $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FACTS),--facts $(FACTS))

.PHONY: bench-poison
bench-poison: $(BIN)/pytest-site/.done ## Run the corpus of poison through Curate, and real code for false alarms (about two minutes). CLEAN=dir:dir adds code.
	REPOEXPERT_BENCH_POISON=1 REPOEXPERT_CLEAN_CODE="$(CLEAN)" REPOEXPERT_TEST_PYTHONPATH=$(BIN)/pytest-site go test -count=1 -v -run '^TestPoison' ./internal/stage/curate ./internal/gate

.PHONY: deploy
deploy: $(BIN)/kustomize ## Install the operator into the current kubeconfig context.
	$(BIN)/kustomize build config/default | kubectl apply --server-side -f -

.PHONY: undeploy
undeploy: $(BIN)/kustomize ## Remove the operator and its CRDs from the current kubeconfig context.
	$(BIN)/kustomize build config/default | kubectl delete --ignore-not-found -f -

##@ Tools

# Tools are built from the pinned modules below hack/tools.
TOOLS_MOD := hack/tools/go.mod
define tool
$(BIN)/$(1): $(TOOLS_MOD)
	cd hack/tools && CGO_ENABLED=0 go build -o $(BIN)/$(1) $(2)
endef
$(eval $(call tool,controller-gen,sigs.k8s.io/controller-tools/cmd/controller-gen))
$(eval $(call tool,kustomize,sigs.k8s.io/kustomize/kustomize/v5))
$(eval $(call tool,gotestsum,gotest.tools/gotestsum))
$(eval $(call tool,helmify,github.com/arttor/helmify/cmd/helmify))
$(eval $(call tool,helm,helm.sh/helm/v3/cmd/helm))
$(eval $(call tool,crd-ref-docs,github.com/elastic/crd-ref-docs))

$(BIN)/golangci-lint: hack/tools/lint/go.mod
	cd hack/tools/lint && CGO_ENABLED=0 go build -o $@ sigs.k8s.io/kube-api-linter/cmd/golangci-lint-kube-api-linter

$(BIN)/devcluster: $(shell git ls-files hack/devcluster 2>/dev/null)
	cd hack/devcluster && CGO_ENABLED=0 go build -trimpath -o $@ .

$(BIN)/demo: $(shell git ls-files hack/demo hack/local 'internal/*.go' api go.mod 2>/dev/null) $(BIN)/devcluster $(BIN)/kustomize $(BIN)/pytest-site/.done
	CGO_ENABLED=0 go build -trimpath -o $@ ./hack/demo

# Hypothesis is apart: where it is installed, every run of tests imports it.
$(BIN)/%-site/.done: hack/tools/python-%.lock
	rm -rf $(@D)
	python3 -m pip install --quiet --disable-pip-version-check --no-deps --target $(@D) -r $<
	touch $@

.PHONY: envtest-assets
envtest-assets: $(BIN)/devcluster ## Fetch or build etcd, kube-apiserver and kubectl for the API server tests.
	$(BIN)/devcluster assets >/dev/null

.PHONY: clean
clean: ## Remove bin/.
	rm -rf $(BIN)
