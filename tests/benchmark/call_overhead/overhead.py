"""What calls cost from Python, see table.py. Arguments: calls of a round, "lib" for the compiled module alone."""
import pathlib
import sys
import time

import numpy as np
import ptychokit as pk
from ptychokit import lib

ROUNDS = 5


def measure(name, call, calls):
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        rounds.append(time.perf_counter() - start)
    print("time", name, min(rounds) / calls * 1e6)


def peak():
    """Most kilobytes that this process held since the last reset."""
    return int(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


def grown(name, call):
    call()
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    call()
    print("grown", name, peak() - before)


def scan(context, frames):
    return pk.Dataset.from_arrays(context, frames, np.arange(2.0 * len(frames)).reshape(-1, 2) % 7)


def main(calls, compiled_only):
    context = pk.Context()
    dataset = scan(context, np.ones((500, 64, 64), np.float32))
    canvas = pk.Canvas(context, 128, 128)
    positions, frame = np.empty((500, 2)), np.empty((1, 64, 64), np.float32)
    patch, place = np.ones((1, 16, 16), np.complex64), np.full((1, 2), 64.0)
    if compiled_only:
        data, surface = dataset._handle, canvas._handle
        measure("size", lambda: lib.ptk_dataset_size(data), calls)
        measure("positions", lambda: lib.ptk_dataset_read(data, "positions", positions), calls)
        measure("frame", lambda: lib.ptk_dataset_read_patterns(data, 0, frame), calls)
        measure("add", lambda: lib.ptk_canvas_add(surface, patch, place, None), calls)
        return
    measure("size", lambda: len(dataset), calls)
    measure("positions", lambda: dataset.array("positions", out=positions), calls)
    measure("frame", lambda: dataset.frames(0, out=frame), calls)
    measure("add", lambda: canvas.add(patch, place), calls)
    out = np.ones((4096, 64, 64), np.float32)
    dataset = scan(context, out)
    grown("frames", lambda: dataset.array("patterns", out=out))
    patches, places = np.ones((1 << 15, 16, 16), np.complex64), np.full((1 << 15, 2), 64.0)
    grown("patches", lambda: canvas.add(patches, places))


main(int(sys.argv[1]), "lib" in sys.argv[2:])
