"""Generators written in Python: a class becomes the table of functions of ptychokit/plugin.h."""
from __future__ import annotations

import ctypes
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any, Tuple, Type

import numpy as np

from . import lib
from ._errors import raised

_Floats = ctypes.POINTER(ctypes.c_float)
_ABI = lib.PTK_PLUGIN_ABI
_OUTPUTS = {"real_imag": lib.PTK_OUTPUT_REAL_IMAG, "amp_phase": lib.PTK_OUTPUT_AMP_PHASE, "amp_phase_logits": lib.PTK_OUTPUT_AMP_PHASE_LOGITS}


class Network:
    """A generator in Python; derive from it and give the class to :meth:`Context.register`. One is made for every model.

    Arrays are float32: amplitudes ``[batch, C, N, N]``, square roots of counts scaled to order one; images ``[batch, 2, C, N, N]``, what
    ``output`` says they are. Parameters come as a mapping of arrays, which are read only and valid during the call; the library trains and
    stores them. Methods are called one at a time for each network, with the interpreter's lock held; an exception becomes the
    cause of the :class:`Error` of the call that needed them (``KeyboardInterrupt`` and ``SystemExit`` come back as they are).
    """
    summary = "a network in Python"
    source = ""
    output = "real_imag"  #: or "amp_phase" (rad), "amp_phase_logits"
    options: Any = []  #: of dict(name=, type=, default=, meaning=, min=, max=, choices=) as Context.schema() gives them

    def __init__(self, channels: int, side: int, **options: Any) -> None:
        self.channels, self.side = channels, side
        self.options = options  # the values, over the class's list of what there is

    def parameters(self) -> Mapping[str, tuple]:
        """Names and shapes."""
        raise NotImplementedError

    def initialise(self, name: str, shape: tuple, seed: int) -> np.ndarray:
        """First values of a parameter, the same for the same seed."""
        raise NotImplementedError

    def forward(self, parameters: Mapping[str, np.ndarray], amplitudes: np.ndarray) -> np.ndarray:
        """The images."""
        raise NotImplementedError

    def vjp(self, parameters: Mapping[str, np.ndarray], amplitudes: np.ndarray, grad_images: np.ndarray) -> Mapping[str, np.ndarray]:
        """Gradients of ``sum(grad_images * images)`` by every parameter."""
        raise NotImplementedError


class _Problem(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_int64), ("channels", ctypes.c_int64), ("side", ctypes.c_int64), ("options", ctypes.c_char_p),
                ("set_error_message", ctypes.c_void_p)]


class _Parameter(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_int64), ("name", ctypes.c_char_p), ("ndim", ctypes.c_int64),
                ("shape", ctypes.c_int64 * lib.PTK_MAX_NDIM)]


_Status, _Self, _Pointers = ctypes.c_int32, ctypes.c_void_p, ctypes.POINTER(_Floats)
_FUNCTIONS = {"create": ctypes.CFUNCTYPE(_Status, ctypes.POINTER(_Self), ctypes.POINTER(_Problem), _Self),
              "destroy": ctypes.CFUNCTYPE(None, _Self),
              "parameter_count": ctypes.CFUNCTYPE(ctypes.c_int64, _Self),
              "parameter": ctypes.CFUNCTYPE(_Status, _Self, ctypes.c_int64, ctypes.POINTER(_Parameter)),
              "initialise": ctypes.CFUNCTYPE(_Status, _Self, ctypes.c_int64, ctypes.c_uint64, _Floats),
              "forward": ctypes.CFUNCTYPE(_Status, _Self, _Pointers, ctypes.c_int64, _Floats, _Floats),
              "vjp": ctypes.CFUNCTYPE(_Status, _Self, _Pointers, ctypes.c_int64, _Floats, _Floats, _Pointers),
              "free_user_data": ctypes.CFUNCTYPE(None, _Self)}


class _Table(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_int64), ("abi", ctypes.c_int32), ("output", ctypes.c_int32), ("name", ctypes.c_char_p),
                ("summary", ctypes.c_char_p), ("source", ctypes.c_char_p), ("options", ctypes.c_char_p), ("user_data", ctypes.c_void_p),
                *_FUNCTIONS.items()]


def _read(pointer: Any, shape: Tuple[int, ...]) -> np.ndarray:
    array = np.ctypeslib.as_array(pointer, tuple(shape))
    array.flags.writeable = False
    return array


def _write(pointer: Any, shape: Tuple[int, ...], values: Any, what: str) -> None:
    values = np.asarray(values)
    if values.shape != tuple(shape):
        raise ValueError(f"{what}: expected shape {tuple(shape)}, found {values.shape}")
    np.ctypeslib.as_array(pointer, tuple(shape))[...] = values


class _Made:
    """A network with what the library asks of it."""

    def __init__(self, network: Network, channels: int, side: int) -> None:
        self.network = network
        self.pixels = (channels, side, side)
        self.shapes = {str(name): tuple(map(int, shape)) for name, shape in network.parameters().items()}
        self.names = [name.encode() for name in self.shapes]  # the library reads them where they are

    def given(self, pointers: Any) -> dict:
        return {name: _read(pointers[i], shape) for i, (name, shape) in enumerate(self.shapes.items())}


class _Bridge:
    """The functions of a class of networks; lives until the library releases them."""
    alive: dict = {}
    retired: list = []  # a function of ctypes must not go while it runs
    number = itertools.count(1)

    def __init__(self, network: Type[Network]) -> None:
        self.network = network
        self.made: dict = {}
        self.key = next(self.number)
        self.functions = {name: kind(getattr(self, name) if name in ("destroy", "parameter_count", "free_user_data") else self.guarded(name))
                          for name, kind in _FUNCTIONS.items()}

    def guarded(self, name: str) -> Callable[..., int]:
        method = getattr(self, name)

        def call(*arguments: Any) -> int:
            try:
                method(*arguments)
                return lib.PTK_OK
            except BaseException as error:  # noqa: BLE001: nothing may leave into C
                words = f"{type(error).__name__}: {error}"
                raised.last = error, words
                lib.ptk_set_error_message(words)
                return lib.PTK_ERR_CALLBACK
        return call

    def create(self, self_out: Any, problem: Any, _: Any) -> None:
        problem = problem.contents
        options = json.loads(problem.options)
        made = _Made(self.network(problem.channels, problem.side, **options), problem.channels, problem.side)
        key = next(self.number)
        self.made[key] = made
        self_out[0] = key

    def destroy(self, key: int) -> None:
        self.made.pop(key, None)

    def parameter_count(self, key: int) -> int:
        return len(self.made[key].names)

    def parameter(self, key: int, index: int, out: Any) -> None:
        made = self.made[key]
        shape = made.shapes[made.names[index].decode()]
        out.contents.name = made.names[index]
        out.contents.ndim = len(shape)
        out.contents.shape[:min(len(shape), lib.PTK_MAX_NDIM)] = shape[:lib.PTK_MAX_NDIM]

    def initialise(self, key: int, index: int, seed: int, values: Any) -> None:
        made = self.made[key]
        name = made.names[index].decode()
        _write(values, made.shapes[name], made.network.initialise(name, made.shapes[name], seed), f"initialise('{name}')")

    def forward(self, key: int, parameters: Any, batch: int, amplitudes: Any, images: Any) -> None:
        made = self.made[key]
        channels, side, _ = made.pixels
        answer = made.network.forward(made.given(parameters), _read(amplitudes, (batch, *made.pixels)))
        _write(images, (batch, 2, channels, side, side), answer, "forward")

    def vjp(self, key: int, parameters: Any, batch: int, amplitudes: Any, grad_images: Any, gradients: Any) -> None:
        made = self.made[key]
        channels, side, _ = made.pixels
        answer = made.network.vjp(made.given(parameters), _read(amplitudes, (batch, *made.pixels)),
                                  _read(grad_images, (batch, 2, channels, side, side)))
        for index, (name, shape) in enumerate(made.shapes.items()):
            _write(gradients[index], shape, answer[name], f"vjp, gradient of '{name}'")

    def free_user_data(self, _: Any) -> None:
        self.retired.append(self.alive.pop(self.key, None))


def register(context: lib.ptk_context, name: str, network: Type[Network]) -> None:
    if network.output not in _OUTPUTS:
        raise ValueError(f"{network.__name__}.output: '{network.output}'; expected one of {', '.join(_OUTPUTS)}")
    _Bridge.retired.clear()
    bridge = _Bridge(network)
    functions = dict(bridge.functions)
    if network.vjp is Network.vjp:
        functions["vjp"] = _FUNCTIONS["vjp"](0)  # it only predicts
    table = _Table(struct_size=ctypes.sizeof(_Table), abi=_ABI, output=_OUTPUTS[network.output], name=name.encode(),
                   summary=network.summary.encode(), source=network.source.encode(), options=json.dumps(list(network.options)).encode(),
                   user_data=bridge.key, **functions)
    _Bridge.alive[bridge.key] = bridge
    try:
        lib.ptk_generator_register(context, ctypes.addressof(table))
    except BaseException:
        _Bridge.alive.pop(bridge.key, None)
        raise
