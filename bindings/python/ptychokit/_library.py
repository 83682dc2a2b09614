"""See that one LibTorch only comes into the process: that of the installed torch, when there is one of the right version."""
import ctypes
import importlib
import importlib.metadata
import importlib.util
import pathlib
import sys

from . import _pinned


def load_torch() -> None:
    """Load the LibTorch of the installed torch without importing torch, so that ``import torch`` works before and after ours."""
    if "torch" in sys.modules:
        folder, version = pathlib.Path(str(sys.modules["torch"].__file__)).parent, str(sys.modules["torch"].__version__)
    else:
        spec = importlib.util.find_spec("torch")
        if spec is None or not spec.submodule_search_locations:
            return  # then it is found by the library's own search path
        folder = pathlib.Path(spec.submodule_search_locations[0])
        try:
            version = importlib.metadata.version("torch")
        except importlib.metadata.PackageNotFoundError:
            version = "unknown"
    if version.split("+")[0] != _pinned.TORCH:
        raise ImportError(f"torch {version} is installed in {folder}; this PtychoKit was built with LibTorch {_pinned.TORCH}, and a process can "
                          f"hold one LibTorch only: install torch=={_pinned.TORCH}, or build PtychoKit with yours")
    for name in ("libc10.so", "libtorch_cpu.so"):
        library = folder / "lib" / name
        if library.exists():
            ctypes.CDLL(str(library))


def load() -> None:
    """Load the compiled module; say what to do when there is no LibTorch."""
    load_torch()
    try:
        importlib.import_module("ptychokit.lib")
    except ImportError as error:
        if "libtorch" not in str(error) and "libc10" not in str(error):
            raise
        raise ImportError(f"{error}; install torch=={_pinned.TORCH}") from error
