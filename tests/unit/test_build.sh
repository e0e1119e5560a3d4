#!/bin/sh
# Whether tools/dev/build builds, tells why it could not, and makes good what was ended half way: in a tree of its own, with
# stubs for the programs that do the work. The last line is for Automake's log: Checks, Failures, Errors.
set -eu
build=${TALLYCAST_SRCDIR:-$(dirname "$0")/../..}/tools/dev/build
checks=0
failures=0
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# stub FILE COMMAND: a program that says its name, and executes the command.
stub() {
    mkdir -p "$tree/$(dirname "$1")"
    printf '#!/bin/sh\necho "%s runs"\n%s\n' "${1##*/}" "$2" >"$tree/$1"
    chmod +x "$tree/$1"
}

# A tree as it is checked out.
check_out() {
    rm -rf "${tree:?}"/*
    mkdir -p "$tree/tools/dev"
    cp "$build" "$tree/tools/dev/build"
    stub tools/dev/install-deps ''
    stub bin/autoreconf 'touch configure Makefile.in; chmod +x configure'
    stub bin/make ''
}

# expect STATUS WORDS: how a build ends, and what then is in its output or its log.
expect() {
    checks=$((checks + 1))
    status=0
    said=$(PATH=$tree/bin:$PATH "$tree/tools/dev/build" 2>&1) || status=$?
    log=$(cat "$tree/build/build.log")
    case "$said $log" in
    *"$2"*) [ "$status" -ne "$1" ] || return 0 ;;
    esac
    failures=$((failures + 1))
    echo "the build ends with status $status, and not $1 and \"$2\"; it says: $said; its log: $log"
}

check_out
expect 0 'autoreconf runs
make runs'
expect 0 'make runs'

check_out
stub configure 'touch Makefile' # and no Makefile.in
expect 0 'autoreconf runs'

check_out
stub bin/autoreconf 'exit 1'
expect 1 'autoreconf runs
The build failed; all of its output is in build/build.log.'

check_out
touch "$tree/Makefile.in"
stub configure 'exit 1'
expect 1 'configure runs
The build failed; all of its output is in build/build.log.'

check_out
stub bin/make 'exit 2'
expect 1 'make runs
The build failed; all of its output is in build/build.log.'

echo "build: Checks: $checks, Failures: $failures, Errors: 0"
[ "$failures" -eq 0 ]
