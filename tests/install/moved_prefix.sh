#!/usr/bin/env bash
# Install, move the prefix, and build and run the C example from there: with pkg-config, and with find_package in a project of language C. The
# layers of the other languages work from there too, where their tools are.
set -euo pipefail
build=$1 source=$2 compiler=$3 julia=${4:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved"
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$work/moved" -name ptychokit.pc)")
libdir=$(pkg-config --variable=libdir ptychokit)
flags=$(pkg-config --cflags ptychokit)
case "$flags" in *hdf5* | *torch*) echo "pkg-config --cflags leaks dependencies: $flags" && exit 1 ;; esac

# shellcheck disable=SC2046
"$compiler" -std=c99 -Wall -Wextra -Werror "$source/examples/c/reconstruct.c" -o "$work/example" $(pkg-config --cflags --libs ptychokit) -Wl,-rpath,"$libdir"
needed=$(readelf -d "$work/example" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v '^libc\.so' || true)
[ "$needed" = "libptychokit.so.0" ] || { echo "a C program needs more than our library: $needed" && exit 1; }
"$work/example" "$source/examples/data/siemens64.npz" "$source/examples/data/siemens64_reference.npz" "$work/result" training.epochs=1 refinement.epochs=2
test -s "$work/result/refined.h5"

# The Fortran sources of the prefix, with the compiler of this machine.
if command -v gfortran >/dev/null; then
    sources=$(pkg-config --variable=fortrandir ptychokit)
    # shellcheck disable=SC2046
    (cd "$work" && gfortran "$sources/ptychokit_c.f90" "$sources/ptychokit.f90" "$source/examples/fortran/reconstruct.f90" -o example_fortran \
        $(pkg-config --libs ptychokit) -Wl,-rpath,"$libdir")
    "$work/example_fortran" >/dev/null 2>&1 && echo "a Fortran program without arguments must fail" && exit 1
fi

jar=$(pkg-config --variable=jar ptychokit)
if [ -e "$jar" ]; then
    printf 'class Version { public static void main(String[] a) { System.out.println("Java " + org.ptychokit.PtychoKit.version()); } }\n' >"$work/Version.java"
    java -Dorg.ptychokit.library.path="$libdir" -cp "$jar" "$work/Version.java"
fi
if [ -x "$julia" ]; then
    JULIA_DEPOT_PATH=$work/depot PTYCHOKIT_LIBRARY=$libdir/libptychokit.so "$julia" --startup-file=no \
        --project="$(pkg-config --variable=juliadir ptychokit)" -e 'using PtychoKit; println("Julia ", PtychoKit.version())'
fi

cmake -S "$source/tests/install/consumer" -B "$work/consumer" -DCMAKE_PREFIX_PATH="$work/moved" -DCMAKE_C_COMPILER="$compiler" >/dev/null
cmake --build "$work/consumer" >/dev/null
"$work/consumer/consumer"
"$work/moved/bin/ptychokit" version >/dev/null
"$work/moved/bin/ptychokit" info "$source/examples/data/siemens64.npz" | grep -q 516
echo "moved prefix works"
