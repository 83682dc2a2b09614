#!/usr/bin/env bash
# One set of weights for many beams: trains a physics_unet on simulated experiments, each with another object, another probe, another scan
# and another dose, one after the other. The result starts on a new scan with what it has learnt:
#   ptychokit reconstruct scan.npz -m pretrained.ptk -s probe.from=scan -o result            # without any training
#   ptychokit train scan.npz -m pretrained.ptk -s probe.from=scan -s training.epochs=2 -o run  # with a little
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
start=()
for ((i = 0; i < experiments; ++i)); do
    phase=$((1 + i % 3))
    "$ptychokit" simulate -q -o "$work/scan.npz" -s seed="$i" -s simulation.frames=400 \
        -s simulation.object="${objects[i % 6]}" -s simulation.phase="[0,$phase]" -s simulation.amplitude="[0.$((6 + i % 4)),1]" \
        -s simulation.probe="${probes[i / 2 % 4]}" -s simulation.probe_defocus="$((i % 7 - 3))" -s simulation.modes="$((1 + i % 3))" \
        -s simulation.scan="${scans[i / 3 % 4]}" -s simulation.step="$((4 + i % 4))" -s simulation.photons="[1e5,3e6]"
    # The scan holds the true probe, as a calibrated beam line knows it. The last experiments settle the weights.
    rate=$(awk -v i="$i" -v n="$experiments" 'BEGIN { printf "%.3g", 2e-3 * (1 - i / n) + 1e-5 }')
    "$ptychokit" train -q "$work/scan.npz" "${start[@]}" -o "$work/run$i" -s probe.from=scan -s probe.warm_epochs=0 -s seed="$i" \
        -s training.epochs=1 -s training.learning_rate="$rate" -s training.schedule=constant "${given[@]}"
    start=(-m "$work/run$i/model.ptk")
    rm -rf "$work/run$((i - 1))"
    echo "experiment $((i + 1)) of $experiments: ${objects[i % 6]}, ${probes[i / 2 % 4]}, loss $(tail -1 "$work/run$i/history.csv" | cut -d, -f2,3)"
done
mv "$work/run$((experiments - 1))/model.ptk" "$out"
echo "  $out"
