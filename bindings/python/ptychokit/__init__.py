"""Neural ptychography: from diffraction frames to the complex object.

    import ptychokit as pk

    with pk.Context("cpu") as context:
        scan = pk.Dataset.open(context, "scan.npz")
        model = pk.Model(context, scan.side, {"training": {"epochs": 5}})
        pk.Trainer(model).fit(scan, progress=lambda p: print(p.phase, p.step, p.loss))
        canvas = pk.Reconstructor(context, model).reconstruct(scan)
        image = canvas.object                                     # complex64 [rows, columns]

* Arrays are given as anything with the buffer protocol (NumPy and others, any strides that are not negative) or DLPack (torch), without a
  copy; lists and the like become NumPy arrays. Arrays come back as NumPy arrays. Frames are ``[n, N, N]``, positions ``[n, 2]`` with (x, y).
* A configuration is a ``dict`` (nested or with dotted keys), a :class:`Config`, or ``None`` for defaults.
* A failed call raises :class:`Error` with ``status`` and ``message``; a cancelled one :class:`Cancelled`.
* ``progress`` is called on the calling thread; ``False`` cancels, an exception comes back unchanged, and Ctrl-C works.
* Log messages go to the loggers below ``logging.getLogger("ptychokit")``.
* Objects are released with their last reference, or by ``close()``, or at the end of ``with``. The interpreter's lock is released while the
  library works. Calls that only read an object may run in several threads; others need it for themselves.
* A forked process (``os.fork``, the start method "fork" of multiprocessing) computes with one thread; a spawned one with all.

:mod:`ptychokit.lib` is the C interface as it is.
"""
from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Tuple, Type, TypeVar, Union

import numpy as np

from . import _library

_library.load()
from . import lib  # noqa: E402
from ._errors import Cancelled, Error  # noqa: E402
from ._types import ArrayLike, DType  # noqa: E402
from . import _network  # noqa: E402
from ._network import Network  # noqa: E402

__all__ = ["Cancel", "Cancelled", "Canvas", "Config", "Context", "Dataset", "Error", "Model", "Network", "Progress", "Reconstructor", "Trainer",
           "build_info", "lib", "status_name"]
__version__ = ".".join(map(str, lib.ptk_version()))

Path = Union[str, "os.PathLike[str]"]
Options = Union["Config", Mapping[str, Any], None]
Self = TypeVar("Self", bound="_Handle")


@dataclasses.dataclass(frozen=True)
class Progress:
    """State of a long call: numbers that are not known are NaN, counts 0."""
    phase: str
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    validation_loss: float
    frames_per_second: float
    seconds: float


Watcher = Callable[[Progress], Any]
_FIELDS = [field.name for field in dataclasses.fields(Progress)]


def build_info() -> dict:
    """What the library was built from and with."""
    return json.loads(lib.ptk_build_info())


def status_name(status: int) -> str:
    """Name of a status, e.g. ``"PTK_ERR_SHAPE"``."""
    return lib.ptk_status_name(status)


class _Listener(lib.ptk_progress_listener):
    def __init__(self, watcher: Union[Watcher, None]) -> None:
        super().__init__()
        self.watcher = watcher

    def on_progress(self, progress: lib.ptk_progress) -> bool:
        if self.watcher is None:  # this still is where Ctrl-C is seen
            return True
        answer = self.watcher(Progress(*(getattr(progress, name) for name in _FIELDS)))
        return not isinstance(answer, (bool, np.bool_)) or bool(answer)


class _Log(lib.ptk_log_listener):
    LEVELS = {lib.PTK_LOG_ERROR: logging.ERROR, lib.PTK_LOG_WARN: logging.WARNING, lib.PTK_LOG_INFO: logging.INFO,
              lib.PTK_LOG_DEBUG: logging.DEBUG}

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self.logger = logger

    def on_message(self, level: int, area: str, message: str) -> None:
        self.logger.getChild(area).log(self.LEVELS.get(level, logging.INFO), "%s", message)


class _Handle:
    """Something of the library; released with the last reference to it."""

    def __init__(self, handle: Any, keeps: Union[Context, None] = None) -> None:
        self._held = handle
        self._keeps = keeps  # the context, whose log must outlive what logs to it

    @property
    def _handle(self) -> Any:
        if self._held is None:
            raise ValueError(f"the {type(self).__name__} is closed")
        return self._held

    @property
    def closed(self) -> bool:
        return self._held is None

    def close(self) -> None:
        """Release it now; what was made from it stays usable."""
        self._held = None

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, kind: Union[Type[BaseException], None], value: Union[BaseException, None],
                 trace: Union[TracebackType, None]) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ptychokit.{type(self).__name__}{' (closed)' if self.closed else ''}>"


def _raw(value: Union[_Handle, None]) -> Any:
    """The handle of an object or None."""
    return None if value is None else value._handle


def _options(config: Options) -> Any:
    return _raw(config if config is None or isinstance(config, Config) else Config(config))


def _array(value: Any) -> Any:
    """What the compiled module takes as it is; other things by way of NumPy."""
    if value is None or isinstance(value, np.ndarray) or hasattr(value, "__dlpack__"):
        return value
    try:
        return memoryview(value)
    except TypeError:
        return np.asarray(value)


def _output(value: Any) -> Any:
    """What the compiled module can write to: also what shows its memory by ``__array_interface__`` alone."""
    if isinstance(value, np.ndarray) or hasattr(value, "__dlpack__") or not hasattr(value, "__array_interface__"):
        return value
    return np.asarray(value)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} cannot be an option")


class Config(_Handle):
    """Option values by dotted name: ``Config({"training": {"epochs": 3}})``, ``config["seed"] = 7``. Checked when used, or by ``check``."""

    def __init__(self, values: Union[Mapping[str, Any], None] = None) -> None:
        super().__init__(lib.ptk_config_create() if values is None else lib.ptk_config_from_json(json.dumps(values, default=_plain)))

    @classmethod
    def _of(cls, handle: lib.ptk_config) -> Config:
        config = cls.__new__(cls)
        _Handle.__init__(config, handle)
        return config

    @classmethod
    def from_yaml(cls, text: str) -> Config:
        return cls._of(lib.ptk_config_from_yaml(text))

    @classmethod
    def load(cls, path: Path) -> Config:
        """From a .json, .yaml or .yml file."""
        return cls._of(lib.ptk_config_load(os.fspath(path)))

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, np.generic):
            value = value.item()
        if value is None:
            lib.ptk_config_set_text(self._handle, key, "null")
        elif isinstance(value, bool):
            lib.ptk_config_set_bool(self._handle, key, value)
        elif isinstance(value, int):
            lib.ptk_config_set_int(self._handle, key, value)
        elif isinstance(value, float):
            lib.ptk_config_set_float(self._handle, key, value)
        elif isinstance(value, (tuple, list)) and len(value) == 2:
            lib.ptk_config_set_pair(self._handle, key, *map(float, value))
        elif isinstance(value, Mapping):
            for inner, item in value.items():
                self[f"{key}.{inner}"] = item
        else:
            lib.ptk_config_set_string(self._handle, key, os.fspath(value))

    def set_text(self, key: str, value: str) -> None:
        """A value as text, read as the option's type; for command lines."""
        lib.ptk_config_set_text(self._handle, key, value)

    def update(self, other: Options) -> None:
        """Take over the values of another configuration; they win."""
        lib.ptk_config_merge(self._handle, _options(other))

    def check(self, context: Context, subject: str = "library") -> None:
        lib.ptk_config_check(context._handle, self._handle, subject)

    def effective(self, context: Context, subject: str = "library") -> dict:
        """All values, defaults included."""
        return json.loads(lib.ptk_config_to_json(context._handle, self._handle, subject))


class Cancel(_Handle):
    """A flag that stops long calls, from any thread."""

    def __init__(self) -> None:
        super().__init__(lib.ptk_cancel_create())

    def request(self) -> None:
        lib.ptk_cancel_request(self._handle)

    def reset(self) -> None:
        lib.ptk_cancel_reset(self._handle)


class Context(_Handle):
    """Device ("cpu", "cuda", "cuda:1", "auto"), log, generators and general settings of what is made from it."""

    def __init__(self, device: str = "cpu", config: Options = None, logger: Union[logging.Logger, None] = None) -> None:
        super().__init__(lib.ptk_context_create(device, _options(config)))
        self._log: Union[_Log, None] = None
        self.log_to(logger or logging.getLogger("ptychokit"))

    def log_to(self, logger: Union[logging.Logger, None], level: Union[int, None] = None) -> None:
        """Send messages of at least ``level`` (default: the logger's) to a logger; ``None`` makes it silent."""
        listener, wanted = None, lib.PTK_LOG_ERROR
        if logger is not None:
            least = logger.getEffectiveLevel() if level is None else level
            wanted = max([code for code, there in _Log.LEVELS.items() if there >= least], default=lib.PTK_LOG_ERROR)
            listener = _Log(logger)
        lib.ptk_context_set_log(self._handle, wanted, listener)
        self._log = listener

    def close(self) -> None:
        if not self.closed:
            self.log_to(None)
        super().close()

    def describe(self) -> dict:
        return json.loads(lib.ptk_context_describe(self._handle))

    def devices(self) -> list:
        return json.loads(lib.ptk_context_devices(self._handle))

    def generators(self) -> list:
        return json.loads(lib.ptk_generator_list(self._handle))

    def initializers(self) -> list:
        """The ways to draw first weights, for the option generator.initializer."""
        return json.loads(lib.ptk_initializer_list(self._handle))

    def generator(self, name: str) -> dict:
        """One generator with its options."""
        return json.loads(lib.ptk_generator_describe(self._handle, name))

    def registered(self, category: str = "categories", name: "str | None" = None) -> "list | dict":
        """What is registered under a category ("losses", "optimizers" ...), or one of it with its options."""
        if name is None:
            return json.loads(lib.ptk_registry_list(self._handle, category))
        return json.loads(lib.ptk_registry_describe(self._handle, category, name))

    def load_plugin(self, path: Path) -> None:
        """Load a shared library with generators, or allow a TorchScript program that a model was trained with. It is executed."""
        lib.ptk_plugin_load(self._handle, os.fspath(path))

    def register(self, name: str, network: Type[Network]) -> None:
        """Make a class derived from :class:`Network` a generator of this name."""
        _network.register(self._handle, name, network)

    def schema(self, subject: str = "library") -> list:
        """The options that exist."""
        return json.loads(lib.ptk_config_schema(self._handle, subject))

    def describe_file(self, path: Path, config: Options = None) -> dict:
        """What is in a file, without reading its arrays."""
        return json.loads(lib.ptk_file_describe(self._handle, os.fspath(path), _options(config)))

    def forward(self, patches: ArrayLike, probe: ArrayLike, out: Any = None) -> Any:
        """Intensities ``[n, N, N]``, float32 counts, of complex patches ``[n, N, N]`` seen through a probe ``[N, N]`` or ``[modes, N, N]``, complex,
        in square roots of counts. Or ``out``, real, after it was filled."""
        given = _array(patches)
        out = np.empty(tuple(given.shape), np.float32) if out is None else out
        lib.ptk_forward(self._handle, given, _array(probe), _output(out))
        return out


class _Arrays(_Handle):
    """Something with arrays by name."""
    _TYPES = {"patterns": np.float32, "positions": np.float64, "probe": np.complex64, "object": np.complex64, "bad_pixels": np.bool_,
              "coverage": np.float32, "fourier_errors": np.float64, "held_out_fourier_errors": np.float64}
    _prefix = ""

    def _call(self, name: str, *arguments: Any) -> Any:
        return getattr(lib, f"{self._prefix}_{name}")(self._handle, *arguments)

    def shape(self, name: str) -> Tuple[int, ...]:
        return self._call("shape", name)

    def array(self, name: str, dtype: Union[DType, None] = None, out: Any = None) -> Any:
        """An array by its name, converted to ``dtype``, or ``out`` after it was written there."""
        if out is None:
            out = np.empty(self.shape(name), self._type(name) if dtype is None else dtype)
        self._call("read", name, _output(out))
        return out

    def _type(self, name: str) -> Any:
        return self._TYPES[name]

    def describe(self) -> dict:
        return json.loads(self._call("describe"))


class Dataset(_Arrays):
    """A scan. Never changes once it is made. Arrays: patterns [n, N, N], positions [n, 2], probe [modes, N, N], object [H, W],
    bad_pixels [N, N], true for a pixel that says nothing."""
    _prefix = "ptk_dataset"

    @classmethod
    def open(cls, context: Context, path: Path, config: Options = None) -> Dataset:
        """A file or folder, told apart by content: PtychoPINN's NPZ, CXI, ptychodus, PtyPy, or HDF5 with its paths in the configuration."""
        return cls(lib.ptk_dataset_open(context._handle, os.fspath(path), _options(config)), context)

    @classmethod
    def from_arrays(cls, context: Context, patterns: ArrayLike, positions: ArrayLike, probe: Union[ArrayLike, None] = None,
                    object: Union[ArrayLike, None] = None, config: Options = None) -> Dataset:
        """From arrays, which are copied: real ``[n, N, N]``, real ``[n, 2]`` with (x, y) in pixels, complex ``[N, N]`` or ``[modes, N, N]``, complex
        ``[H, W]`` in the frame of the positions."""
        return cls(lib.ptk_dataset_from_arrays(context._handle, _array(patterns), _array(positions), _array(probe), _array(object),
                                               _options(config)), context)

    @classmethod
    def simulate(cls, context: Context, config: Options = None, progress: Union[Watcher, None] = None,
                 cancel: Union[Cancel, None] = None) -> Dataset:
        """An experiment after the simulation.* options and the seed, with the object, probe and positions that made it."""
        return cls(lib.ptk_simulate(context._handle, _options(config), _raw(cancel), _Listener(progress)), context)

    def save(self, path: Path, format: str = "auto") -> None:
        """For ``open``, as "npz", "cxi", "ptychodus" (a new folder), or by the suffix."""
        lib.ptk_dataset_save(self._handle, os.fspath(path), format)

    def select(self, x: Tuple[float, float] = (0, 1), y: Tuple[float, float] = (0, 1)) -> Dataset:
        """The part inside fractions (low, high) of the range of the positions."""
        return Dataset(lib.ptk_dataset_select(self._handle, x[0], x[1], y[0], y[1]), self._keeps)

    def __len__(self) -> int:
        return lib.ptk_dataset_size(self._handle)

    @property
    def side(self) -> int:
        return lib.ptk_dataset_side(self._handle)

    def frames(self, first: int, count: int = 1, out: Any = None) -> Any:
        """Some frames, from number ``first`` (from 0) on, as float32, or ``out`` [k, N, N] after it was filled."""
        out = np.empty((count, self.side, self.side), np.float32) if out is None else out
        lib.ptk_dataset_read_patterns(self._handle, first, _output(out))
        return out

    @property
    def patterns(self) -> np.ndarray:
        return self.array("patterns")

    @property
    def positions(self) -> np.ndarray:
        return self.array("positions")

    @property
    def probe(self) -> np.ndarray:
        return self.array("probe")

    @property
    def object(self) -> np.ndarray:
        return self.array("object")

    @property
    def bad_pixels(self) -> np.ndarray:
        return self.array("bad_pixels")


class Model(_Arrays):
    """A network with weights, settings, probe and history. Arrays: "probe", and every weight by its dotted name."""
    _prefix = "ptk_model"

    def __init__(self, context: Context, side: int, config: Options = None) -> None:
        super().__init__(lib.ptk_model_create(context._handle, side, _options(config)), context)

    @classmethod
    def load(cls, context: Context, path: Path) -> Model:
        model = cls.__new__(cls)
        _Handle.__init__(model, lib.ptk_model_load(context._handle, os.fspath(path)), context)
        return model

    @classmethod
    def from_weights(cls, context: Context, path: Path, side: int = 0, config: Options = None) -> Model:
        """A model of weights from Python: .pth, .pt, .ckpt, wts.h5.zip, .safetensors or .npz; side 0 = as the file tells."""
        model = cls.__new__(cls)
        _Handle.__init__(model, lib.ptk_model_import(context._handle, os.fspath(path), side, _options(config)), context)
        return model

    def export(self, path: Path) -> None:
        """Write the weights to .safetensors or .npz, by the names of the reference's state dict."""
        lib.ptk_model_export(self._handle, os.fspath(path))

    def save(self, path: Path) -> None:
        lib.ptk_model_save(self._handle, os.fspath(path))

    @property
    def side(self) -> int:
        return lib.ptk_model_side(self._handle)

    @property
    def parameter_count(self) -> int:
        return lib.ptk_model_parameter_count(self._handle)

    def history(self) -> list:
        return json.loads(lib.ptk_model_history(self._handle))

    def arrays(self) -> list:
        """Name, dtype and shape of every array."""
        return json.loads(lib.ptk_model_arrays(self._handle))

    def _type(self, name: str) -> Any:
        kinds = {"U": "u", "I": "i", "F": "f", "C": "c"}
        named = {entry["name"]: entry["dtype"] for entry in self.arrays()}
        found = named.get(name, "F32")
        return np.bool_ if found == "BOOL" else np.dtype(f"{kinds[found[0]]}{int(found[1:]) // 8}")

    @property
    def probe(self) -> np.ndarray:
        return self.array("probe")

    @probe.setter
    def probe(self, value: ArrayLike) -> None:
        lib.ptk_model_set_probe(self._handle, _array(value))

    def write_picture(self, picture: str, path: Path) -> None:
        """"history" or "probe", as PNG."""
        lib.ptk_model_write_picture(self._handle, picture, os.fspath(path))


class Trainer(_Handle):
    """Trains one model; checkpoints and history go to ``run_folder`` when there is one."""

    def __init__(self, model: Model, config: Options = None, run_folder: Union[Path, None] = None) -> None:
        folder = None if run_folder is None else os.fspath(run_folder)
        super().__init__(lib.ptk_trainer_create(model._handle, _options(config), folder), model._keeps)

    def fit(self, dataset: Dataset, progress: Union[Watcher, None] = None, cancel: Union[Cancel, None] = None) -> None:
        """Train; blocks until done, cancelled or failed."""
        lib.ptk_trainer_fit(self._handle, dataset._handle, _raw(cancel), _Listener(progress))

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint; before ``fit``."""
        lib.ptk_trainer_resume(self._handle, os.fspath(path))


class Canvas(_Arrays):
    """An object with probe, coverage, positions and errors. Empty ones take patches by ``add``."""
    _prefix = "ptk_canvas"

    def __init__(self, context: Context, height: int, width: int, origin: Tuple[int, int] = (0, 0), config: Options = None) -> None:
        super().__init__(lib.ptk_canvas_create(context._handle, height, width, origin[0], origin[1], _options(config)), context)

    @classmethod
    def _of(cls, handle: lib.ptk_canvas, context: Union[Context, None]) -> Canvas:
        canvas = cls.__new__(cls)
        _Handle.__init__(canvas, handle, context)
        return canvas

    @classmethod
    def around(cls, context: Context, positions: ArrayLike, side: int, config: Options = None) -> Canvas:
        """Empty, holds all patches of a side at these positions."""
        return cls._of(lib.ptk_canvas_create_around(context._handle, _array(positions), side, _options(config)), context)

    @classmethod
    def load(cls, context: Context, path: Path) -> Canvas:
        return cls._of(lib.ptk_canvas_load(context._handle, os.fspath(path)), context)

    def save(self, path: Path) -> None:
        """One HDF5 file."""
        lib.ptk_canvas_save(self._handle, os.fspath(path))

    def add(self, patches: ArrayLike, positions: ArrayLike, weights: Union[ArrayLike, None] = None) -> None:
        """Add complex patches [k, n, n] at positions [k, 2], (x, y) in pixels, with real weights [n, n] or [k, n, n]."""
        lib.ptk_canvas_add(self._handle, _array(patches), _array(positions), _array(weights))

    @property
    def object(self) -> np.ndarray:
        return self.array("object")

    @property
    def coverage(self) -> np.ndarray:
        return self.array("coverage")

    @property
    def probe(self) -> np.ndarray:
        return self.array("probe")

    @property
    def positions(self) -> np.ndarray:
        return self.array("positions")

    @property
    def fourier_errors(self) -> np.ndarray:
        return self.array("fourier_errors")

    def write_picture(self, picture: str, path: Path) -> None:
        """"amplitude", "phase", "coverage", "probe" or "errors", as PNG."""
        lib.ptk_canvas_write_picture(self._handle, picture, os.fspath(path))

    def evaluate(self, reference: Union[ArrayLike, Path], config: Options = None) -> dict:
        """Scores against a known object: an array [H, W], or the path of a file with one."""
        if isinstance(reference, (str, os.PathLike)):
            return json.loads(lib.ptk_evaluate_file(self._handle, os.fspath(reference), _options(config)))
        return json.loads(lib.ptk_evaluate(self._handle, _array(reference), _options(config)))

    def fourier_error(self, dataset: Dataset, progress: Union[Watcher, None] = None, cancel: Union[Cancel, None] = None) -> float:
        """Relative Fourier error against the frames; 0 is perfect."""
        return lib.ptk_fourier_error(self._handle, dataset._handle, _raw(cancel), _Listener(progress))


class Reconstructor(_Handle):
    """Reconstructs with a model, or without one by iteration alone (``refine``). One for each thread."""

    def __init__(self, context: Context, model: Union[Model, None] = None, config: Options = None) -> None:
        super().__init__(lib.ptk_reconstructor_create(context._handle, _raw(model), _options(config)), context)

    def predict(self, patterns: ArrayLike, positions: Union[ArrayLike, None] = None, out: Any = None) -> Any:
        """Patches, complex64, of frames [B, N, N], or of groups [B, G, N, N], without stitching; positions [..., 2], (x, y) in pixels. Or ``out``,
        of the patterns' shape, after it was filled."""
        given = _array(patterns)
        out = np.empty(tuple(given.shape), np.complex64) if out is None else out
        lib.ptk_reconstructor_predict(self._handle, given, _array(positions), _output(out))
        return out

    def reconstruct(self, dataset: Dataset, progress: Union[Watcher, None] = None, cancel: Union[Cancel, None] = None) -> Canvas:
        """Predict the whole scan and stitch."""
        return Canvas._of(lib.ptk_reconstructor_reconstruct(self._handle, dataset._handle, _raw(cancel), _Listener(progress)), self._keeps)

    def refine(self, dataset: Dataset, start: Union[Canvas, None] = None, progress: Union[Watcher, None] = None,
               cancel: Union[Cancel, None] = None) -> Canvas:
        """Iterate object and probe on the frames, from a canvas or from a flat object."""
        return Canvas._of(lib.ptk_reconstructor_refine(self._handle, dataset._handle, _raw(start), _raw(cancel), _Listener(progress)), self._keeps)


def _compute_alone() -> None:
    """In a forked child: threads of OpenMP do not survive a fork, and a call that counts on them would wait for ever."""
    Context("cpu", {"threads": 1}, logging.Logger("silent", logging.CRITICAL))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_compute_alone)
