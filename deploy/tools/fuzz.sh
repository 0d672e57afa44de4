#!/usr/bin/env bash
# Runs every native fuzz test of the module for its share of a time:
#
#   deploy/tools/fuzz.sh SECONDS
#
# What is found is written to the package's testdata/fuzz, to be committed with the fix; inputs that only reach new code
# are kept in Go's cache (go env GOCACHE), and are where the next run begins.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[ $# = 1 ] || { echo "usage: fuzz.sh SECONDS" >&2; exit 2; }

mapfile -t targets < <(git ls-files -co --exclude-standard '*_test.go' | xargs grep -HoE '^func Fuzz[A-Za-z0-9_]+' |
    sed -E 's|^(.*)/[^/]*:func (Fuzz.*)$|./\1 \2|' | sort)
[ ${#targets[@]} -gt 0 ] || { echo "error: there are no fuzz tests" >&2; exit 1; }
share=$(($1 / ${#targets[@]}))
[ "$share" -ge 1 ] || share=1
echo "${#targets[@]} fuzz tests, $share s each"
for target in "${targets[@]}"; do
    read -r package name <<<"$target"
    echo "$package $name"
    status=0
    output=$(go test "$package" -run '^$' -fuzz "^$name\$" -fuzztime "${share}s" -timeout "$((share + 300))s" 2>&1) || status=$?
    if [ "$status" != 0 ]; then
        # Go's fuzzer fails now and then because its own time ends while a worker runs (golang/go#75804): that is no finding.
        if grep -q 'context deadline exceeded' <<<"$output" && ! grep -q 'Failing input written' <<<"$output"; then
            echo "its time ended while a worker ran, which Go reports as a failure: not a finding"
            continue
        fi
        printf '%s\n' "$output"
        exit 1
    fi
    tail -n 1 <<<"$output"
done
