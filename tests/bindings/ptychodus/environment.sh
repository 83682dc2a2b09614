#!/usr/bin/env bash
# A private Python with the real ptychodus from PyPI, for the tests only.
#
#   environment.sh VERSION FOLDER [PYTHON]
#
# What is there is left alone. The versions of what ptychodus stands on are held, so that a test does not change by itself.
set -euo pipefail
version=$1 folder=$2 python=${3:-python3}
constraints=$(realpath "$(dirname "$0")/constraints.txt")
wanted="ptychodus==$version $("$python" -c 'import sys; print("Python %d.%d" % sys.version_info[:2])')"

[ "$(cat "$folder/installed" 2>/dev/null || true)" != "$wanted" ] || { echo "there"; exit 0; }
rm -rf "$folder"
"$python" -m venv "$folder"
"$folder/bin/python" -m pip --disable-pip-version-check install --quiet --no-compile --constraint "$constraints" "ptychodus==$version"
echo "$wanted" >"$folder/installed"
echo "installed"
