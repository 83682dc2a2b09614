"""Exceptions of the library; the compiled module makes them, so that this one cannot import it."""

_CANCELLED = 15  # PTK_ERR_CANCELLED


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


def make(status: int, message: str) -> Error:
    return (Cancelled if status == _CANCELLED else Error)(status, message)
