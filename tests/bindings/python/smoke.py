"""Objects, arrays, texts, errors and callbacks of the Python layer without any training: what valgrind.py watches. Argument: a folder."""
import ctypes
import gc
import pathlib
import sys
import threading

import numpy as np
import ptychokit as pk
from ptychokit import lib

FOLDER = pathlib.Path(sys.argv[1])
N, COUNT = 16, 4
QUICK = {"generator": {"width": 4, "depth": 1}, "scan.group_size": 4, "probe.modes": 1, "data.measurement": "counts"}
CONTROL = 5003  # bytes, see use_after_free()


def refused(kind, call, *arguments, **keywords):
    try:
        call(*arguments, **keywords)
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was expected of {call}")


class Tensor:
    """DLPack 1, laid out by hand."""

    class Managed(ctypes.Structure):
        _fields_ = [("version", ctypes.c_uint32 * 2), ("manager", ctypes.c_void_p), ("deleter", ctypes.c_void_p), ("flags", ctypes.c_uint64),
                    ("data", ctypes.c_void_p), ("device", ctypes.c_int32 * 2), ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8),
                    ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16), ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p),
                    ("offset", ctypes.c_uint64)]

    def __init__(self, address, shape):
        self.shape, self.lengths = shape, (ctypes.c_int64 * len(shape))(*shape)
        self.managed = self.Managed((1, 0), None, None, 0, address, (1, 0), len(shape), 2, 32, 1, ctypes.addressof(self.lengths), None, 0)

    def __dlpack__(self, *, max_version=None):
        make = ctypes.pythonapi.PyCapsule_New
        make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return make(ctypes.addressof(self.managed), b"dltensor_versioned", None)


def texts_and_options():
    config = pk.Config({"training": {"epochs": 2}, "seed": 2**40})
    config["data.x_bounds"] = (0.25, 0.75)
    config.update(pk.Config.from_yaml("training:\n  epochs: 4"))
    with pk.Context("cpu", config) as context:
        config.check(context)
        config.effective(context), context.describe(), context.devices(), context.generators(), context.generator("cnn")
        context.schema(), context.initializers(), context.registered(), context.registered("losses", "huber")
        refused(pk.Error, pk.Config({"training.epoch": 3}).check, context)
        refused(pk.Error, pk.Config.from_yaml, "a: [")
        refused(pk.Error, pk.Dataset.open, context, FOLDER / "missing.npz")
        refused(pk.Error, pk.Model.load, context, FOLDER / "missing.ptk")
    refused(ValueError, context.describe)
    refused(TypeError, lib.ptk_dataset_size, context)


def arrays(context, patches, probe):
    patterns = context.forward(patches, probe)
    positions = np.array([[8.0, 8], [12, 8], [8, 12], [12, 12]])
    for given in (patterns, np.asfortranarray(patterns), np.repeat(patterns, 2, axis=0)[::2], memoryview(patterns), patterns.tolist(),
                  Tensor(patterns.ctypes.data, patterns.shape), patterns.astype(np.uint16)):
        dataset = pk.Dataset.from_arrays(context, given, positions, probe, np.ones((24, 24), np.complex64), QUICK)
    for out in (np.zeros((COUNT, N, N)), np.zeros((COUNT, N, N), np.float32, order="F"), np.zeros((2 * COUNT, N, 2 * N))[::2, :, ::2]):
        dataset.array("patterns", out=out)
    dataset.frames(1, 2), dataset.probe, dataset.object, dataset.positions, dataset.describe(), dataset.select((0, 0.5))
    frozen = np.zeros((COUNT, 2))
    frozen.flags.writeable = False
    refused((BufferError, ValueError), dataset.array, "positions", out=frozen)
    for given in (patterns[0], patterns[::-1], patterns.astype(complex), np.where(patterns > 0, np.nan, patterns)):
        refused(pk.Error, pk.Dataset.from_arrays, context, given, positions)
    refused(pk.Error, pk.Dataset.from_arrays, context, patterns, positions[:2])
    refused(pk.Error, dataset.array, "positions", out=np.zeros((2, 2)))
    refused(pk.Error, dataset.array, "nothing", out=np.zeros((2, 2)))
    refused(TypeError, pk.Dataset.from_arrays, context, np.array(["text"]), positions)
    dataset.save(FOLDER / "scan.npz")
    pk.Dataset.open(context, FOLDER / "scan.npz").patterns
    return dataset


def models_and_canvases(context, patches, probe):
    model = pk.Model(context, N, QUICK)
    model.probe = probe
    for entry in model.arrays():
        model.array(entry["name"])
    model.describe(), model.history(), model.parameter_count
    model.save(FOLDER / "model.ptk")
    pk.Model.load(context, FOLDER / "model.ptk").probe
    pk.Trainer(model, QUICK), pk.Reconstructor(context, model, QUICK)
    canvas = pk.Canvas(context, 24, 24)
    canvas.add(patches, np.array([[8.0, 8], [12, 8], [8, 12], [12, 12]]))
    refused(pk.Error, canvas.add, patches, np.zeros((2, 2)))
    canvas.object, canvas.coverage, canvas.describe(), canvas.evaluate(np.ones((24, 24), np.complex64))
    canvas.save(FOLDER / "object.h5")
    pk.Canvas.load(context, FOLDER / "object.h5").object


def callbacks(context):
    small = {"simulation": {"frames": 2, "size": 16}}
    seen = []
    pk.Dataset.simulate(context, small, progress=seen.append)
    assert seen

    def fail(_):
        raise KeyError("mine")

    refused(KeyError, pk.Dataset.simulate, context, small, progress=fail)
    refused(pk.Cancelled, pk.Dataset.simulate, context, small, progress=lambda p: False)
    with pk.Cancel() as cancel:
        cancel.request()
        refused(pk.Cancelled, pk.Dataset.simulate, context, small, cancel=cancel)


def threads(dataset):
    expected = dataset.patterns
    working = [threading.Thread(target=lambda: np.testing.assert_array_equal(dataset.patterns, expected)) for _ in range(2)]
    for thread in working:
        thread.start()
    for thread in working:
        thread.join()


def use_after_free(context):
    """The control: a tensor whose memory was given back. Who watches must see that it is read."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
    address = libc.malloc(CONTROL)
    ctypes.memset(address, 0, CONTROL)
    libc.free(address)
    try:
        pk.Dataset.from_arrays(context, Tensor(address, (COUNT, N, N)), np.arange(2.0 * COUNT).reshape(COUNT, 2))
    except pk.Error:  # whatever lies there now may be no frames
        pass


def main():
    rng = np.random.default_rng(0)
    patches = np.exp(1j * rng.uniform(0, 1, (COUNT, N, N))).astype(np.complex64)
    probe = np.full((N, N), 10, np.complex64)
    texts_and_options()
    with pk.Context("cpu", QUICK) as context:
        dataset = arrays(context, patches, probe)
        models_and_canvases(context, patches, probe)
        callbacks(context)
        threads(dataset)
        if "control" in sys.argv:
            use_after_free(context)
    del dataset
    gc.collect()
    print("done")


main()
