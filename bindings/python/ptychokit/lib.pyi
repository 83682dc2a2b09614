# Generated from bindings/swig/ptk.i by bindings/generate/generate.py; changes are lost.
"""The C interface of PtychoKit as it is: functions, constants, handles that release what they hold.

A failed call raises ptychokit.Error. Arrays are buffers or DLPack tensors; outputs are written in place.
"""
from typing import Any, List, Optional, Protocol, Tuple, Union

import numpy

class _Tensor(Protocol):
    def __dlpack__(self, *, max_version: Optional[Tuple[int, int]] = ...) -> Any: ...

Array = Union["numpy.ndarray[Any, Any]", memoryview, _Tensor]

class ptk_progress_listener:
    """Derive from it; return True to go on."""
    def __init__(self) -> None: ...
    def on_progress(self, progress: ptk_progress) -> bool: ...

class ptk_log_listener:
    """Derive from it."""
    def __init__(self) -> None: ...
    def on_message(self, level: int, area: str, message: str) -> None: ...

PTK_VERSION_MAJOR: int
PTK_VERSION_MINOR: int
PTK_VERSION_PATCH: int
PTK_MAX_NDIM: int
PTK_PLUGIN_ABI: int

# enum ptk_status_code
PTK_OK: int
PTK_ERR_INTERNAL: int
PTK_ERR_INVALID_ARGUMENT: int
PTK_ERR_INVALID_CONFIG: int
PTK_ERR_SHAPE: int
PTK_ERR_NOT_FOUND: int
PTK_ERR_EXISTS: int
PTK_ERR_BUFFER_TOO_SMALL: int
PTK_ERR_OUT_OF_MEMORY: int
PTK_ERR_IO: int
PTK_ERR_FORMAT: int
PTK_ERR_DEVICE: int
PTK_ERR_UNSUPPORTED: int
PTK_ERR_STATE: int
PTK_ERR_NOT_CONVERGED: int
PTK_ERR_CANCELLED: int
PTK_ERR_CALLBACK: int

# enum ptk_dtype_code
PTK_U8: int
PTK_U16: int
PTK_I32: int
PTK_I64: int
PTK_I8: int
PTK_I16: int
PTK_U32: int
PTK_U64: int
PTK_BOOL: int
PTK_F32: int
PTK_F64: int
PTK_C64: int
PTK_C128: int

# enum ptk_device_kind
PTK_DEVICE_CPU: int
PTK_DEVICE_CUDA: int
PTK_DEVICE_CUDA_PINNED: int

# enum ptk_log_level_code
PTK_LOG_ERROR: int
PTK_LOG_WARN: int
PTK_LOG_INFO: int
PTK_LOG_DEBUG: int

# enum ptk_generator_output_code
PTK_OUTPUT_REAL_IMAG: int
PTK_OUTPUT_AMP_PHASE: int
PTK_OUTPUT_AMP_PHASE_LOGITS: int

class ptk_context:
    r"""A handle; released with the last reference to it."""
    thisown: bool

class ptk_config:
    r"""A handle; released with the last reference to it."""
    thisown: bool

class ptk_cancel:
    r"""A handle; released with the last reference to it."""
    thisown: bool

class ptk_dataset:
    r"""A handle; released with the last reference to it."""
    thisown: bool

class ptk_model:
    r"""A handle; released with the last reference to it."""
    thisown: bool

class ptk_trainer:
    r"""A handle; released with the last reference to it."""
    thisown: bool

class ptk_reconstructor:
    r"""A handle; released with the last reference to it."""
    thisown: bool

class ptk_canvas:
    r"""A handle; released with the last reference to it."""
    thisown: bool

class ptk_view:
    @property
    def data(self) -> Any: ...
    @property
    def dtype(self) -> int: ...
    @property
    def ndim(self) -> int: ...
    @property
    def device_type(self) -> int: ...
    @property
    def device_id(self) -> int: ...
    @property
    def shape(self) -> Any: ...
    @property
    def strides(self) -> Any: ...

class ptk_progress:
    @property
    def phase(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def epochs(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @property
    def validation_loss(self) -> float: ...
    @property
    def frames_per_second(self) -> float: ...
    @property
    def seconds(self) -> float: ...

def ptk_version() -> List[int]:
    r"""Version of the library that is loaded, not of the header."""

def ptk_build_info() -> str:
    r"""What this library was built from and with."""

def ptk_status_name(code: int) -> str:
    r"""Name of a status."""

def ptk_dtype_size(code: int) -> int:
    r"""Size of an element."""

def ptk_last_error() -> int:
    r"""Status of the last call that failed on the calling thread."""

def ptk_last_error_message() -> str:
    r"""Message of the last call that failed on the calling thread."""

def ptk_set_error_message(message: Optional[str]) -> None:
    r"""For callbacks that are about to return a failure."""

def ptk_context_create(device: str, config: Optional[ptk_config]) -> ptk_context:
    r"""Create a context."""

def ptk_context_set_log(ctx: ptk_context, level: int, fn: Optional[ptk_log_listener]) -> None:
    r"""Send log messages of everything that was or will be created from this context to a function."""

def ptk_context_devices(ctx: ptk_context) -> str:
    r"""Devices that can be used now."""

def ptk_context_describe(ctx: ptk_context) -> str:
    r"""What the context is."""

def ptk_config_create() -> ptk_config:
    r"""Create an empty configuration."""

def ptk_config_from_json(json: str) -> ptk_config:
    r"""Read a configuration from JSON text."""

def ptk_config_from_yaml(yaml: str) -> ptk_config:
    r"""Read a configuration from YAML text."""

def ptk_config_load(path: str) -> ptk_config:
    r"""Read a configuration file."""

def ptk_config_set_int(config: ptk_config, key: str, value: int) -> None:
    r"""Set a whole number."""

def ptk_config_set_float(config: ptk_config, key: str, value: float) -> None:
    r"""Set a number."""

def ptk_config_set_bool(config: ptk_config, key: str, value: int) -> None:
    r"""Set a switch."""

def ptk_config_set_string(config: ptk_config, key: str, value: str) -> None:
    r"""Set a text."""

def ptk_config_set_pair(config: ptk_config, key: str, first: float, second: float) -> None:
    r"""Set a pair of numbers, e.g."""

def ptk_config_set_text(config: ptk_config, key: str, value: str) -> None:
    r"""Set a value from text, read as the option's type."""

def ptk_config_merge(config: ptk_config, other: ptk_config) -> None:
    r"""Take over the values of another configuration; they win."""

def ptk_config_check(ctx: ptk_context, config: Optional[ptk_config], subject: str) -> None:
    r"""Check a configuration now instead of when it is used."""

def ptk_config_to_json(ctx: ptk_context, config: Optional[ptk_config], subject: str) -> str:
    r"""Effective values, defaults included."""

def ptk_config_schema(ctx: ptk_context, subject: str) -> str:
    r"""The options that exist."""

def ptk_cancel_create() -> ptk_cancel:
    r"""Create a cancel flag, lowered."""

def ptk_cancel_request(cancel: Optional[ptk_cancel]) -> None:
    r"""Raise the flag."""

def ptk_cancel_reset(cancel: Optional[ptk_cancel]) -> None:
    r"""Lower the flag, to use it again."""

def ptk_file_describe(ctx: ptk_context, path: str, config: Optional[ptk_config]) -> str:
    r"""What is in a file, without reading its arrays."""

def ptk_dataset_open(ctx: ptk_context, path: str, config: Optional[ptk_config]) -> ptk_dataset:
    r"""Open a scan, told apart by content."""

def ptk_dataset_from_arrays(ctx: ptk_context, patterns: Array, positions: Array, probe: Optional[Array], object: Optional[Array], config: Optional[ptk_config]) -> ptk_dataset:
    r"""Make a dataset of arrays, which are copied."""

def ptk_simulate(ctx: ptk_context, config: Optional[ptk_config], cancel: Optional[ptk_cancel], progress: Optional[ptk_progress_listener]) -> ptk_dataset:
    r"""Simulate an experiment after the simulation.* options and the seed."""

def ptk_dataset_save(dataset: ptk_dataset, path: str, format: str) -> None:
    r"""Write a dataset to a file, from which ptk_dataset_open() reads the same patterns, positions, probe, object and bad pixels."""

def ptk_dataset_select(dataset: ptk_dataset, x_low: float, x_high: float, y_low: float, y_high: float) -> ptk_dataset:
    r"""The part of a dataset whose scan points lie inside fractions of the range of the positions, e.g."""

def ptk_dataset_size(dataset: Optional[ptk_dataset]) -> int:
    r"""Number of frames, n."""

def ptk_dataset_side(dataset: Optional[ptk_dataset]) -> int:
    r"""Side of a frame, N."""

def ptk_dataset_describe(dataset: ptk_dataset) -> str:
    r"""Source, size, what the frames hold, lengths of the experiment, range of the positions, what the reader decided, arrays."""

def ptk_dataset_shape(dataset: ptk_dataset, name: str) -> Tuple[int, ...]:
    r"""Shape of an array."""

def ptk_dataset_read(dataset: ptk_dataset, name: str, array_out: Array) -> None:
    r"""Copy an array out, converted to the element type of the view (real to real, complex to complex)."""

def ptk_dataset_read_patterns(dataset: ptk_dataset, first: int, patterns_out: Array) -> None:
    r"""Copy some patterns out, from frame"""

def ptk_generator_list(ctx: ptk_context) -> str:
    r"""The generators (networks) that this context knows."""

def ptk_generator_describe(ctx: ptk_context, name: str) -> str:
    r"""One generator with its options and what it costs with their defaults."""

def ptk_initializer_list(ctx: ptk_context) -> str:
    r"""The ways to draw a generator's first weights, for the option generator.initializer."""

def ptk_registry_list(ctx: ptk_context, category: str) -> str:
    r"""What is registered under a category."""

def ptk_registry_describe(ctx: ptk_context, category: str, name: str) -> str:
    r"""One of them with the options that it reads."""

def ptk_model_create(ctx: ptk_context, side: int, config: Optional[ptk_config]) -> ptk_model:
    r"""Create a model with fresh weights, drawn from the seed."""

def ptk_model_load(ctx: ptk_context, path: str) -> ptk_model:
    r"""Load a model from a bundle (one HDF5 file; data only, nothing in it is executed)."""

def ptk_model_save(model: ptk_model, path: str) -> None:
    r"""Save a model as a bundle."""

def ptk_model_import(ctx: ptk_context, path: str, side: int, config: Optional[ptk_config]) -> ptk_model:
    r"""Make a model of weights from Python."""

def ptk_model_export(model: ptk_model, path: str) -> None:
    r"""Write the weights of a model, parameters and buffers by the names of the reference's state dict, for Python."""

def ptk_model_parameter_count(model: Optional[ptk_model]) -> int:
    r"""Number of trainable numbers in the network (a complex one counts once)."""

def ptk_model_side(model: Optional[ptk_model]) -> int:
    r"""Side N of the frames that the model takes."""

def ptk_model_describe(model: ptk_model) -> str:
    r"""Generator, N, group size, number of parameters, settings, probe, statistics, the experiments when it was trained on several together, history, where it comes from."""

def ptk_model_history(model: ptk_model) -> str:
    r"""The course of its training."""

def ptk_model_arrays(model: ptk_model) -> str:
    r"""The arrays that ptk_model_shape() and ptk_model_read() know."""

def ptk_model_shape(model: ptk_model, name: str) -> Tuple[int, ...]:
    r"""Shape of an array."""

def ptk_model_read(model: ptk_model, name: str, array_out: Array) -> None:
    r"""Copy an array out, converted to the element type of the view (real to real, complex to complex)."""

def ptk_model_set_probe(model: ptk_model, probe: Array) -> None:
    r"""Give the model a probe, in place of the one that its training scan had or made."""

def ptk_model_write_picture(model: ptk_model, picture: str, path: str) -> None:
    r"""Draw something of a model as an 8-bit PNG."""

def ptk_generator_register(ctx: ptk_context, table: int) -> None:
    r"""Add a generator made of C functions to a context."""

def ptk_plugin_load(ctx: ptk_context, path: str) -> None:
    r"""Load a plug-in, whose code is executed."""

def ptk_trainer_create(model: ptk_model, config: Optional[ptk_config], run_folder: Optional[str]) -> ptk_trainer:
    r"""Create a trainer."""

def ptk_trainer_fit(trainer: ptk_trainer, dataset: ptk_dataset, cancel: Optional[ptk_cancel], progress: Optional[ptk_progress_listener]) -> None:
    r"""Train."""

def ptk_trainer_resume(trainer: ptk_trainer, path: str) -> None:
    r"""Continue an interrupted training."""

def ptk_reconstructor_create(ctx: ptk_context, model: Optional[ptk_model], config: Optional[ptk_config]) -> ptk_reconstructor:
    r"""Create a reconstructor."""

def ptk_reconstructor_predict(reconstructor: ptk_reconstructor, patterns: Array, positions: Optional[Array], patches_out: Array) -> None:
    r"""Patches of single frames, without stitching."""

def ptk_reconstructor_reconstruct(reconstructor: ptk_reconstructor, dataset: ptk_dataset, cancel: Optional[ptk_cancel], progress: Optional[ptk_progress_listener]) -> ptk_canvas:
    r"""Reconstruct a scan with the model."""

def ptk_reconstructor_refine(reconstructor: ptk_reconstructor, dataset: ptk_dataset, start: Optional[ptk_canvas], cancel: Optional[ptk_cancel], progress: Optional[ptk_progress_listener]) -> ptk_canvas:
    r"""Iterate object and probe on the frames (rPIE or ePIE; the refinement.* options), from a picture or from a flat object."""

def ptk_forward(ctx: ptk_context, patches: Array, probe: Array, intensity_out: Array) -> None:
    r"""Intensities that patches of an object would give."""

def ptk_canvas_create(ctx: ptk_context, height: int, width: int, origin_x: int, origin_y: int, config: Optional[ptk_config]) -> ptk_canvas:
    r"""An empty canvas of a given frame, to which patches are added."""

def ptk_canvas_create_around(ctx: ptk_context, positions: Array, side: int, config: Optional[ptk_config]) -> ptk_canvas:
    r"""An empty canvas that holds all patches at given positions."""

def ptk_canvas_add(canvas: ptk_canvas, patches: Array, positions: Array, weights: Optional[Array]) -> None:
    r"""Add patches at sub-pixel positions as weighted sums."""

def ptk_canvas_load(ctx: ptk_context, path: str) -> ptk_canvas:
    r"""Load a canvas."""

def ptk_canvas_save(canvas: ptk_canvas, path: str) -> None:
    r"""Save a canvas as one HDF5 file."""

def ptk_canvas_describe(canvas: ptk_canvas) -> str:
    r"""Size, origin, pixel size, patches left out, error curves, arrays."""

def ptk_canvas_shape(canvas: ptk_canvas, name: str) -> Tuple[int, ...]:
    r"""Shape of an array."""

def ptk_canvas_read(canvas: ptk_canvas, name: str, array_out: Array) -> None:
    r"""Copy an array out, converted to the element type of the view (real to real, complex to complex)."""

def ptk_canvas_write_picture(canvas: ptk_canvas, picture: str, path: str) -> None:
    r"""Draw something of a canvas as an 8-bit PNG."""

def ptk_evaluate(canvas: ptk_canvas, reference: Array, config: Optional[ptk_config]) -> str:
    r"""Compare an object with a known one."""

def ptk_evaluate_file(canvas: ptk_canvas, path: str, config: Optional[ptk_config]) -> str:
    r"""ptk_evaluate() with the reference from a file."""

def ptk_fourier_error(canvas: ptk_canvas, dataset: ptk_dataset, cancel: Optional[ptk_cancel], progress: Optional[ptk_progress_listener]) -> float:
    r"""Relative Fourier error of object and probe against the measured frames."""
