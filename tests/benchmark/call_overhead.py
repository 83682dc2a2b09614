#!/usr/bin/env python3
"""What a call from Python costs over the same call from C, on arrays that are there, and that the way makes no copy of them.

    PYTHONPATH=build/bindings/python tests/benchmark/call_overhead.py [--calls 20000]

Prints microseconds of a call: from C, through ptychokit.lib, through ptychokit, and what the last costs over C. Best of five rounds, which take
turns. Fails when a call took memory of the size of its array. Needs a C compiler.
"""
import argparse
import ctypes
import pathlib
import subprocess
import sys
import tempfile
import time
import tracemalloc

import numpy as np
import ptychokit as pk
from ptychokit import lib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TYPES = {np.dtype(np.float32): lib.PTK_F32, np.dtype(np.float64): lib.PTK_F64, np.dtype(np.complex64): lib.PTK_C64}


class View(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int32), ("ndim", ctypes.c_int32), ("device_type", ctypes.c_int32),
                ("device_id", ctypes.c_int32), ("shape", ctypes.c_int64 * lib.PTK_MAX_NDIM), ("strides", ctypes.c_int64 * lib.PTK_MAX_NDIM)]


def view(array):
    sizes = [ctypes.c_int64 * lib.PTK_MAX_NDIM] * 2
    strides = [stride // array.itemsize for stride in array.strides]
    return View(array.ctypes.data, TYPES[array.dtype], array.ndim, lib.PTK_DEVICE_CPU, 0, sizes[0](*array.shape), sizes[1](*strides))


def loops(folder):
    """The C functions, linked with the library that is loaded here."""
    lines = pathlib.Path("/proc/self/maps").read_text().splitlines()
    library = next(line.split()[-1] for line in lines if "/libptychokit.so" in line)
    out = pathlib.Path(folder, "loops.so")
    source = ROOT / "tests/benchmark/call_overhead.c"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", f"-I{ROOT}/capi/include", "-o", out, source, library], check=True)
    return ctypes.CDLL(str(out))


def pointer(of):
    return ctypes.c_void_p(int(of._handle.this))


def cases(c):
    """Name, then a function of the number of calls from C, and calls through both layers."""
    context = pk.Context()
    rng = np.random.default_rng(0)
    frames = rng.poisson(5, (500, 64, 64)).astype(np.float32)
    dataset = pk.Dataset.from_arrays(context, frames, rng.uniform(0, 100, (500, 2)), config={"data.measurement": "counts"})
    canvas = pk.Canvas(context, 128, 128)
    positions, frame = np.empty((500, 2)), np.empty((1, 64, 64), np.float32)
    patch, place = np.ones((1, 16, 16), np.complex64), np.full((1, 2), 64.0)
    views = {name: view(array) for name, array in dict(positions=positions, frame=frame, patch=patch, place=place).items()}
    at = {name: ctypes.byref(of) for name, of in views.items()}
    data, surface = pointer(dataset), pointer(canvas)
    yield "no array: size", lambda n: c.loop_size(data, n), lambda: lib.ptk_dataset_size(dataset._handle), lambda: len(dataset)
    yield ("read 500 positions into an array", lambda n: c.loop_read(data, b"positions", at["positions"], n),
           lambda: lib.ptk_dataset_read(dataset._handle, "positions", positions), lambda: dataset.array("positions", out=positions))
    yield ("read a frame of 64 x 64 into an array", lambda n: c.loop_frames(data, at["frame"], n),
           lambda: lib.ptk_dataset_read_patterns(dataset._handle, 0, frame), None)
    yield ("add a patch of 16 x 16", lambda n: c.loop_add(surface, at["patch"], at["place"], n),
           lambda: lib.ptk_canvas_add(canvas._handle, patch, place, None), lambda: canvas.add(patch, place))


def round_of(call, calls):
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls * 1e6


def from_c(call, calls):
    start = time.perf_counter()
    if call(ctypes.c_long(calls)):
        raise RuntimeError("the call from C failed")
    return (time.perf_counter() - start) / calls * 1e6


def peak():
    """Most bytes that this process held since the last reset."""
    text = pathlib.Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) * 1024


def grown(call):
    """Bytes by which memory grew at most during a call: of the process, and of Python and NumPy."""
    call()
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    tracemalloc.start()
    call()
    python = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return max(peak() - before, python)


def copies():
    """Name, size of the array, bytes by which memory grew."""
    context = pk.Context()
    dataset = pk.Dataset.from_arrays(context, np.ones((4096, 64, 64), np.float32), np.random.default_rng(0).uniform(0, 100, (4096, 2)))
    out = np.zeros((4096, 64, 64), np.float32)
    yield "read frames", out.nbytes, grown(lambda: dataset.array("patterns", out=out))
    patches, positions = np.ones((1 << 15, 16, 16), np.complex64), np.full((1 << 15, 2), 64.0)
    canvas = pk.Canvas(context, 128, 128)
    yield "add patches", patches.nbytes, grown(lambda: canvas.add(patches, positions))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20000)
    calls = parser.parse_args().calls
    print(f"{'microseconds a call':40}{'C':>9}{'lib':>9}{'ptychokit':>11}{'over C':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for name, in_c, in_lib, in_layer in cases(loops(folder)):
            rounds = [(from_c(in_c, calls), round_of(in_lib, calls), round_of(in_layer or in_lib, calls)) for _ in range(5)]
            c, generated, layer = (min(times) for times in zip(*rounds))
            print(f"{name:40}{c:9.2f}{generated:9.2f}{f'{layer:.2f}' if in_layer else '':>11}{(layer if in_layer else generated) - c:9.2f}")
    copied = False
    for name, size, more in copies():
        copied = copied or more > size // 4
        print(f"{name}: an array of {size / 2**20:.0f} MiB, memory grew by {more / 2**20:.1f} MiB")
    return 1 if copied else 0


if __name__ == "__main__":
    sys.exit(main())
