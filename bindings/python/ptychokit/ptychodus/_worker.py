"""One piece of work in a process of its own: the only module of the adapter that loads the library.

As a program it reads a pickled task from standard input and writes pickled messages to standard output; the end of standard input means
"stop". ptychodus itself so never loads LibTorch, never touches a GPU, and outlives whatever happens here.

A task is a ``dict`` of plain values and NumPy arrays. ``do`` names the work: "reconstruct", "train" or "export"; ``device`` and ``options``
(dotted name: text) say how. What else is in it stands at the functions. A message is a tuple whose first word is "log", "progress",
"result" or "error".
"""
from __future__ import annotations

import logging
import os
import pathlib
import pickle
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

Tell = Callable[..., None]


class _Forward(logging.Handler):
    """Log records as messages."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell("log", record.levelno, record.name, record.getMessage())


def placed(image: np.ndarray, origin: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """An image [h, w] in a frame [H, W] of zeros: its first pixel comes to (column, row) ``origin``, and what lies outside is cut off."""
    frame = np.zeros(shape, image.dtype)
    left, top = origin
    rows = slice(max(top, 0), max(0, min(top + image.shape[0], shape[0])))
    columns = slice(max(left, 0), max(0, min(left + image.shape[1], shape[1])))
    part = image[max(-top, 0):, max(-left, 0):][:max(0, rows.stop - rows.start), :max(0, columns.stop - columns.start)]
    frame[rows, columns] = part
    return frame


class _Work:
    """The library with a task's context and configuration."""

    def __init__(self, task: dict, tell: Tell, stop: threading.Event) -> None:
        import ptychokit

        self._pk, self._task, self._tell, self._stop = ptychokit, task, tell, stop
        # ptychodus hands over photon counts, also where they are not whole numbers.
        self._config = ptychokit.Config({"data.measurement": "counts"})
        for name, value in task["options"].items():
            self._config.set_text(name, value)
        self._context = ptychokit.Context(task["device"], self._config)

    def _watch(self, progress: Any) -> bool:
        self._tell("progress", progress.phase, progress.epoch, progress.epochs, progress.loss, progress.validation_loss)
        return not self._stop.is_set()

    def _dataset(self) -> Any:
        """Of the arrays in the task: patterns [n, N, N] real counts, positions [n, 2] float64 (x, y) in object pixels, probe [modes, N, N]
        complex or None, object [H, W] complex or None, bad_pixels [N, N] bool (true = bad) or None."""
        arrays = [self._task[name] for name in ("patterns", "positions", "probe", "object")]
        if self._task["bad_pixels"] is None:
            return self._pk.Dataset.from_arrays(self._context, *arrays, config=self._config)
        with tempfile.TemporaryDirectory() as folder:
            mask = os.path.join(folder, "bad_pixels.npy")
            np.save(mask, self._task["bad_pixels"].astype(np.uint8))
            config = self._pk.Config({"data.bad_pixels": mask})
            config.update(self._config)  # a file that the user names wins
            return self._pk.Dataset.from_arrays(self._context, *arrays, config=config)

    def reconstruct(self) -> None:
        """Arrays as in ``_dataset``; ``shape`` (H, W) of the object that is wanted, whose corner is position (0, 0); ``model`` a path or None
        for the iterative engine alone; ``refine`` the engine after the network.

        Result: object [H, W] complex64 (zero where no frame reached), probe [modes, N, N] complex64 or None when it was not touched,
        positions [n, 2] float64, losses: relative Fourier error of each epoch, or one number for the network."""
        task, dataset = self._task, self._dataset()
        model = None if task["model"] is None else self._pk.Model.load(self._context, task["model"])
        reconstructor = self._pk.Reconstructor(self._context, model, self._config)
        canvas = None if model is None else reconstructor.reconstruct(dataset, progress=self._watch)
        if model is None or task["refine"]:
            canvas = reconstructor.refine(dataset, canvas, progress=self._watch)
            losses = canvas.fourier_errors.tolist()
            probe = canvas.probe
        else:
            losses = [canvas.fourier_error(dataset, progress=self._watch)]
            probe = None
        about = canvas.describe()
        self._tell("result", {"object": placed(canvas.object, (about["origin_x"], about["origin_y"]), task["shape"]), "probe": probe,
                              "positions": canvas.positions, "losses": losses})

    def train(self) -> None:
        """``data``: a file or folder that the library reads; ``output``: folder for the model, checkpoints and history.

        Result: model, the path of the trained one."""
        task = self._task
        dataset = self._pk.Dataset.open(self._context, task["data"], self._config)
        model = self._pk.Model(self._context, dataset.side, self._config)
        try:
            self._pk.Trainer(model, self._config, task["output"]).fit(dataset, progress=self._watch)
        except self._pk.Cancelled:  # what was learned so far is worth keeping
            logging.getLogger("ptychokit").warning("the training was stopped; the model is as far as it came")
        path = pathlib.Path(task["output"], "model.ptk")
        model.save(path)
        self._tell("result", {"model": str(path)})

    def export(self) -> None:
        """Arrays as in ``_dataset``; ``path`` of the .npz to write. Result: path."""
        self._dataset().save(self._task["path"], "npz")
        self._tell("result", {"path": self._task["path"]})


def perform(task: dict, tell: Tell, stop: threading.Event | None = None) -> None:
    """Do a task in this process. Whatever goes wrong is told, not raised."""
    forward = _Forward(tell)
    logger = logging.getLogger("ptychokit")
    logger.addHandler(forward)
    logger.setLevel(task.get("log_level", logging.INFO))
    logger.propagate = False
    try:
        getattr(_Work(task, tell, stop or threading.Event()), task["do"])()
    except BaseException as error:
        tell("error", type(error).__name__, str(error), traceback.format_exc())
    finally:
        logger.removeHandler(forward)


def _serve(source: BinaryIO, sink: BinaryIO) -> None:
    lock, stop = threading.Lock(), threading.Event()

    def tell(*message: Any) -> None:
        with lock:
            try:
                pickle.dump(message, sink, protocol=5)
                sink.flush()
            except BrokenPipeError:  # nobody listens any more
                stop.set()

    task = pickle.load(source)

    def wait() -> None:
        source.read(1)
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    perform(task, tell, stop)


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose names are nobody's business
    # Messages own standard output; what anything prints goes to standard error.
    _messages = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _serve(sys.stdin.buffer, _messages)
    os._exit(0)  # every message is flushed; a thread still waits for the end of standard input
