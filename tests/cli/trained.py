"""What the tests of trainings share: runs of the program and the numbers that they leave."""
import array
import csv
import math
import struct
import subprocess
import zipfile

# A network so small that an epoch takes a part of a second, on a part of the frames.
SMALL = ["-t", "1"]
for setting in ("generator.width=2", "generator.levels=1", "generator.depth=1", "probe.warm_epochs=1", "scan.group_size=4",
                "data.x_bounds=0.2,0.8", "data.y_bounds=0.2,0.8", "deterministic=true", "training.checkpoint_epochs=1"):
    SMALL += ["-s", setting]


def options(**values):
    """training.KEY=VALUE as arguments."""
    return [word for key, value in values.items() for word in ("-s", f"training.{key}={value}")]


def history(run):
    """Rows of numbers, without the seconds."""
    with open(run / "history.csv", newline="") as file:
        return [{key: float(value) for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def weights(program, run):
    """All weights of a run's model by name."""
    out = run / "weights.npz"
    subprocess.run([program, "export", str(run / "model.ptk"), "-o", str(out)], check=True, capture_output=True)
    found = {}
    with zipfile.ZipFile(out) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            (length,) = struct.unpack("<H", data[8:10])
            if b"'<f4'" in data[:10 + length]:
                found[name] = array.array("f", data[10 + length:])
    return found


def largest_difference(some, others):
    """Between numbers of the same names, relative to the largest; infinite when names or shapes differ."""
    if some.keys() != others.keys() or any(len(some[name]) != len(others[name]) for name in some):
        return math.inf
    size = max(abs(x) for values in some.values() for x in values)
    return max(abs(x - y) for name in some for x, y in zip(some[name], others[name])) / size
