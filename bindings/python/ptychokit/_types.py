"""Types of arguments."""
from __future__ import annotations

from typing import Any, Protocol, Tuple, Union

import numpy.typing


class Tensor(Protocol):
    """Anything with DLPack 1, such as a tensor of torch."""

    def __dlpack__(self, *, max_version: Union[Tuple[int, int], None] = ...) -> Any: ...


ArrayLike = Union[numpy.typing.ArrayLike, memoryview, Tensor]
DType = numpy.typing.DTypeLike
