"""The same programme (examples/*/reconstruct.*) gives the same lines in every language: programme.py SCAN REFERENCE LANGUAGE COMMAND [-- ...].

The library computes the same on the same machine with the same seed, so that numbers may differ in how a language sums and prints them only:
one part in a million."""
import pathlib
import re
import subprocess
import sys
import tempfile

# Small and quick: a part of the scan, a thin network, one epoch.
OPTIONS = ["seed=5", "data.x_bounds=0,0.45", "data.y_bounds=0,0.45", "training.epochs=1", "generator.width=8", "generator.depth=1",
           "probe.warm_epochs=1", "refinement.epochs=2"]
TOLERANCE = 1e-6
NUMBER = r"-?\d*\.?\d+(?:[eE][-+]?\d+)?"


def same(expected, found):
    if re.split(NUMBER, expected) != re.split(NUMBER, found):
        return False
    pairs = zip(map(float, re.findall(NUMBER, expected)), map(float, re.findall(NUMBER, found)))
    return all(abs(a - b) <= TOLERANCE * abs(a) for a, b in pairs)


def run(command, scan, reference):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*command, scan, reference, f"{folder}/out", *OPTIONS], capture_output=True, text=True)
        files = {path.name for path in pathlib.Path(folder, "out").iterdir()} if pathlib.Path(folder, "out").exists() else set()
    missing = {"model.ptk", "refined.h5", "refined_phase.png"} - files
    return done, missing


def main():
    scan, reference = sys.argv[1:3]
    programs, current = [], []
    for argument in sys.argv[3:] + ["--"]:
        if argument == "--":
            programs.append((current[0], current[1:]))
            current = []
        else:
            current.append(argument)
    measure, wrong = None, 0
    for language, command in programs:
        done, missing = run(command, scan, reference)
        lines = done.stdout.strip().split("\n")
        measure = measure or lines
        different = [(e, f) for e, f in zip(measure, lines) if not same(e, f)]
        if done.returncode or missing or different or len(lines) != len(measure) or len(lines) < 10:
            wrong += 1
            print(f"{language}: exit status {done.returncode}, missing files {sorted(missing)}, {len(lines)} lines\n{done.stderr[-2000:]}")
            print("\n".join(f"  in C: {e}\n  here: {f}" for e, f in different))
        else:
            print(f"{language}: {len(lines)} lines, as in C")
    print("\n".join(measure))
    return 1 if wrong or len(programs) < 2 else 0


sys.exit(main())
