"""The library as ptychodus 1.3 and later ask for it; the module of the interface was renamed in 1.5."""
from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or importlib.util.find_spec("ptychodus.api.reconstruct"):
    from ptychodus.api.reconstruct import (ReconstructInput, Reconstructor, ReconstructorLibrary, ReconstructOutput, TrainableReconstructor,
                                           TrainOutput)
else:
    from ptychodus.api.reconstructor import (ReconstructInput, Reconstructor, ReconstructorLibrary, ReconstructOutput, TrainableReconstructor,
                                             TrainOutput)

from ._entry import MODEL_EXTENSION
from ._facade import IterativePart, NetworkPart
from ._scan import loss_values


class Iterative(IterativePart, Reconstructor):
    """An iterative engine. Failures are raised: these versions show them."""

    @property
    def name(self) -> str:
        return self._entry.name

    def reconstruct(self, parameters: ReconstructInput) -> Iterator[ReconstructOutput]:
        """Leaving the iteration stops the work."""
        for product, progress in self._entry.reconstruct(parameters):
            yield ReconstructOutput(product, progress)


class Network(NetworkPart, Iterative, TrainableReconstructor):
    """The network."""

    def is_model_loaded(self) -> bool:
        return self._entry.has_model

    def get_model_file_extension(self) -> str:
        return MODEL_EXTENSION

    def load_model_from_file(self, file_path: Path) -> None:
        self._entry.load(file_path)

    def train(self, input_path: Path, output_path: Path) -> Iterator[TrainOutput]:
        """One output an epoch. Leaving the iteration stops the training, and the model stays as far as it came."""
        for epoch, losses in enumerate(self._entry.train(input_path, output_path), 1):
            yield TrainOutput(loss_values(losses.training), loss_values(losses.validation), epoch)
