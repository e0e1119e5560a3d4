# shellcheck shell=bash
# What tools/dev/compare-* have in common: servers that are started and ended, rounds by turns, medians. Sourced by bash,
# in the project's directory, with `set -euo pipefail`. $place is a directory of the run's own, which goes at its end.

place=$(mktemp -d)
servers=()
finish() {
    local pid
    for pid in "${servers[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$place"
}
trap finish EXIT

fail() {
    echo "$0: $*" >&2
    exit 1
}

# install COMMAND PACKAGE ...: Debian's packages of the commands that are missing.
install() {
    local missing=()
    while [ $# -ge 2 ]; do
        command -v "$1" >/dev/null || missing+=("$2")
        shift 2
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "Installing: ${missing[*]}" >&2
    local as_root
    as_root=$([ "$(id -u)" = 0 ] || echo sudo)
    $as_root apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qq -y --no-install-recommends "${missing[@]}" >&2
}

# start NAME COMMAND...: starts a server, and waits for the first line that it prints, into $first_line.
start() {
    local name=$1
    shift
    mkfifo "$place/$name"
    "$@" >"$place/$name" &
    servers+=($!)
    read -r first_line <"$place/$name" || fail "$name did not start"
}

# field NAME: what $first_line says behind NAME=.
field() {
    local rest=${first_line##*"$1"=}
    echo "${rest%% *}"
}

# by_turns ROUND ONE OTHER: runs both commands, in every second round in the opposite order.
by_turns() {
    if (($1 % 2)); then
        $2
        $3
    else
        $3
        $2
    fi
}

# median FILE [COLUMN]
median() {
    awk -v column="${2:-1}" '{ print $column }' "$1" | sort -n |
        awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}
