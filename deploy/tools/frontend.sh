#!/usr/bin/env bash
# Checks the JavaScript that Atender serves: types, lint, format, unit tests. `make lint` runs it.
#
#   deploy/tools/frontend.sh          checks
#   deploy/tools/frontend.sh --fix    formats, and mends what the linter can mend by itself, in place
#
# It needs Node; nothing else of Atender does. Where Node is missing it says so and succeeds, and where what it uses
# cannot be installed, it says so and runs the unit tests alone.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/versions.mk"
cd "$here/../.."

unchecked() {
    echo "$1: the front end was not checked"
    exit 0
}

command -v node >/dev/null 2>&1 || unchecked "Node is missing"
major=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\)\..*/\1/p')
[ "${major:-0}" -ge "$NODE_MIN_VERSION" ] || unchecked "Node $NODE_MIN_VERSION or newer is missing"

failed=no

# run WHAT COMMAND... is silent unless the command fails or has something to say in lines that begin with "Found".
run() {
    local what=$1 said
    shift
    if ! said=$("$@" 2>&1) || grep -q '^Found ' <<<"$said"; then
        printf '%s\n\nfront end: %s\n\n' "$said" "$what" >&2
        failed=yes
    fi
}

if ! modules=$("$here/install.sh" frontend); then
    echo "What checks the front end is not installed: its types, style and format were not checked"
    modules=
fi

if [ -n "$modules" ]; then
    export PATH=$modules/.bin:$PATH
    if [ "${1:-}" = --fix ]; then
        biome lint --write >/dev/null 2>&1 || true # what it cannot mend is told below
        biome format --write
    fi
    run "the linter has findings" biome lint --max-diagnostics=100
    run "not formatted: deploy/tools/frontend.sh --fix does it" biome format
    run "tsc has findings" tsc -p deploy/tools/frontend
    run "tsc has findings in the tests" tsc -p api/console/tests --typeRoots "$modules/@types"
fi
# Texts with times depend on the language of the machine.
run "unit tests failed" env LC_ALL=en_US.UTF-8 node --test api/console/tests/*.test.js

[ "$failed" = no ]
