#!/usr/bin/env bash
# One set of weights for many beams: trains a physics_unet on simulated experiments, each with another object, another probe, another scan
# and another dose, all together. The result starts on a new scan with what it has learnt:
#   ptychokit reconstruct scan.npz -m pretrained.ptk -s probe.from=scan -s probe.warm_epochs=10 -o result            # without any training
#   ptychokit train scan.npz -m pretrained.ptk -s probe.from=scan -s probe.warm_epochs=10 -s training.epochs=2 -o run  # with a little
# (the warm epochs mend that scan's guess of its probe; the simulated ones are exact and do without).
# Usage: examples/pretrain.sh OUT.ptk [EXPERIMENTS [OPTION=VALUE ...]], e.g. examples/pretrain.sh light.ptk 24 generator.name=light
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
out=$(realpath -m "${1:?where the model goes}")
experiments=${2:-24}
given=()
for option in "${@:3}"; do given+=(-s "$option"); done
ptychokit=${PTYCHOKIT_BUILD:-build}/capi/cli/ptychokit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

objects=(dead_leaves siemens_star layered blurred_noise polyhedra lines)
probes=(disk gaussian zernike zone_plate)
scans=(grid fermat concentric random)
files=()
for ((i = 0; i < experiments; ++i)); do
    files+=("$work/$i.npz")
    "$ptychokit" simulate -q -o "${files[i]}" -s seed="$i" -s simulation.frames=400 \
        -s simulation.object="${objects[i % 6]}" -s simulation.phase="[0,$((1 + i % 3))]" -s simulation.amplitude="[0.$((6 + i % 4)),1]" \
        -s simulation.probe="${probes[i / 2 % 4]}" -s simulation.probe_defocus="$((i % 7 - 3))" -s simulation.zone_plate_outermost_zone_m=70e-9 -s simulation.modes="$((1 + i % 3))" \
        -s simulation.scan="${scans[i / 3 % 4]}" -s simulation.step="$((4 + i % 4))" -s simulation.photons="[1e5,3e6]"
done
# The scans hold the true probes, as a calibrated beam line knows its own.
"$ptychokit" train "${files[@]}" -o "$work/run" -s probe.from=scan -s probe.warm_epochs=0 -s training.epochs=1 "${given[@]}"
mv "$work/run/model.ptk" "$out"
echo "  $out"
