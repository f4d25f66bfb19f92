#!/bin/sh
# All tests. Whole talks (tests/e2e) and the console's pages (tests/console) run beside the others: they wait, for speech
# or for a browser, most of their time.
cd "$(dirname "$0")/.." || exit 1
talks=$(mktemp) || exit 1
.venv/bin/python -m pytest tests/e2e tests/console >"$talks" 2>&1 &
beside=$!
trap 'kill $beside 2>/dev/null; rm -f "$talks"' EXIT INT TERM
.venv/bin/python -m pytest --ignore=tests/e2e --ignore=tests/console
rest=$?
wait $beside
told=$?
echo "tests/e2e, tests/console:"
cat "$talks"
[ $rest = 0 ] && [ $told = 0 ]
