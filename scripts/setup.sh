#!/bin/sh
# Makes .venv and installs Zhiyin into it: `setup.sh base` for running, `setup.sh test` for tests as well.
# Does nothing (in well under a second) when pyproject.toml, constraints.txt and this file are unchanged.
set -eu
cd "$(dirname "$0")/.."
want=${1:-base}
python=${PYTHON:-python3}
stamp=.venv/.zhiyin-$want

fingerprint() { cat pyproject.toml constraints.txt scripts/setup.sh | cksum; echo "$PWD"; }

if [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ]; then exit 0; fi

if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
    echo "Zhiyin needs Python 3.11, 3.12 or 3.13; '$python' is $("$python" --version 2>&1 || echo 'not there')." >&2
    echo "Name another one: make run PYTHON=python3.12" >&2
    exit 1
fi
if [ ! -x .venv/bin/python ]; then
    echo "Making .venv ..."
    if ! "$python" -m venv .venv; then
        rm -rf .venv
        echo "'$python -m venv' failed. On Debian and Ubuntu: sudo apt install python3-venv" >&2
        exit 1
    fi
fi

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

echo "Installing ($want); the first time takes a minute or two ..."
extras=""
[ "$want" = test ] && extras="[test]"
pip install --quiet --constraint constraints.txt --editable ".$extras"
# Silero's weights lie inside its package, whose declared dependency torch is not needed to run them on onnxruntime.
pip install --quiet --no-deps --constraint constraints.txt silero-vad
if ! .venv/bin/python -c 'from sound.opus import backend_name; backend_name()' 2>/dev/null; then
    echo "This system has no libopus: installing PyAV, whose wheel brings one (about 100 MB) ..."
    pip install --quiet --constraint constraints.txt av
fi
fingerprint >"$stamp"
[ "$want" = test ] && fingerprint >.venv/.zhiyin-base
exit 0
