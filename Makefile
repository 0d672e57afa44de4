# Atender: everything a developer does, by name. `make help` lists it. Go and make are all that is needed to begin with.

include deploy/tools/versions.mk

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

INSTALL := deploy/tools/install.sh
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)

# What `make test` hands to go test, and what to test: make test PACKAGES=./models/... TESTFLAGS='-race -run Snooze'
# Those that take longest come first, so that the others fill the time in which they wait.
PACKAGES ?= ./tests/faults ./tests/browser ./...
TESTFLAGS ?=
# `make lint` vets, and no debugger looks at the tests: linking them takes two thirds of the time without its tables.
# They are compiled as bin/atender is, so that packages are compiled once for both, and once for all clones; the race
# detector needs cgo.
GOTEST := -count=1 -vet=off -trimpath -ldflags='-s -w'
TESTENV := $(if $(findstring -race,$(TESTFLAGS)),,CGO_ENABLED=0) ATENDER_TEST_BINARY=$(CURDIR)/bin/atender
# For `make chaos`: make chaos ROUNDS=3 SEED=42
ROUNDS ?= 10
SEED ?= $(shell date +%s)
# For `make fuzz`: what all fuzz tests take together.
FUZZ_SECONDS ?= 60

.PHONY: help build image run test test-long fuzz chaos lint generate clean tools

help: ## List these commands
	@echo "Atender $(VERSION)"
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)$$/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

run: tools build ## Start everything locally with a demo tenant; Ctrl-C stops it, the data stays in .dev
	@bin/atender dev

test: tools build ## Run every test against a PostgreSQL and a Temporal of its own
	@$(INSTALL) chromium prometheus >/dev/null; \
	gotestsum=$$($(INSTALL) gotestsum); \
	$(TESTENV) \
		deploy/tools/with-deps.sh "$$gotestsum" --format pkgname -- $(GOTEST) -timeout=15m $(TESTFLAGS) $(PACKAGES)

# One package after the other: the long forms hold times to their promises, which others beside them would spoil.
test-long: tools build ## Run the long forms of the tests, an hour of fuzzing and chaos; takes about three hours
	@$(INSTALL) chromium prometheus >/dev/null; \
	gotestsum=$$($(INSTALL) gotestsum); \
	$(TESTENV) ATENDER_LONG=1 ATENDER_FAULTS=full \
		deploy/tools/with-deps.sh "$$gotestsum" --format pkgname -- $(GOTEST) -p=1 -timeout=3h $(TESTFLAGS) $(PACKAGES)
	@deploy/tools/fuzz.sh 3600
	@$(MAKE) --no-print-directory chaos

fuzz: ## Run all fuzz tests, FUZZ_SECONDS in all
	@deploy/tools/fuzz.sh $(FUZZ_SECONDS)

chaos: tools ## Kill and stop everything at random under load, ROUNDS times; SEED repeats a run
	ATENDER_CHAOS_ROUNDS=$(ROUNDS) go test ./tests/faults -run '^TestChaos$$' -v -count=1 -timeout=2h -seed $(SEED)

lint: ## Check style, import directions, formatting and, where there is Node, the front end
	@linter=$$($(INSTALL) golangci-lint); \
	"$$linter" run ./... && "$$linter" fmt --diff
	@cd deploy/packaging && CGO_ENABLED=0 go vet -trimpath ./... # compiled as the tests have it
	@deploy/tools/frontend.sh

build: ## Build bin/atender
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/atender .

image: ## Build the container image for amd64 and arm64, as an OCI layout in bin/image; no engine is needed
	@mkdir -p bin
	cd deploy/packaging && go run ./image -out ../../bin/image -version '$(VERSION)'

generate: ## Regenerate what follows from the OpenAPI document, in Go and JavaScript
	@generator=$$($(INSTALL) oapi-codegen); \
	PATH="$$(dirname "$$generator"):$$PATH" go generate ./...

tools: ## Find PostgreSQL and the Temporal CLI, install what is missing (about 5 minutes the first time)
	@$(INSTALL) postgres temporal >/dev/null

clean: ## Remove what was built; data in .dev stays
	rm -rf bin
