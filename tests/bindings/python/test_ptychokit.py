"""Every function of the interface through the Python layer, on a small synthetic scan. Argument: the example scan."""
import array
import ast
import ctypes
import gc
import inspect
import json
import logging
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
import unittest
import weakref

import numpy as np
import ptychokit as pk
from ptychokit import lib

SCAN = sys.argv.pop(1)
N = 16
QUICK = {"generator.width": 4, "generator.depth": 1, "training": {"epochs": 2, "batch_size": 4, "validation_fraction": 0.1},
         "scan.group_size": 4, "probe": {"modes": 1, "warm_epochs": 1}, "refinement.epochs": 3, "data.measurement": "counts",
         "reconstruction.batch_size": 4}


def experiment():
    """A known object seen by a probe at 6 x 6 positions."""
    r, c = np.mgrid[0:40, 0:40]
    phase = 0.8 * np.sin(0.35 * r) * np.cos(0.27 * c)
    whole = ((1 - 0.2 * phase) * np.exp(1j * phase)).astype(np.complex64)
    y, x = np.mgrid[-8:8, -8:8]
    probe = np.exp(-(x**2 + y**2) / 18) * np.exp(0.05j * (x**2 + y**2))
    probe = (probe * np.sqrt(1e4 / np.sum(np.abs(probe) ** 2))).astype(np.complex64)
    corners = [(1 + 4 * i, 1 + 4 * j) for j in range(6) for i in range(6)]
    positions = np.array(corners, float) + N // 2
    patches = np.stack([whole[top:top + N, left:left + N] for left, top in corners])
    return whole, probe, positions, patches


OBJECT, PROBE, POSITIONS, PATCHES = experiment()


class Tensor:
    """Anything with DLPack 1, laid out by hand; not a buffer."""

    class Managed(ctypes.Structure):
        _fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("manager", ctypes.c_void_p), ("deleter", ctypes.c_void_p),
                    ("flags", ctypes.c_uint64), ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                    ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                    ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p), ("offset", ctypes.c_uint64)]

    def __init__(self, values, read_only=False, name=b"dltensor_versioned"):
        self.values, self.name, self.shape = values, name, values.shape
        self.lengths = (ctypes.c_int64 * values.ndim)(*values.shape)
        code = {"i": 0, "u": 1, "f": 2, "c": 5}[values.dtype.kind]
        self.managed = self.Managed(1, 0, None, None, int(read_only), values.ctypes.data, 1, 0, values.ndim, code, values.itemsize * 8, 1,
                                    ctypes.addressof(self.lengths), None, 0)

    def __dlpack__(self, *, max_version=None):
        assert max_version == (1, 0)
        make = ctypes.pythonapi.PyCapsule_New
        make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return make(ctypes.addressof(self.managed), self.name, None)


def memory():
    """Bytes of this process in memory."""
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def in_threads(*functions):
    """Run them at the same time; the first of their exceptions is raised."""
    failed = []

    def guarded(function):
        try:
            function()
        except BaseException as error:  # noqa: BLE001: raised below
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=[function]) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


class Shown:
    """Memory that is shown by NumPy's interface alone."""

    def __init__(self, values):
        self.values = values

    @property
    def __array_interface__(self):
        return self.values.__array_interface__


class Case(unittest.TestCase):
    def fails(self, status, part, call, *arguments, **keywords):
        with self.assertRaises(pk.Error) as caught:
            call(*arguments, **keywords)
        self.assertEqual(pk.status_name(caught.exception.status), pk.status_name(status))
        self.assertIn(part, caught.exception.message)
        self.assertIn(part, str(caught.exception))


class Library(Case):
    def test_what_it_says_of_itself(self):
        self.assertEqual(pk.build_info()["version"], pk.__version__)
        self.assertEqual(lib.ptk_dtype_size(lib.PTK_C128), 16)
        self.assertEqual(pk.status_name(lib.PTK_ERR_SHAPE), "PTK_ERR_SHAPE")
        self.assertIn("bundle", lib.ptk_model_load.__doc__)

    def test_configuration(self):
        context = pk.Context()
        config = pk.Config()
        config.update({"training": {"epochs": 7}, "seed": np.int64(2**40)})
        for key, value in {"training.learning_rate": 0.25, "deterministic": True, "data.measurement": "counts", "data.x_bounds": (0.25, 0.75),
                           "training.validation_fraction": np.float32(0.125), "generator": {"width": 12}}.items():
            config[key] = value
        config.set_text("training.batch_size", "3")
        config.check(context)
        found = config.effective(context)
        self.assertEqual(found["seed"], 2**40)
        self.assertEqual((found["training"]["epochs"], found["training"]["batch_size"], found["training"]["learning_rate"]), (7, 3, 0.25))
        self.assertEqual((found["deterministic"], found["data"]["measurement"], found["data"]["x_bounds"]), (True, "counts", [0.25, 0.75]))
        self.assertEqual(found["training"]["validation_fraction"], 0.125)
        config.update({"training.epochs": 9})
        self.assertEqual(config.effective(context)["training"]["epochs"], 9)
        self.assertEqual(pk.Config.from_yaml("training:\n  epochs: 4").effective(context)["training"]["epochs"], 4)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "options.json")
            path.write_text('{"training.epochs": 11}')
            self.assertEqual(pk.Config.load(path).effective(context)["training"]["epochs"], 11)
        self.fails(lib.PTK_ERR_INVALID_CONFIG, "training.epochs", pk.Config({"training.epoch": 3}).check, context)
        self.assertEqual(lib.ptk_last_error(), lib.PTK_ERR_INVALID_CONFIG)
        self.assertRaises(TypeError, pk.Config, {"seed": object()})
        optional = next(row["name"] for row in context.schema() if row.get("optional"))
        config[optional] = None
        config.check(context)

    def test_context(self):
        context = pk.Context()
        self.assertEqual(context.describe()["device"], "cpu")
        self.assertIn("cpu", [device["name"] for device in context.devices()])
        self.assertIn("physics_unet", [generator["name"] for generator in context.generators()])
        self.assertIn("options", context.generator("cnn"))
        self.assertIn("orthogonal", [initializer["name"] for initializer in context.initializers()])
        self.assertIn("losses", [category["name"] for category in context.registered()])
        self.assertIn("tv_phase", [entry["name"] for entry in context.registered("regularizers")])
        self.assertEqual(["training.huber_delta"], [o["name"] for o in context.registered("losses", "huber")["options"]])
        self.assertIn("training.epochs", [row["name"] for row in context.schema("training")])
        self.assertIn("516", json.dumps(context.describe_file(SCAN)))
        self.assertEqual(len(pk.Dataset.open(context, pathlib.Path(SCAN))), 516)


class Linear(pk.Network):
    """Images that are multiples of the amplitudes."""
    summary = "gains"
    options = [dict(name="first", type="float", default=0.25, meaning="gain of the real part")]

    def parameters(self):
        self.thread = threading.get_ident()
        return {"gain": (2,), "offset": (2, 1)}

    def initialise(self, name, shape, seed):
        return np.array([self.options["first"], 0]) if name == "gain" else np.array([[1], [0]])

    def forward(self, parameters, amplitudes):
        return np.stack([parameters["gain"][i] * amplitudes + parameters["offset"][i, 0] for i in range(2)], axis=1)

    def vjp(self, parameters, amplitudes, grad_images):
        assert self.thread == threading.get_ident()  # that of the call
        return {"gain": [(grad_images[:, i] * amplitudes).sum() for i in range(2)],
                "offset": [[grad_images[:, i].sum()] for i in range(2)]}


class Broken(Linear):
    def forward(self, parameters, amplitudes):
        return super().forward(parameters, amplitudes)[:, :1]


class Fixed(Linear):
    vjp = pk.Network.vjp


class Interrupted(Linear):
    def vjp(self, parameters, amplitudes, grad_images):
        raise KeyboardInterrupt("mine")


class Networks(Case):
    SETTINGS = {"generator.name": "linear", "training": {"epochs": 12, "batch_size": 4, "validation_fraction": 0, "learning_rate": 0.02},
                "scan.group_size": 4, "probe": {"modes": 1, "warm_epochs": 0}, "data.measurement": "counts"}

    def scan(self, context):
        whole, probe, positions, patches = experiment()
        frames = context.forward(patches, probe)
        return pk.Dataset.from_arrays(context, frames, positions, probe, config={"data.measurement": "counts"})

    def test_a_class_is_a_generator(self):
        context = pk.Context()
        context.register("linear", Linear)
        self.assertEqual(context.generator("linear")["summary"], "gains")
        model = pk.Model(context, N, {**self.SETTINGS, "generator.first": 0.5})
        np.testing.assert_array_equal(model.array("gain"), np.array([0.5, 0], np.float32))
        pk.Trainer(model, self.SETTINGS | {"generator.first": 0.5}).fit(self.scan(context))
        losses = [row["training_loss"] for row in model.history()]
        self.assertLess(losses[-1], 0.98 * losses[0])
        self.fails(lib.PTK_ERR_EXISTS, "'linear'", context.register, "linear", Linear)

    def test_faults_are_errors(self):
        context = pk.Context()
        context.register("broken", Broken)
        context.register("fixed", Fixed)
        scan = self.scan(context)
        for name, status, words in (("broken", lib.PTK_ERR_CALLBACK, "ValueError: forward: expected shape"),
                                    ("fixed", lib.PTK_ERR_UNSUPPORTED, "no vjp")):
            settings = {**self.SETTINGS, "generator.name": name}
            model = pk.Model(context, N, settings)
            self.fails(status, words, pk.Trainer(model, settings).fit, scan)

    def test_what_it_raised_is_the_cause(self):
        context = pk.Context()
        context.register("broken", Broken)
        context.register("interrupted", Interrupted)
        trainers = []
        for name in ("broken", "interrupted"):
            settings = {**self.SETTINGS, "generator.name": name}
            trainers.append(pk.Trainer(pk.Model(context, N, settings), settings))
        with self.assertRaises(pk.Error) as caught:
            trainers[0].fit(self.scan(context))
        self.assertIsInstance(caught.exception.__cause__, ValueError)
        self.assertIn("_write", [frame.name for frame in traceback.extract_tb(caught.exception.__cause__.__traceback__)])
        with self.assertRaises(KeyboardInterrupt) as caught:
            trainers[1].fit(self.scan(context))
        self.assertEqual(caught.exception.args, ("mine",))
        with self.assertRaises(pk.Error) as caught:
            pk.Dataset.open(context, "missing.npz")
        self.assertIsNone(caught.exception.__cause__)

    def test_programs_are_named_before_they_run(self):
        net = pathlib.Path(SCAN).parent.parent / "plugins" / "net.pt"
        settings = {"generator.name": "torchscript", "generator.file": str(net)}
        with tempfile.TemporaryDirectory() as folder:
            bundle = pathlib.Path(folder, "model.ptk")
            pk.Model(pk.Context(), N, settings).save(bundle)
            context = pk.Context()
            self.fails(lib.PTK_ERR_NOT_FOUND, "was not named", pk.Model.load, context, bundle)
            context.load_plugin(net)
            self.assertEqual(pk.Model.load(context, bundle).side, N)


class Arrays(Case):
    @classmethod
    def setUpClass(cls):
        cls.context = pk.Context()
        cls.patterns = cls.context.forward(PATCHES, PROBE)

    def dataset(self, patterns=None, positions=POSITIONS, **others):
        return pk.Dataset.from_arrays(self.context, self.patterns if patterns is None else patterns, positions,
                                      config={"data.measurement": "counts"}, **others)

    def test_go_in_and_come_back(self):
        dataset = self.dataset(probe=PROBE, object=OBJECT)
        self.assertEqual((len(dataset), dataset.side, dataset.shape("positions")), (36, N, (36, 2)))
        np.testing.assert_array_equal(dataset.positions, POSITIONS)
        np.testing.assert_array_equal(dataset.patterns, self.patterns)
        np.testing.assert_array_equal(dataset.object, OBJECT)
        np.testing.assert_array_equal(dataset.probe[0], PROBE)
        np.testing.assert_array_equal(dataset.frames(1, 3), self.patterns[1:4])
        self.assertEqual(dataset.array("positions", np.float32).dtype, np.float32)
        self.assertEqual(len(dataset.select(x=(0, 0.5))), 18)
        self.assertEqual(dataset.describe()["arrays"][0].keys(), {"name", "dtype", "shape"})

    def test_any_order_and_kind(self):
        for given in (np.asfortranarray(self.patterns), np.repeat(self.patterns, 2, axis=0)[::2], memoryview(self.patterns), Tensor(self.patterns),
                      Shown(self.patterns), self.patterns.astype(np.float64), self.patterns.tolist()):
            np.testing.assert_array_equal(self.dataset(given).patterns, self.patterns)
        counts = self.patterns.astype(np.uint16)
        np.testing.assert_array_equal(self.dataset(counts, Tensor(POSITIONS)).patterns, counts)
        flat = array.array("f", self.patterns.ravel().tolist())
        np.testing.assert_array_equal(self.dataset(memoryview(flat).cast("B").cast("f", self.patterns.shape)).patterns, self.patterns)
        frozen = self.patterns.copy()
        frozen.flags.writeable = False
        np.testing.assert_array_equal(self.dataset(frozen).patterns, self.patterns)

    def test_are_written_in_place(self):
        dataset = self.dataset()
        whole = np.zeros((72, 4))
        self.assertIs(dataset.array("positions", out=whole[::2, ::2]).base, whole)
        np.testing.assert_array_equal(whole[::2, ::2], POSITIONS)
        self.assertEqual(np.count_nonzero(whole[1::2]) + np.count_nonzero(whole[:, 1::2]), 0)
        tensor = Tensor(np.zeros((36, 2)))
        dataset.array("positions", out=tensor)
        np.testing.assert_array_equal(tensor.values, POSITIONS)
        frames = np.zeros((3, N, N))
        self.assertIs(dataset.frames(1, out=frames), frames)
        np.testing.assert_array_equal(frames, self.patterns[1:4])
        intensity = np.zeros((36, N, N), np.float32)
        shown = Shown(np.zeros((36, 2)))
        self.assertIs(dataset.array("positions", out=shown), shown)
        np.testing.assert_array_equal(shown.values, POSITIONS)
        self.assertIs(self.context.forward(PATCHES, PROBE, out=intensity), intensity)
        np.testing.assert_array_equal(intensity, self.patterns)

    def test_that_cannot_be(self):
        dataset = self.dataset()
        frozen = np.zeros((36, 2))
        frozen.flags.writeable = False
        self.assertRaises((BufferError, ValueError), dataset.array, "positions", out=frozen)
        self.assertRaises(BufferError, dataset.array, "positions", out=Tensor(np.zeros((36, 2)), read_only=True))
        self.assertRaises((BufferError, ValueError), dataset.array, "positions", out=Shown(frozen))
        self.assertRaises(TypeError, dataset.array, "positions", out=np.zeros((36, 2)).tolist())  # what is written would be lost
        self.assertRaises(TypeError, self.dataset, Tensor(self.patterns, name=b"dltensor"))
        self.assertRaises(TypeError, self.dataset, self.patterns.astype(">f4"))
        self.assertRaises(TypeError, self.dataset, np.array(["text"]))
        self.assertRaises(TypeError, self.dataset, object())
        self.assertRaises(TypeError, self.dataset, np.zeros((1,) * 7))
        self.fails(lib.PTK_ERR_SHAPE, "stride", self.dataset, self.patterns[::-1])
        self.fails(lib.PTK_ERR_SHAPE, "36", self.dataset, self.patterns, POSITIONS[:5])
        self.fails(lib.PTK_ERR_SHAPE, "array_out", dataset.array, "positions", out=np.zeros((2, 2)))
        self.fails(lib.PTK_ERR_SHAPE, "C64", dataset.array, "positions", out=np.zeros((36, 2), np.complex64))
        self.fails(lib.PTK_ERR_NOT_FOUND, "object", lambda: dataset.object)

    def test_of_wrong_rank_or_kind_are_refused(self):
        frames, positions = self.patterns, POSITIONS
        for given in (frames[0], frames[None], frames[:, :, :8], np.zeros((36, 0, 0), np.float32)):
            self.fails(lib.PTK_ERR_SHAPE, "patterns", self.dataset, given)
        for given in (positions[:, 0], positions[:, :1], np.zeros((36, 3)), positions[None]):
            self.fails(lib.PTK_ERR_SHAPE, "positions", self.dataset, positions=given)
        for given in (PROBE[0], PROBE[:8], PROBE[None, None]):
            self.fails(lib.PTK_ERR_SHAPE, "probe", self.dataset, probe=given)
        self.fails(lib.PTK_ERR_SHAPE, "object", self.dataset, object=OBJECT[0])
        for given, name in ((frames.astype(np.complex64), "patterns"), (positions.astype(complex), "positions")):
            self.fails(lib.PTK_ERR_SHAPE, name, self.dataset, **{name: given})
        for name, given in (("probe", np.abs(PROBE)), ("object", np.abs(OBJECT))):
            self.fails(lib.PTK_ERR_SHAPE, name, self.dataset, **{name: given})
        for kind in (np.float16, np.longdouble, np.clongdouble, "datetime64[s]", object):
            self.assertRaises((TypeError, ValueError), self.dataset, self.patterns.astype("int64").astype(kind))
        self.fails(lib.PTK_ERR_FORMAT, "patterns", self.dataset, np.where(frames > 0, np.nan, frames))

    def test_outputs_of_any_order(self):
        dataset = self.dataset()
        for whole in (np.zeros((36, N, N), np.float32, order="F"), np.zeros((N, 36, N), np.float32).transpose(1, 0, 2),
                      np.zeros((36, 2 * N, 2 * N), np.float64)[:, ::2, 1::2]):
            self.assertIs(dataset.array("patterns", out=whole), whole)
            np.testing.assert_array_equal(whole, self.patterns)
        self.fails(lib.PTK_ERR_SHAPE, "stride", dataset.array, "patterns", out=np.zeros((36, N, N), np.float32)[::-1])
        itself = np.lib.stride_tricks.as_strided(np.zeros((1, 2)), (36, 2), (0, 8))
        self.fails(lib.PTK_ERR_SHAPE, "overlap", dataset.array, "positions", out=itself)
        self.fails(lib.PTK_ERR_SHAPE, "array_out", dataset.array, "positions", out=np.zeros(72))
        frozen = bytes(36 * 2 * 8)
        self.assertRaises((BufferError, ValueError), dataset.array, "positions", out=memoryview(frozen).cast("d", (36, 2)))

    def test_a_call_makes_no_copy(self):
        canvas = pk.Canvas(self.context, 64, 64)
        patches = np.broadcast_to(PATCHES[0], (1 << 16, N, N))  # 128 MB if it were copied
        positions = np.broadcast_to([32.0, 32.0], (1 << 16, 2))
        before = memory()
        canvas.add(patches[:1], positions[:1])
        canvas.add(patches, positions)
        self.assertLess(memory() - before, 64 << 20)

    def test_of_a_simulation_are_saved(self):
        options, seen = {"seed": 3, "simulation": {"frames": 12, "size": 32, "dead_pixels": 0.02}}, []
        made = pk.Dataset.simulate(self.context, options, progress=seen.append)
        self.assertEqual((len(made), made.side, {each.phase for each in seen}), (12, 32, {"simulate"}))
        self.assertEqual((made.bad_pixels.dtype, np.count_nonzero(made.bad_pixels)), (np.bool_, 20))  # 2 % of 1024, rounded
        self.assertEqual(np.count_nonzero(made.patterns[:, made.bad_pixels]), 0)
        with tempfile.TemporaryDirectory() as folder:
            for name, form in (("scan.npz", "auto"), ("scan.cxi", "auto"), ("scan.data", "cxi"), ("scan", "ptychodus")):
                path = pathlib.Path(folder, name)
                made.save(path, form)
                back = pk.Dataset.open(self.context, path)
                np.testing.assert_array_equal(back.patterns, made.patterns)
                np.testing.assert_array_equal(back.bad_pixels, made.bad_pixels)
                np.testing.assert_allclose(back.positions, made.positions, atol=1e-6)
            self.fails(lib.PTK_ERR_INVALID_ARGUMENT, ".tif", made.save, pathlib.Path(folder, "scan.tif"))
        cancel = pk.Cancel()
        cancel.request()
        self.assertRaises(pk.Cancelled, pk.Dataset.simulate, self.context, options, cancel=cancel)
        self.assertRaises(pk.Cancelled, pk.Dataset.simulate, self.context, options, progress=lambda p: False)

    def test_are_released(self):
        given = self.patterns.copy()
        gone = weakref.ref(given)
        dataset = self.dataset(given)
        del given
        self.assertIsNone(gone())
        self.assertEqual(len(dataset), 36)


class Work(Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.context = pk.Context("cpu", QUICK)
        cls.patterns = cls.context.forward(PATCHES, PROBE)
        cls.dataset = pk.Dataset.from_arrays(cls.context, cls.patterns, POSITIONS, PROBE, OBJECT, QUICK)
        cls.model = pk.Model(cls.context, N, QUICK)
        cls.seen = []
        pk.Trainer(cls.model, QUICK, cls.at("run")).fit(cls.dataset, progress=cls.seen.append)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def at(cls, name):
        return os.path.join(cls.folder.name, name)

    def trainer(self, **more):
        return pk.Trainer(pk.Model(self.context, N, QUICK), {**QUICK, **more})

    def test_progress(self):
        training = [progress for progress in self.seen if progress.phase == "train"]
        self.assertTrue(training and all(np.isfinite(progress.loss) for progress in training))
        self.assertGreater(self.seen[-1].seconds, 0)
        self.assertEqual((training[-1].epoch, training[-1].epochs), (2, 2))
        self.trainer().resume(self.at("run/last.ptk"))

    def test_cancel(self):
        calls = []
        with self.assertRaises(pk.Cancelled):
            self.trainer().fit(self.dataset, progress=lambda p: calls.append(p) or np.bool_(len(calls) < 2))
        self.assertEqual(len(calls), 2)
        with pk.Cancel() as cancel:
            cancel.request()
            self.assertRaises(pk.Cancelled, self.trainer().fit, self.dataset, cancel=cancel)
            cancel.reset()
            self.trainer().fit(self.dataset, cancel=cancel)
        many = self.trainer(**{"training.epochs": 100000})
        cancel = pk.Cancel()
        timer = threading.Timer(0.2, cancel.request)
        timer.start()  # runs only because the lock is released
        self.assertRaises(pk.Cancelled, many.fit, self.dataset, cancel=cancel)

    def test_exceptions_come_back(self):
        mine = KeyError("mine")

        def fail(_):
            raise mine

        for call in (self.trainer().fit, pk.Reconstructor(self.context, self.model, QUICK).reconstruct,
                     pk.Reconstructor(self.context, None, QUICK).refine):
            with self.assertRaises(KeyError) as caught:
                call(self.dataset, progress=fail)
            self.assertIs(caught.exception, mine)

        class Mine(BaseException):
            """Not even an Exception."""

        for mine in (Mine("also"), SystemExit(3), StopIteration(), pk.Error(lib.PTK_ERR_IO, "of a callback")):
            try:  # assertRaises would forget the traceback
                self.trainer().fit(self.dataset, progress=fail)
                self.fail("it went on")
            except type(mine) as error:
                self.assertIs(error, mine)
                self.assertIsNone(error.__cause__)
                self.assertIn("fail", [frame.name for frame in traceback.extract_tb(error.__traceback__)])
        with self.assertRaises(pk.Error) as caught:
            pk.Dataset.simulate(self.context, {"simulation": {"frames": 4, "size": 32}}, progress=fail)
        self.assertIs(caught.exception, mine)

        def refuse(_):
            lib.ptk_set_error_message("from the callback")
            return False

        self.fails(lib.PTK_ERR_CALLBACK, "from the callback", self.trainer().fit, self.dataset, progress=refuse)

    def test_interrupt(self):
        timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
        timer.start()
        with self.assertRaises(KeyboardInterrupt):
            self.trainer(**{"training.epochs": 100000}).fit(self.dataset)

    def test_model(self):
        self.assertEqual(self.model.side, N)
        self.assertGreater(self.model.parameter_count, 100)
        self.assertEqual(len(self.model.history()), 2)
        self.assertIn("physics_unet", json.dumps(self.model.describe()))
        self.model.save(self.at("model.ptk"))
        loaded = pk.Model.load(self.context, self.at("model.ptk"))
        for entry in self.model.arrays():
            found = self.model.array(entry["name"])
            self.assertEqual(list(found.shape), entry["shape"])
            np.testing.assert_array_equal(loaded.array(entry["name"]), found)
        self.model.export(self.at("weights.npz"))
        brought = pk.Model.from_weights(self.context, self.at("weights.npz"), N)
        with np.load(self.at("weights.npz")) as weights:
            for name in weights.files:
                np.testing.assert_array_equal(weights[name], self.model.array(name))
                np.testing.assert_array_equal(weights[name], brought.array(name))
        loaded.probe = 2 * PROBE
        np.testing.assert_array_equal(loaded.probe[0], 2 * PROBE)
        loaded.write_picture("history", self.at("history.png"))
        self.assertGreater(os.path.getsize(self.at("history.png")), 100)

    def test_reconstruction(self):
        worker = pk.Reconstructor(self.context, self.model, QUICK)
        groups = self.patterns[:8].reshape(2, 4, N, N)
        predicted = worker.predict(groups, POSITIONS[:8].reshape(2, 4, 2))
        self.assertGreater(np.abs(predicted).max(), 0)
        room = np.zeros((2, 4, N, N), np.complex64)
        self.assertIs(worker.predict(groups, POSITIONS[:8].reshape(2, 4, 2), out=room), room)
        np.testing.assert_array_equal(room, predicted)
        canvas = worker.reconstruct(self.dataset)
        refined = worker.refine(self.dataset, canvas)
        errors = [each.fourier_error(self.dataset) for each in (canvas, refined)]
        self.assertLess(errors[1], errors[0])
        self.assertLess(refined.fourier_errors[-1], refined.fourier_errors[0])
        self.assertEqual(refined.object.shape, refined.coverage.shape)
        self.assertTrue(refined.describe()["finished"])
        self.assertLess(refined.evaluate(OBJECT)["complex_nrmse"], 1)
        refined.save(self.at("object.h5"))
        refined.write_picture("amplitude", self.at("amplitude.png"))
        again = pk.Canvas.load(self.context, self.at("object.h5"))
        np.testing.assert_array_equal(again.object, refined.object)
        np.testing.assert_array_equal(again.probe, refined.probe)
        self.assertLess(again.evaluate(self.at("object.h5"))["complex_nrmse"], 1e-3)

    def test_stitching(self):
        canvas = pk.Canvas(self.context, 40, 40)
        canvas.add(PATCHES, POSITIONS)
        np.testing.assert_allclose(canvas.object[2:36, 2:36], OBJECT[2:36, 2:36], atol=1e-5)
        self.assertGreaterEqual(min(pk.Canvas.around(self.context, POSITIONS, N).object.shape), 36)

    def test_log(self):
        logger = logging.getLogger("test of ptychokit")
        logger.setLevel(logging.DEBUG)
        with self.assertLogs(logger, logging.DEBUG) as caught:
            context = pk.Context("cpu", QUICK, logger)
            dataset = pk.Dataset.from_arrays(context, self.patterns, POSITIONS, PROBE, config=QUICK)
            pk.Trainer(pk.Model(context, N, QUICK), QUICK).fit(dataset)
        self.assertTrue(caught.records[0].name.startswith("test of ptychokit."))
        count = len(caught.records)
        context.close()
        pk.Trainer(pk.Model(self.context, N, QUICK), QUICK).fit(dataset)
        self.assertEqual(len(caught.records), count)


class Objects(Case):
    def test_close(self):
        with pk.Context() as context:
            dataset = pk.Dataset.from_arrays(context, context.forward(PATCHES, PROBE), POSITIONS)
            self.assertIn("Context", repr(context))
        self.assertTrue(context.closed)
        context.close()
        self.assertEqual(len(dataset), 36)
        self.assertRaises(ValueError, context.describe)
        self.assertRaises(ValueError, pk.Model, context, N)
        self.fails(lib.PTK_ERR_IO, "missing.npz", pk.Dataset.open, pk.Context(), "missing.npz")
        self.assertRaises(TypeError, lib.ptk_dataset_size, context)

    def test_two_threads_read_one_dataset(self):
        context = pk.Context()
        dataset = pk.Dataset.from_arrays(context, context.forward(PATCHES, PROBE), POSITIONS)
        expected = dataset.patterns

        def read():
            for _ in range(50):
                np.testing.assert_array_equal(dataset.patterns, expected)

        in_threads(read, read)

    def test_two_threads_work_with_one_model(self):
        context = pk.Context("cpu", QUICK)
        dataset = pk.Dataset.from_arrays(context, context.forward(PATCHES, PROBE), POSITIONS, PROBE, config=QUICK)
        model = pk.Model(context, N, QUICK)
        model.probe = PROBE
        expected = pk.Reconstructor(context, model, QUICK).reconstruct(dataset).object

        def work():
            for _ in range(5):
                np.testing.assert_array_equal(pk.Reconstructor(context, model, QUICK).reconstruct(dataset).object, expected)

        def fail():
            for _ in range(5):
                self.fails(lib.PTK_ERR_IO, "missing.npz", pk.Dataset.open, context, "missing.npz")

        in_threads(work, work, fail)

    def test_closed_objects_say_so(self):
        context = pk.Context("cpu", QUICK)
        dataset = pk.Dataset.from_arrays(context, context.forward(PATCHES, PROBE), POSITIONS, PROBE, config=QUICK)
        model, canvas, config, cancel = pk.Model(context, N, QUICK), pk.Canvas(context, 40, 40), pk.Config(), pk.Cancel()
        trainer, worker = pk.Trainer(model, QUICK), pk.Reconstructor(context, model, QUICK)
        calls = {dataset: lambda: dataset.patterns, model: model.history, canvas: lambda: canvas.object, config: lambda: config.effective(context),
                 cancel: cancel.request, trainer: lambda: trainer.fit(dataset), worker: lambda: worker.predict(PATCHES)}
        for closed, call in calls.items():
            closed.close()
            closed.close()
            self.assertRaisesRegex(ValueError, f"the {type(closed).__name__} is closed", call)
        for call in (lambda: pk.Trainer(model), lambda: pk.Model(context, N, config), lambda: pk.Reconstructor(context, model),
                     lambda: pk.Canvas(context, 4, 4).fourier_error(dataset), lambda: worker.refine(dataset)):
            self.assertRaises(ValueError, call)

    def test_closing_in_the_middle_of_a_call(self):
        options = {**QUICK, "training.epochs": 100000}
        context = pk.Context("cpu", options)
        dataset = pk.Dataset.from_arrays(context, context.forward(PATCHES, PROBE), POSITIONS, PROBE, config=options)
        trainer, cancel = pk.Trainer(pk.Model(context, N, options), options), pk.Cancel()

        def close(_):
            for each in (dataset, trainer, context):
                each.close()
            gc.collect()
            cancel.request()

        self.assertRaises(pk.Cancelled, trainer.fit, dataset, close, cancel)

    def test_a_thousand_objects_take_no_memory(self):
        context = pk.Context("cpu", QUICK)
        patterns = context.forward(PATCHES, PROBE)
        kept = pk.Dataset.from_arrays(context, patterns, POSITIONS, PROBE, config=QUICK)

        def dataset():
            made = pk.Dataset.from_arrays(context, patterns, POSITIONS, PROBE, config={"seed": 1})
            made.array("positions")
            self.assertRaises(pk.Error, made.array, "positions", out=np.zeros((1, 2)))

        def model():
            made = pk.Model(context, N, QUICK)
            pk.Trainer(made, QUICK), pk.Reconstructor(context, made, QUICK), made.describe()

        def small():
            pk.Context("cpu", {"seed": 1}).describe(), pk.Cancel().request(), kept.select((0, 0.5)), pk.Canvas(context, 40, 40)

        for cycle in (dataset, model, small):
            for _ in range(100):
                cycle()
            gc.collect()
            before = memory()
            for _ in range(1000):
                cycle()
            gc.collect()
            # One of each holds 40 KB and more: a leak would be 40 MB.
            self.assertLess(memory() - before, 8 << 20, cycle.__name__)

    def test_spawned_processes_work(self):
        code = """
import multiprocessing
import numpy as np
import ptychokit as pk


def work(seed):
    made = pk.Dataset.simulate(pk.Context(), {"seed": seed, "simulation": {"frames": 4, "size": 32}})
    return float(made.patterns.sum())


if __name__ == "__main__":
    before = work(1)  # the library has worked in the parent
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        there = pool.map(work, [1, 1])
    print(there == [before, before], before > 0)
"""
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "spawned.py").write_text(code)
            done = subprocess.run([sys.executable, os.path.join(folder, "spawned.py")], capture_output=True, text=True)
        self.assertEqual(done.stdout.strip(), "True True", done.stderr)

    @unittest.skipUnless(hasattr(os, "fork"), "this system has no fork")
    def test_forked_process(self):
        context = pk.Context("cpu", QUICK)
        many = np.repeat(PATCHES, 20, axis=0)  # enough for all threads of the parent, which the child does not have
        expected = context.forward(many, PROBE)
        dataset = pk.Dataset.from_arrays(context, expected[::20], POSITIONS, PROBE, config=QUICK)

        def child(pipe):
            try:
                np.testing.assert_allclose(context.forward(many, PROBE), expected, rtol=1e-5)
                pk.Trainer(pk.Model(context, N, QUICK), QUICK).fit(dataset)
                self.fails(lib.PTK_ERR_IO, "missing.npz", pk.Dataset.open, pk.Context(), "missing.npz")
                pipe.send("done")
            except BaseException as error:  # noqa: BLE001: the parent is told
                pipe.send(repr(error))

        here, there = multiprocessing.Pipe()
        process = multiprocessing.get_context("fork").Process(target=child, args=(there,))
        process.start()
        self.addCleanup(process.kill)
        self.assertTrue(here.poll(120), "the child hangs")
        self.assertEqual(here.recv(), "done")
        process.join(60)
        self.assertEqual(process.exitcode, 0)
        np.testing.assert_array_equal(context.forward(many, PROBE), expected)


class Types(Case):
    """What type checkers read is what there is."""
    FOLDER = pathlib.Path(pk.__file__).parent

    def test_stubs_are_those_of_the_compiled_module(self):
        tree = ast.parse((self.FOLDER / "lib.pyi").read_text())
        described = {node.name: [argument.arg for argument in node.args.args] for node in tree.body if isinstance(node, ast.FunctionDef)}
        there = {name: list(inspect.signature(value).parameters) for name, value in vars(lib).items()
                 if name.startswith("ptk_") and inspect.isfunction(value)}
        self.assertEqual(described, there)
        described = {node.name for node in tree.body if isinstance(node, ast.ClassDef)} - {"_Tensor"}
        self.assertEqual(described, {name for name, value in vars(lib).items() if name.startswith("ptk_") and inspect.isclass(value)})
        described = {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}
        self.assertEqual(described, {name for name in vars(lib) if name.startswith("PTK_")})

    def test_every_function_is_typed(self):
        self.assertTrue((self.FOLDER / "py.typed").exists())
        bare = []
        for path in sorted(self.FOLDER.rglob("*.py")):
            if path.name in ("lib.py", "_pinned.py"):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef):
                    arguments = [argument for argument in (*node.args.args, *node.args.kwonlyargs) if argument.arg not in ("self", "cls")]
                    if node.returns is None or any(argument.annotation is None for argument in arguments):
                        bare.append(f"{path.name}: {node.name}")
        self.assertEqual(bare, [])

    def test_docstrings_come_from_the_headers(self):
        for name, value in vars(lib).items():
            if name.startswith("ptk_") and inspect.isfunction(value):
                self.assertIn("Threads", value.__doc__, name)


class Torch(Case):
    """One LibTorch in a process: that of the installed torch."""

    def run_python(self, code, *folders):
        path = os.pathsep.join([*folders, str(pathlib.Path(pk.__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})

    def test_another_version_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "torch").mkdir()
            pathlib.Path(folder, "torch", "__init__.py").write_text("__version__ = '1.2.3'")
            pathlib.Path(folder, "torch-1.2.3.dist-info").mkdir()
            pathlib.Path(folder, "torch-1.2.3.dist-info", "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 1.2.3\n")
            for code in ("import ptychokit", "import torch, ptychokit"):
                done = self.run_python(code, folder)
                self.assertIn("ImportError: torch 1.2.3", done.stderr)
                self.assertIn(pk._library._pinned.TORCH, done.stderr)

    def test_import_before_and_after(self):
        if self.run_python("import torch").returncode:
            self.skipTest("torch cannot be imported here")
        work = "c = pk.Context(); a = torch.arange(72.).reshape(36, 2); d = pk.Dataset.from_arrays(c, torch.ones(36, 16, 16), a); " \
               "o = torch.zeros(36, 2); d.array('positions', out=o); assert (o == a).all()\n" \
               "print(len({l.split()[-1] for l in open('/proc/self/maps') if 'libtorch_cpu' in l}))"
        for order in ("import torch\nimport ptychokit as pk\n", "import ptychokit as pk\nimport torch\n"):
            done = self.run_python(order + work)
            self.assertEqual(done.stdout.strip(), "1", done.stderr)


if __name__ == "__main__":
    unittest.main()
