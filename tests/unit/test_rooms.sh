#!/bin/sh
# Whether the sources keep to their rooms (tools/dev/check-rooms), and whether that would be noticed: each wrong include
# below is tried in a tree of its own. The last line is for Automake's log: Checks, Failures, Errors.
set -eu
check=${TALLYCAST_SRCDIR:-$(dirname "$0")/../..}/tools/dev/check-rooms
checks=0
failures=0
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# expect STATUS WORDS COMMAND...: what the command must end with and print.
expect() {
    wanted=$1 words=$2
    shift 2
    checks=$((checks + 1))
    status=0
    said=$("$@" 2>&1) || status=$?
    case $said in
    *"$words"*) [ "$status" -ne "$wanted" ] || return 0 ;;
    esac
    failures=$((failures + 1))
    echo "$* ends with status $status, and not $wanted and \"$words\":"
    echo "$said"
}

# expect_found WORDS {FILE INCLUDED}...
expect_found() {
    words=$1
    shift
    rm -rf "$tree/src" "$tree/proto"
    mkdir "$tree/src" "$tree/proto"
    while [ $# -gt 0 ]; do
        mkdir -p "$tree/$(dirname "$1")"
        printf '#include <stdio.h>\n#include "%s"\n' "$2" >>"$tree/$1"
        shift 2
    done
    expect 1 "$words" "$check" "$tree"
}

expect 0 '' "$check"
expect_found 'net/conn.c includes ledger/ports.h: net must not see ledger' src/net/conn.c ledger/ports.h
expect_found 'net/loop.h includes serve/worker.h: net must not see serve' src/net/loop.h serve/worker.h
expect_found 'line/session.c includes web/page.h: line must not see web' src/line/session.c web/page.h
expect_found 'web/page.c includes line/session.h: web must not see line' src/web/page.c line/session.h
expect_found 'view/stats.h includes web/page.h: view must not see web' src/view/stats.h web/page.h
expect_found 'base/log.c includes proto/name.h: base must not see proto' src/base/log.c proto/name.h
expect_found 'proto/name.c includes poll/poll.h: proto must not see poll' proto/name.c poll/poll.h
expect_found 'store/sqlite/sqlite.c includes ledger/ports.h: store' src/store/sqlite/sqlite.c ledger/ports.h
expect_found 'line/a.c includes main.h: line must not see top' src/line/a.c main.h
expect_found 'cellar/wine.c includes base/log.h: there is no such room' src/cellar/wine.c base/log.h
expect_found 'headers in a circle:' src/net/a.h net/b.h src/net/b.h net/c.h src/net/c.h net/a.h

echo "rooms: Checks: $checks, Failures: $failures, Errors: 0"
[ "$failures" -eq 0 ]
