#!/bin/sh
# The console: `console.sh build` makes console/dist when its sources changed; `if-possible` is the same and never fails,
# for the server says at / what to do; `check` lints it, checks its types and runs its unit tests; `for-tests` builds and
# brings what tests/console needs.
set -u
cd "$(dirname "$0")/.." || exit 1
stamp=console/dist/.built-from

sources() {
    find console -type f -not -path 'console/node_modules/*' -not -path 'console/dist/*' -not -name '*.test.ts' |
        LC_ALL=C sort | xargs cksum | cksum
}
# What is installed is what package-lock.json says; `dev` brings what only checks need.
install() {
    wanted="$1 $(cksum <console/package-lock.json)"
    installed=$(cat console/node_modules/.zhiyin 2>/dev/null)
    [ "$installed" = "$wanted" ] || [ "$installed" = "dev${wanted#base}" ] && return 0
    omit=--omit=dev
    [ "$1" = dev ] && omit=--include=dev
    (cd console && npm ci --silent $omit) || return 1
    echo "$wanted" >console/node_modules/.zhiyin
}
use_node() {
    folder=$(sh scripts/node.sh) || return 1
    PATH="$folder:$PATH"
    export PATH
}
build() {
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(sources)" ] && return 0
    echo "Building the console ..."
    use_node && install "${1:-base}" && (cd console && npm run --silent build -- --logLevel warn) && sources >"$stamp"
}

case ${1:-build} in
check)
    use_node && install dev && cd console && npm run --silent check
    ;;
for-tests)
    [ -f console/node_modules/axe-core/axe.min.js ] || { use_node && install dev; } || exit 1
    build dev
    ;;
if-possible)
    build || echo "The console could not be built; everything else works, and the page at / says what to do." >&2
    ;;
*)
    build
    ;;
esac
