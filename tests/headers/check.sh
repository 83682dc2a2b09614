#!/usr/bin/env bash
# Every public header alone and twice, with every compiler at hand, as C89 to C++20, pedantic.
set -uo pipefail
include=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 checked=0
check() {  # compiler language standard flags...
  local compiler=$1 language=$2 standard=$3
  shift 3
  for header in "$include"/ptychokit/*.h; do
    local name=ptychokit/${header##*/}
    # An empty C file is not allowed to be pedantic, hence the typedef.
    printf '#include <%s>\n#include <%s>\ntypedef int unit;\n' "$name" "$name" > "$work/unit"
    checked=$((checked + 1))
    "$compiler" -x "$language" -std="$standard" -pedantic -Wall -Wextra -Werror "$@" -fsyntax-only -I"$include" "$work/unit" ||
      { echo "failed: $name with $compiler -std=$standard"; failed=$((failed + 1)); }
  done
}
for c in gcc clang; do
  command -v "$c" > /dev/null || { echo "note: no $c here"; continue; }
  for standard in c89 c99 c11 c17; do check "$c" c "$standard" -Wstrict-prototypes -Wdeclaration-after-statement; done
done
for c in g++ clang++; do
  command -v "$c" > /dev/null || { echo "note: no $c here"; continue; }
  for standard in c++98 c++11 c++17 c++20; do check "$c" c++ "$standard"; done
done
# What compilers let pass: names that are keywords in a language of the bindings, and // comments.
words='in|end|type|function|module|lambda|from|def|class|import|object_type|var|val|let|begin|result|subroutine|procedure|interface|native|package|final|abstract|pass|raise|yield|global|local'
for header in "$include"/ptychokit/*.h; do
  code=$(sed -E 's@/\*.*\*/@@; /^ *(\/\*|\*)/d' "$header")
  if grep -E "[ *](${words})[,)]" <<< "$code"; then
    echo "failed: ${header##*/}: a parameter has the name of a keyword"; failed=$((failed + 1))
  fi
  if grep -F '//' <<< "$code"; then
    echo "failed: ${header##*/}: a // comment"; failed=$((failed + 1))
  fi
done
echo "$checked compilations, $failed failures"
[ "$failed" -eq 0 ] && [ "$checked" -gt 0 ]
