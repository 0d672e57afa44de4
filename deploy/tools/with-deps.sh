#!/usr/bin/env bash
# Runs a command with a PostgreSQL and a Temporal of its own, on free ports, and stops them whatever happens:
#
#   deploy/tools/with-deps.sh COMMAND [ARGUMENT...]
#
# The command finds them in ATENDER_TEST_DATABASE_URL, ATENDER_TEST_TEMPORAL_ADDRESS and
# ATENDER_TEST_TEMPORAL_NAMESPACE, and where their data is in ATENDER_TEST_DATA. Needs bin/atender (make build) and the tools (make tools).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
atender=$root/bin/atender
[ $# -gt 0 ] || { echo "usage: with-deps.sh COMMAND [ARGUMENT...]" >&2; exit 2; }
[ -x "$atender" ] || { echo "error: $atender is missing: run make build" >&2; exit 2; }

# Every test makes a database of its own, of some six hundred files: half a second on a busy disk, hundredths in memory.
# So the services keep their data there, where there is room for it and no variable says otherwise.
memory=/dev/shm
free_kb() { df -Pk "$memory" | awk 'NR == 2 { print $4 }'; }
available_kb() { awk '/^MemAvailable:/ { print $2 }' /proc/meminfo; }
if [ -n "${TMPDIR:-}" ]; then
    data=$TMPDIR
elif [ -d "$memory" ] && [ -w "$memory" ] && [ "$(stat -f -c %T "$memory")" = tmpfs ] &&
    [ "$(free_kb)" -ge 6000000 ] && [ "$(available_kb)" -ge 8000000 ]; then
    data=$memory
else
    data=/tmp
fi
export ATENDER_TEST_DATA=$data # for tests that start services of their own
dir=$(mktemp -d "$data/atender-test.XXXXXX")
stack=
command=

cleanup() {
    trap '' INT TERM HUP
    if [ -n "$command" ]; then
        kill -TERM -- "-$command" 2>/dev/null || true
        wait "$command" 2>/dev/null || true
    fi
    if [ -n "$stack" ]; then
        kill -TERM "$stack" 2>/dev/null || true
        wait "$stack" 2>/dev/null || true
    fi
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# A user's own database (ATENDER_DATABASE_URL) is no place for tests.
env -u ATENDER_DATABASE_URL "$atender" dev --deps-only --dir "$dir" >"$dir/dev.log" 2>&1 </dev/null &
stack=$!
for _ in $(seq 1 600); do
    [ ! -e "$dir/ready.json" ] || break
    kill -0 "$stack" 2>/dev/null || break
    sleep 0.1
done
if [ ! -e "$dir/ready.json" ]; then
    echo "error: the local stack did not get ready within a minute; its output:" >&2
    cat "$dir/dev.log" >&2
    exit 1
fi

# In a subshell, so that nothing else of the stack's environment gets into the tests.
eval "$(
    . "$dir/env"
    printf 'export ATENDER_TEST_DATABASE_URL=%q ATENDER_TEST_TEMPORAL_ADDRESS=%q ATENDER_TEST_TEMPORAL_NAMESPACE=%q\n' \
        "$ATENDER_DATABASE_URL" "$TEMPORAL_ADDRESS" "$TEMPORAL_NAMESPACE"
)"

# In the background and waited for, because bash runs no trap while a command is in the foreground. With job control
# the command gets a process group of its own, so that what it has started can be stopped with it.
set -m
"$@" &
command=$!
set +m
status=0
wait "$command" || status=$?
command=
if ! kill -0 "$stack" 2>/dev/null; then
    echo "error: the local stack ended during the run; its output:" >&2
    cat "$dir/dev.log" >&2
    [ "$status" != 0 ] || status=1
fi
exit "$status"
