#!/usr/bin/env bash
# What the built library shows to the outside: the functions of the map and nothing else, no executable stack, no CUDA of ours needed,
# libraries found beside it or in LibTorch's folder.
set -uo pipefail
library=$1 map=$2
failed=0
fail() { echo "failed: $*"; failed=$((failed + 1)); }

wanted=$(grep -oE '\bptk_[a-z0-9_]+;' "$map" | tr -d ';' | sort)
found=$(nm -D --defined-only "$library" | awk '$2 != "A" {sub(/@.*/, "", $3); print $3}' | sort)
[ -n "$wanted" ] || fail "no functions in $map"
diff <(echo "$wanted") <(echo "$found") || fail "exported symbols (>) are not those of the map (<)"

readelf -Wl "$library" | grep -E 'GNU_STACK.*RWE' && fail "executable stack"
readelf -Wl "$library" | grep -q GNU_STACK || fail "no GNU_STACK header: the stack would be executable"
dynamic=$(readelf -Wd "$library")
grep -q 'soname: \[libptychokit\.so\.0\]' <<< "$dynamic" || fail "soname is not libptychokit.so.0"
grep -q 'NODELETE' <<< "$dynamic" || fail "not marked NODELETE"
grep -q 'TEXTREL' <<< "$dynamic" && fail "text relocations"
grep -E 'NEEDED.*(cuda|cudart|cufft|torch_cuda|nvidia)' <<< "$dynamic" && fail "needs CUDA to be loaded"
grep -E '\(RPATH\)' <<< "$dynamic" && fail "RPATH, which wins over LD_LIBRARY_PATH, instead of RUNPATH"
grep -qE 'RUNPATH.*\[\$ORIGIN[]:]' <<< "$dynamic" || fail "RUNPATH does not begin with \$ORIGIN"
echo "$(wc -l <<< "$found") functions, $failed failures"
[ "$failed" -eq 0 ]
