"""Exceptions of the library; the compiled module makes them, so that this one cannot import it."""
import threading
from typing import Tuple

_CANCELLED = 15  # PTK_ERR_CANCELLED
_CALLBACK = 16  # PTK_ERR_CALLBACK


class _Raised(threading.local):
    """What a generator in Python raised last on this thread, and what the library was told of it."""
    last: Tuple[BaseException, str] = (Exception(), "")


raised = _Raised()


class Error(RuntimeError):
    """A failed call. ``status`` is one of the ``PTK_ERR_*`` numbers of :mod:`ptychokit.lib`, ``message`` says what, where, expected, found."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return self.message


class Cancelled(Error):
    """A callback returned ``False``, or a :class:`Cancel` was requested."""


def make(status: int, message: str) -> BaseException:
    error = (Cancelled if status == _CANCELLED else Error)(status, message)
    (cause, words), raised.last = raised.last, _Raised.last
    if status != _CALLBACK or not words or words[:200] not in message:
        return error
    if not isinstance(cause, Exception):  # KeyboardInterrupt, SystemExit: what they want is not ours to say
        return cause
    error.__cause__ = cause
    return error
