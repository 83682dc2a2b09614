#!/usr/bin/env bash
# The main job on a real scan: set up, build, train on 516 frames of a Siemens star without labels, reconstruct, refine, evaluate.
# Results go to examples/out/. Safe to run again.
set -euo pipefail
cd "$(dirname "$0")/.."
# Threads that wait actively cost other programs on the machine several times their speed.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

./setup.sh
build=${PTYCHOKIT_BUILD:-build}
# The program and the library are all that is needed here.
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$build" --target ptychokit_cli

out=examples/out
rm -rf "$out"
ptychokit=$build/capi/cli/ptychokit
scan=examples/data/siemens64.npz
started=$(date +%s)

"$ptychokit" info "$scan"
"$ptychokit" train "$scan" -o "$out/run"
"$ptychokit" reconstruct "$scan" -m "$out/run/model.ptk" -o "$out"
for result in object refined; do
    echo
    echo "$result, against the frames and against an independent reconstruction (examples/data/README.md):"
    "$ptychokit" evaluate "$out/$result.h5" --scan "$scan" --reference examples/data/siemens64_reference.npz
done

echo
echo "Done in $(($(date +%s) - started)) s (training, reconstruction, refinement and evaluation). Look at:"
echo "  $out/object_phase.png    the network's picture"
echo "  $out/refined_phase.png   after refinement"
echo "  $out/run/history.png     loss over the epochs"
echo "  $out/refined_probe.png   the probe's modes"
echo "  $out/object.h5, $out/refined.h5   the numbers"
