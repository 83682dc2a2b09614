"""The library as ptychodus 1.2 asks for it."""
from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from ptychodus.api.reconstructor import (ReconstructInput, Reconstructor, ReconstructorLibrary, ReconstructOutput, TrainableReconstructor,
                                         TrainOutput)

from ._entry import LIBRARY
from ._facade import IterativePart, NetworkPart
from ._process import LOGGER
from ._scan import loss_values

_logger = logging.getLogger(LOGGER)


class Iterative(IterativePart, Reconstructor):
    """An iterative engine."""

    def get_name(self) -> str:
        return self._entry.name

    def reconstruct(self, parameters: ReconstructInput) -> Iterator[ReconstructOutput]:
        """Never raises: ptychodus 1.2 would wait for ever. The log says what went wrong, and the input comes back."""
        try:
            for product, progress in self._entry.reconstruct(parameters):
                yield ReconstructOutput(product, progress)
        except Exception as error:
            self._log(error)
            yield ReconstructOutput(parameters.product, 0, -1)

    def _log(self, error: Exception) -> None:
        _logger.error("%s/%s: %s", LIBRARY, self._entry.name, error, exc_info=_logger.isEnabledFor(logging.DEBUG))


class Network(NetworkPart, Iterative, TrainableReconstructor):
    """The network."""

    def open_model(self, file_path: Path) -> None:
        self._entry.load(file_path)

    def get_training_data_path(self) -> Path:
        return self._entry.data_path

    def train(self, data_path: Path) -> TrainOutput:
        """Blocks; the losses of each epoch are in the log. Does not raise either: the caller is the window's own thread."""
        losses = None
        try:
            for losses in self._entry.train(data_path):
                pass
        except Exception as error:
            self._log(error)
            return TrainOutput([], [], -1)
        return TrainOutput(loss_values(losses.training), loss_values(losses.validation), 0) if losses else TrainOutput([], [], 0)
