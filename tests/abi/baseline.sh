#!/usr/bin/env bash
# Compare the interface with the recorded one (capi/abi/ptk-0.abi). New functions pass. Anything else is a decision: what only adds (a field at
# the end of ptk_progress, an enumerator) is recorded anew with "update" as the second argument; what breaks programs needs a new soname too.
set -uo pipefail
root=$1
command -v abidw > /dev/null && command -v abidiff > /dev/null || { echo "skipped: libabigail (abigail-tools) is not here"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$(cd "$root" && pwd)
cd "$work"  # the record names the compiled file
python3 "$root/tests/abi/stub.py" "$root" > stub.c || exit 1
${CC:-cc} -g -O0 -w -shared -fPIC stub.c -I"$root/capi/include" -Wl,-soname,libptychokit.so.0 \
  -Wl,--version-script="$root/capi/ptychokit.map" -o "$work/libptychokit.so" || exit 1
baseline=$root/capi/abi/ptk-0.abi
if [ "${2:-}" = update ]; then
  abidw --exported-interfaces-only --no-corpus-path --no-comp-dir-path --no-show-locs "$work/libptychokit.so" --out-file "$baseline"
  exit
fi
abidiff --harmless --no-added-syms "$baseline" "$work/libptychokit.so" ||
  { echo "the interface has changed: see the head of tests/abi/baseline.sh"; exit 1; }
echo "the recorded interface is kept"
