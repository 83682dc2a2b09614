"""Work in a child process, seen from ptychodus."""
from __future__ import annotations

import logging
import os
import pathlib
import pickle
import subprocess
import sys
from collections.abc import Iterator

WORKER = pathlib.Path(__file__).with_name("_worker.py")
LOGGER = "ptychokit"


class WorkError(RuntimeError):
    """The work failed, in words of the library."""


def messages(task: dict, patience: float = 30) -> Iterator[tuple]:
    """Do a task (see ``_worker``) in a fresh interpreter and yield its messages "progress" and "result"; log records go to their loggers.

    Closing the iterator asks the child to stop, and ends it after ``patience`` seconds. A plain program, not ``multiprocessing``, which would
    run the main module of ptychodus once more in the child.

    :raises WorkError: with the library's message, or when the child dies
    """
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path), PYTHONUNBUFFERED="1")
    task = dict(task, log_level=logging.getLogger(LOGGER).getEffectiveLevel())
    child = subprocess.Popen([sys.executable, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    try:
        yield from _read(child, task)
    finally:
        _end(child, patience)


def _read(child: subprocess.Popen, task: dict) -> Iterator[tuple]:
    try:
        pickle.dump(task, child.stdin, protocol=5)
        child.stdin.flush()
    except BrokenPipeError:  # it died, or says why it does not want the task
        pass
    while True:
        try:
            message = pickle.load(child.stdout)
        except (EOFError, pickle.UnpicklingError):
            break
        if message[0] == "log":
            logging.getLogger(message[2]).log(message[1], "%s", message[3])
        elif message[0] == "error":
            logging.getLogger(LOGGER).debug("%s", message[3])
            raise WorkError(f"{message[1]}: {message[2]}")
        else:
            yield message
    if (status := child.wait()) != 0:
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        raise WorkError(f"the worker died ({how}); its standard error may say why")


def _end(child: subprocess.Popen, patience: float) -> None:
    """Closed pipes say "stop" to the child."""
    for pipe in (child.stdin, child.stdout):
        try:
            pipe.close()
        except BrokenPipeError:
            pass
    try:
        child.wait(patience)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
