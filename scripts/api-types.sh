#!/bin/sh
# Makes console/src/api/schema.d.ts of the API's own OpenAPI document; no server is started.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python
PATH="$(sh scripts/node.sh):$PATH"
made=$(mktemp)
trap 'rm -f "$made" "$made.ts"' EXIT
$python scripts/openapi.py >"$made"
[ -x console/node_modules/.bin/openapi-typescript ] || (cd console && npm ci --silent)
console/node_modules/.bin/openapi-typescript "$made" --output "$made.ts" >/dev/null
{
    echo "// Made by \`make api-types\` of the OpenAPI document $($python scripts/openapi.py --fingerprint). Do not edit."
    cat "$made.ts"
} >console/src/api/schema.d.ts
