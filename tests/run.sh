#!/usr/bin/env bash
# Set up, build and run every test. The last line is "N passed, N failed, N skipped".
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

./setup.sh --tests
build=$(realpath -m "${PTYCHOKIT_BUILD:-build}")
# Warnings are errors in continuous integration only: elsewhere what the quickstart has built is built with the same flags.
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPTYCHOKIT_WERROR="$([ -n "${CI:-}" ] && echo ON || echo OFF)"
cmake --build "$build"
rm -rf "$build/results"
mkdir -p "$build/results"
status=0
# As many at once as there are cores, each with one thread: programs that share cores wait for each other's threads.
# Tests of threads ask for theirs.
jobs=$(env -u OMP_NUM_THREADS nproc)
OMP_NUM_THREADS=1 ctest --test-dir "$build" -j"$jobs" --output-on-failure --output-junit "$build/results/ctest.xml" ||
    status=$?
python3 tests/summary.py "$build/results" || status=$?
exit "$status"
