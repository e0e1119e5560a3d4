#!/bin/sh
# Whether what the documents link to is there: in the sources, and for what is linked by an installed one, among what is
# installed (TALLYCAST_DOCUMENTS, set by make). The last line is for Automake's log: Checks, Failures, Errors.
set -eu
cd "${TALLYCAST_SRCDIR:-$(dirname "$0")/../..}"
documents=${TALLYCAST_DOCUMENTS:-}
links=$(mktemp)
trap 'rm -f "$links"' EXIT

# Of each link to a file: the document, and the file from the top on.
for document in README.md CHANGELOG.md doc/*.md proto/*.md; do
    grep -oE '\]\([^)]+\)' "$document" | sed -E 's/^\]\(//; s/\)$//; s/#.*//' | grep -vE '^$|^[a-z]+:' |
        sed "s|^|$document $(dirname "$document")/|" || :
done | sed -E 's| \./| |; s|[^/ ]+/\.\./||' | sort -u >"$links"

checks=0
failures=0
while read -r document file; do
    checks=$((checks + 1))
    if ! [ -e "$file" ]; then
        why='is not there'
    else
        case " $documents " in
        *" $document "*)
            case " $documents " in
            *" $file "*) continue ;;
            esac
            why='is not installed, and the document is'
            ;;
        *) continue ;;
        esac
    fi
    failures=$((failures + 1))
    echo "$document links to $file, which $why"
done <"$links"

[ "$checks" -gt 20 ] || { failures=$((failures + 1)); echo "only $checks links were found"; }
echo "links: Checks: $checks, Failures: $failures, Errors: 0"
[ "$failures" -eq 0 ]
