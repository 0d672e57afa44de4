# The versions of the tools that build, check and run Atender on a developer's machine and in CI. This is the only
# place that names them; what npm installs is in the package-lock.json of frontend and of clients. The Makefile
# includes this file, install.sh sources it and package tools embeds it, so each line has to be plain NAME=value: no
# spaces, no quotes.
TEMPORAL_VERSION=v1.5.1
GOLANGCI_LINT_VERSION=v2.15.0
GOTESTSUM_VERSION=v1.13.0
OAPI_CODEGEN_VERSION=v2.8.2
# The generator of Go clients that the contract is tried with; tests/clients/ogen/go.mod has it, too.
OGEN_VERSION=v1.25.0
# The oldest PostgreSQL that the migrations are written for.
POSTGRES_MIN_VERSION=15
# The oldest Prometheus that the rules, their tests and the dashboard's queries are tried with: Debian 12's.
PROMETHEUS_MIN_VERSION=2.42
# The oldest Node that checks the front end: the first one whose test runner and modules are what the tests use.
NODE_MIN_VERSION=20
