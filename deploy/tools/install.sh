#!/bin/sh
# Finds the tools that Atender is built, tested and run with, and installs the missing ones.
#
#   install.sh [--find] TOOL...      TOOL: postgres temporal chromium prometheus golangci-lint gotestsum oapi-codegen
#                                          ogen frontend clients
#
# For each tool one line goes to stdout: the path of its program (for postgres: the directory of the server's
# programs; for prometheus: that of prometheus and promtool; for frontend, which is what checks the JavaScript, and
# clients, which is what generates clients in TypeScript: a directory node_modules). What is being done, and why it
# takes long, goes to stderr. With --find nothing is installed.
#
# Go tools are built from source at the versions of versions.mk, npm packages installed at those of package-lock.json
# in frontend and clients, into ${XDG_CACHE_HOME:-~/.cache}/atender/tools/<tool>-<version>/, outside the clone, so that
# every clone and every run shares them. ATENDER_TOOLS_DIR names another place. It is safe to run this twice at the
# same time.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/versions.mk"

find_only=no

say() { printf '%s\n' "$*" >&2; }

die() {
    say "error: $*"
    exit 1
}

# own_private_dir DIR: DIR exists, is a real directory and no other account can have prepared it.
own_private_dir() {
    mkdir -m 700 "$1" 2>/dev/null || true
    [ -d "$1" ] && [ ! -L "$1" ] && [ -O "$1" ]
}

# Sets $tools_dir, also where HOME is unset or unusable, as in some CI systems.
choose_tools_dir() {
    if [ -n "${ATENDER_TOOLS_DIR:-}" ]; then
        tools_dir=$ATENDER_TOOLS_DIR
    elif [ -n "${XDG_CACHE_HOME:-}" ]; then
        tools_dir=$XDG_CACHE_HOME/atender/tools
    else
        tools_dir=${HOME:+$HOME/.cache/atender/tools}
    fi
    if [ -n "$tools_dir" ] && mkdir -p "$tools_dir" 2>/dev/null && [ -w "$tools_dir" ]; then
        return
    fi
    fallback=${TMPDIR:-/tmp}/atender-$(id -u)
    own_private_dir "$fallback" || die "cannot write to ${tools_dir:-~/.cache (HOME is not set)}, and $fallback belongs to another account:" \
        "set ATENDER_TOOLS_DIR to a directory that you can write to"
    tools_dir=$fallback/tools
    mkdir -p "$tools_dir"
    # Go and npm want places for their caches too, and take them from the same unusable HOME.
    export GOCACHE="${GOCACHE:-$fallback/go-build}" GOPATH="${GOPATH:-$fallback/go}"
    export npm_config_cache="${npm_config_cache:-$fallback/npm}"
}

# release_lock removes the lock of this process; it is also what signals and failures run.
lock=
scratch=
release_lock() {
    [ -z "$scratch" ] || rm -rf "$scratch"
    [ -z "$lock" ] || rm -rf "$lock"
    scratch= lock=
}
trap release_lock EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# take_lock DIR waits for its turn. The lock only saves work: what makes two installations safe is that a finished
# program is put in place by one rename. So a lock whose owner is gone is simply taken away.
take_lock() {
    told=no
    until mkdir "$1" 2>/dev/null; do
        owner=$(cat "$1/pid" 2>/dev/null || true)
        if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
            rm -rf "$1"
            continue
        fi
        # A lock without an owner was made this moment, or its maker was killed in between.
        if [ -z "$owner" ] && [ -n "$(find "$1" -maxdepth 0 -mmin +1 2>/dev/null)" ]; then
            rm -rf "$1"
            continue
        fi
        [ "$told" = yes ] || say "waiting for process ${owner:-?}, which is installing the same"
        told=yes
        sleep 1
    done
    lock=$1
    echo $$ >"$lock/pid"
}

# go_tool NAME VERSION PACKAGE WHY prints the path of a Go program, building it first if it is not there.
go_tool() {
    dir=$tools_dir/$1-$2
    if [ -x "$dir/$1" ]; then
        echo "$dir/$1"
        return
    fi
    [ "$find_only" = no ] || die "$1 $2 is not installed (expected in $dir): run deploy/tools/install.sh $1"
    command -v go >/dev/null 2>&1 || die "$1 $2 is not installed, and building it needs Go: see https://go.dev/dl"
    take_lock "$dir.lock"
    if [ ! -x "$dir/$1" ]; then
        say "installing $1 $2 into $dir: $4"
        scratch=$(mktemp -d "$dir.XXXXXX")
        # The environment may aim go at another platform, another workspace or a vendor directory: not for tools.
        # GOFLAGS is set, not emptied, because an empty one makes go fall back to the user's configuration file.
        (
            unset GOOS GOARCH
            cd "$scratch" && GOFLAGS=-trimpath GOWORK=off GO111MODULE=on GOBIN=$scratch go install "$3@$2"
        ) >&2 || die "could not build $1 $2; the lines above are Go's"
        mkdir -p "$dir"
        mv -f "$scratch/$1" "$dir/$1"
        say "installed $1 $2"
    fi
    release_lock
    echo "$dir/$1"
}

# temporal_version PROGRAM prints vX.Y.Z: as the program says it, or, for one built with go install, which says
# 0.0.0-DEV, as Go recorded it. Nothing if neither knows.
temporal_version() {
    said=$("$1" --version 2>/dev/null | sed -n 's/^temporal version \([0-9][0-9.]*\).*/\1/p')
    if [ "$said" = 0.0.0 ]; then
        said=$(go version -m "$1" 2>/dev/null |
            sed -n 's|^[[:space:]]*mod[[:space:]]*github.com/temporalio/cli[[:space:]]*v\([0-9.]*\).*|\1|p')
    fi
    [ -z "$said" ] || echo "v$said"
}

# The functions are not called as the programs are: command -v would find them instead.
#
# The pinned Temporal CLI: one on PATH is taken if it is of exactly that version, because its development server keeps
# the data, and a newer one migrates it so that the pinned one cannot read it any more.
tool_temporal() {
    found=$(command -v temporal 2>/dev/null || true)
    if [ -n "$found" ] && [ "$(temporal_version "$found")" = "$TEMPORAL_VERSION" ]; then
        echo "$found"
        return
    fi
    go_tool temporal "$TEMPORAL_VERSION" github.com/temporalio/cli/cmd/temporal \
        "the Temporal CLI with its development server and UI, built from source; about 5 minutes on 2 cores, once"
}

# postgres_in DIR: DIR has the programs of a PostgreSQL server that is new enough.
postgres_in() {
    [ -x "$1/initdb" ] && [ -x "$1/postgres" ] && [ -x "$1/pg_ctl" ] || return 1
    major=$("$1/postgres" --version 2>/dev/null | sed -n 's/^[^0-9]*\([0-9][0-9]*\).*/\1/p')
    [ "${major:-0}" -ge "$POSTGRES_MIN_VERSION" ]
}

# find_postgres prints the directory of a server's programs: PATH first, then the newest in the places where Debian,
# Homebrew (both processors), Postgres.app, Red Hat and the BSDs put them.
find_postgres() {
    for program in initdb pg_ctl postgres; do
        found=$(command -v "$program" 2>/dev/null || true)
        [ -n "$found" ] || continue
        # Debian has wrappers and links on PATH: what counts is where the program really is.
        found=$(dirname "$(readlink -f "$found" 2>/dev/null || echo "$found")")
        if postgres_in "$found"; then
            echo "$found"
            return
        fi
    done
    for version in 20 19 18 17 16 15; do
        for dir in "/usr/lib/postgresql/$version/bin" "/opt/homebrew/opt/postgresql@$version/bin" \
            "/usr/local/opt/postgresql@$version/bin" "/home/linuxbrew/.linuxbrew/opt/postgresql@$version/bin" \
            "/Applications/Postgres.app/Contents/Versions/$version/bin" "/usr/pgsql-$version/bin"; do
            if postgres_in "$dir"; then
                echo "$dir"
                return
            fi
        done
    done
    for dir in /opt/homebrew/opt/postgresql/bin /usr/local/opt/postgresql/bin /usr/local/pgsql/bin /usr/local/bin; do
        if postgres_in "$dir"; then
            echo "$dir"
            return
        fi
    done
    return 1
}

# may_install_packages MISSING BY_HAND sets $root to what makes a command run as root, or ends with the two sentences.
may_install_packages() {
    [ "$find_only" = no ] || die "$1: $2"
    command -v apt-get >/dev/null 2>&1 || die "$1: $2"
    if [ "$(id -u)" = 0 ]; then
        root=
    elif sudo -n true 2>/dev/null; then
        root='sudo -n'
    else
        die "$1, and installing it needs root: $2"
    fi
}

tool_postgres() {
    if find_postgres; then
        return
    fi
    missing="no PostgreSQL server $POSTGRES_MIN_VERSION or newer found on PATH or in the usual places"
    by_hand="install it (Debian and Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17 or
Postgres.app), or set ATENDER_DATABASE_URL to an empty database"
    may_install_packages "$missing" "$by_hand"
    say "$missing: installing Debian's packages; about a minute, once"
    $root env DEBIAN_FRONTEND=noninteractive sh -eu >&2 <<'INSTALL' || die "apt-get failed; the lines above are its own"
apt-get update -q
apt-get install -q -y --no-install-recommends postgresql-common
# Atender keeps a private cluster: the one that Debian's package would make, and start at every boot, is not wanted.
sed -i 's/^#* *create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
apt-get install -q -y --no-install-recommends postgresql
INSTALL
    find_postgres || die "apt-get installed PostgreSQL, but it is older than $POSTGRES_MIN_VERSION: $by_hand"
}

# find_chromium prints the path of a Chromium or Chrome that starts: Ubuntu has a program of that name that only says
# that it is not installed. A headless shell comes first: it is the same browser without its own windows, in which a
# page costs half the computing. Debian's name for it on PATH is a script that leaves the browser behind when it is
# killed, so the browser is called by where it lies.
find_chromium() {
    for program in /usr/lib/chromium/chromium-headless-shell chrome-headless-shell \
        chromium chromium-browser google-chrome google-chrome-stable chrome \
        "/Applications/Chromium.app/Contents/MacOS/Chromium" \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        found=$(command -v "$program" 2>/dev/null || true)
        if [ -n "$found" ] && "$found" --version >/dev/null 2>&1; then
            echo "$found"
            return
        fi
    done
    return 1
}

tool_chromium() {
    if find_chromium; then
        return
    fi
    missing="no Chromium or Chrome found, in which the pages are tested"
    by_hand="install it (Debian: apt-get install chromium-headless-shell; Ubuntu and macOS: Google Chrome from google.com/chrome)"
    may_install_packages "$missing" "$by_hand"
    say "$missing: installing Debian's package; about a minute, once"
    # Releases before Debian 12 have no headless shell of their own.
    $root env DEBIAN_FRONTEND=noninteractive sh -eu >&2 <<'INSTALL' || die "apt-get failed; the lines above are its own. $by_hand"
apt-get update -q
apt-get install -q -y --no-install-recommends chromium-headless-shell ||
    apt-get install -q -y --no-install-recommends chromium
INSTALL
    find_chromium || die "apt-get installed chromium, but it does not start: $by_hand"
}

# prometheus_in DIR: DIR has a Prometheus that is new enough, and the promtool that comes with it.
prometheus_in() {
    [ -x "$1/prometheus" ] && [ -x "$1/promtool" ] || return 1
    said=$("$1/prometheus" --version 2>&1 | sed -n 's/^prometheus, version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
    [ -n "$said" ] || return 1
    needed=$PROMETHEUS_MIN_VERSION
    [ "${said% *}" -gt "${needed%.*}" ] || { [ "${said% *}" -eq "${needed%.*}" ] && [ "${said#* }" -ge "${needed#*.}" ]; }
}

# find_prometheus prints the directory of both programs: PATH first, then what was unpacked before.
find_prometheus() {
    found=$(command -v prometheus 2>/dev/null || true)
    for dir in "${found%/*}" /opt/homebrew/opt/prometheus/bin /usr/local/opt/prometheus/bin "$tools_dir/prometheus/bin"; do
        if [ -n "$dir" ] && prometheus_in "$dir"; then
            echo "$dir"
            return
        fi
    done
    return 1
}

# Debian's package is unpacked beside the other tools and not installed, because installing it starts a service; so this
# needs no root either. Where the system has no lists of packages, or too old ones, they are fetched for this once.
tool_prometheus() {
    if find_prometheus; then
        return
    fi
    missing="no Prometheus $PROMETHEUS_MIN_VERSION or newer with its promtool found on PATH or in $tools_dir/prometheus"
    by_hand="put the programs prometheus and promtool on PATH (prometheus.io/download; macOS: brew install prometheus;
Debian and Ubuntu: apt-get install prometheus, which starts a service as well)"
    [ "$find_only" = no ] || die "$missing: run deploy/tools/install.sh prometheus, or $by_hand"
    command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || die "$missing: $by_hand"
    take_lock "$tools_dir/prometheus.lock"
    if ! find_prometheus >/dev/null; then
        say "$missing: unpacking Debian's package there; about half a minute, once"
        scratch=$(mktemp -d "$tools_dir/prometheus.XXXXXX")
        mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial"
        (
            cd "$scratch"
            apt-get download -q prometheus || {
                own="-o Dir::State::Lists=$scratch/lists -o Dir::Cache=$scratch/cache"
                # shellcheck disable=SC2086 # several options
                apt-get $own update -q && apt-get $own download -q prometheus
            }
            dpkg-deb -x prometheus_*.deb unpacked
        ) >&2 || die "apt-get could not fetch the package prometheus; the lines above are its own. $by_hand"
        prometheus_in "$scratch/unpacked/usr/bin" ||
            die "the package prometheus has no Prometheus $PROMETHEUS_MIN_VERSION or newer that starts: $by_hand"
        mkdir -p "$tools_dir/prometheus"
        rm -rf "$tools_dir/prometheus/bin" # one that is too old
        mv -f "$scratch/unpacked/usr/bin" "$tools_dir/prometheus/bin"
        say "unpacked Prometheus"
    fi
    release_lock
    find_prometheus
}

# npm_packages NAME WHY prints the node_modules of what NAME/package-lock.json names. Another lock is installed beside
# it.
npm_packages() {
    lock_file=$here/$1/package-lock.json
    [ -f "$lock_file" ] || die "$1 is installed from a clone of Atender only"
    dir=$tools_dir/$1-$(cksum <"$lock_file" | cut -d ' ' -f 1)
    if [ ! -d "$dir/node_modules" ]; then
        [ "$find_only" = no ] || die "$1 is not installed (expected in $dir): run deploy/tools/install.sh $1"
        command -v npm >/dev/null 2>&1 || die "installing $1 needs npm, which comes with Node"
        take_lock "$dir.lock"
        if [ ! -d "$dir/node_modules" ]; then
            say "installing $1 into $dir: $2"
            scratch=$(mktemp -d "$dir.XXXXXX")
            cp "$here/$1/package.json" "$lock_file" "$scratch"
            (cd "$scratch" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error \
                --fetch-retries=1 --fetch-timeout=60000) >&2 || die "npm could not install $1; the lines above are its own"
            mkdir -p "$dir"
            mv -f "$scratch/node_modules" "$dir/node_modules"
            say "installed $1"
        fi
        release_lock
    fi
    echo "$dir/node_modules"
}

[ "${1:-}" != --find ] || {
    find_only=yes
    shift
}
all="postgres, temporal, chromium, prometheus, golangci-lint, gotestsum, oapi-codegen, ogen, frontend, clients"
[ $# -gt 0 ] || die "usage: install.sh [--find] TOOL...: one or more of $all"
choose_tools_dir
for tool in "$@"; do
    case $tool in
    postgres) tool_postgres ;;
    temporal) tool_temporal ;;
    chromium) tool_chromium ;;
    prometheus) tool_prometheus ;;
    frontend)
        npm_packages frontend "the TypeScript compiler and Biome, 130 MB; about 10 seconds, once"
        ;;
    clients)
        npm_packages clients "generators of TypeScript clients and their compiler, 60 MB; about 10 seconds, once"
        ;;
    golangci-lint)
        go_tool golangci-lint "$GOLANGCI_LINT_VERSION" github.com/golangci/golangci-lint/v2/cmd/golangci-lint \
            "the linters, built from source; about 3 minutes on 2 cores, once"
        ;;
    gotestsum)
        go_tool gotestsum "$GOTESTSUM_VERSION" gotest.tools/gotestsum "the test runner; some seconds, once"
        ;;
    oapi-codegen)
        go_tool oapi-codegen "$OAPI_CODEGEN_VERSION" github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen \
            "the OpenAPI code generator; about half a minute, once"
        ;;
    ogen)
        go_tool ogen "$OGEN_VERSION" github.com/ogen-go/ogen/cmd/ogen "a generator of Go clients; about a minute, once"
        ;;
    *) die "unknown tool $tool: one of $all" ;;
    esac
done
