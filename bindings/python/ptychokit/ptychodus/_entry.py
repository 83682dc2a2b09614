"""The entries of ptychodus' list, without the shape in which one version or another asks for them."""
from __future__ import annotations

import dataclasses
import logging
import math
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import _process, _scan
from ._settings import Settings

LIBRARY = "PtychoKit"
MODEL_EXTENSION = ".ptk"
MODEL_FILTER = "PtychoKit Models (*.ptk)"
DATA_FILTER = "NumPy Zipped Archive (*.npz)"
_logger = logging.getLogger(_process.LOGGER)


@dataclasses.dataclass(frozen=True)
class Losses:
    """Mean losses of the epochs 1, 2, ... so far; validation may lack."""
    training: list[float]
    validation: list[float]


def model_in(path: Path) -> Path:
    """The model's file: the path itself, or model.ptk, or the only .ptk in a folder."""
    if path.is_file():
        return path
    usual = path / f"model{MODEL_EXTENSION}"
    if usual.is_file():
        return usual
    models = sorted(path.glob(f"*{MODEL_EXTENSION}")) if path.is_dir() else []
    if len(models) != 1:
        raise FileNotFoundError(f"{path}: neither a model nor a folder with one ({len(models)} {MODEL_EXTENSION} files)")
    return models[0]


class Entry:
    """One reconstructor: "Network" with a model, or an iterative engine. Nothing of the library is loaded in this process."""

    def __init__(self, name: str, settings: Settings, algorithm: str = "") -> None:
        self.name = name
        self._settings = settings
        self._algorithm = algorithm  # "" = the network
        self._model: Path | None = None
        self._own_folder: tempfile.TemporaryDirectory | None = None
        self._goal: int | None = None

    # ---- reconstruction ----

    @property
    def goal(self) -> int:
        """Epochs of what runs or comes next; 1 for the network, which looks once."""
        if self._goal is not None:
            return self._goal
        refines = self._algorithm or self._settings["PtychoKitReconstruction", "refine_network"]
        return int(self._settings.options()["refinement.epochs"]) if refines else 1

    def reconstruct(self, parameters: Any) -> Iterator[tuple[Any, int]]:
        """Products and epochs done, of a ``ReconstructInput``: the input's with the losses so far while it runs, then the result."""
        self._goal = None
        product = parameters.product
        arrays = _scan.arrays_of(parameters)
        task = self._task("reconstruct", model=self._model_for_use(), refine=self._settings["PtychoKitReconstruction", "refine_network"],
                          **arrays)
        every = max(1, self._settings["PtychoKitReconstruction", "sync_epochs"])
        losses: list[float] = []
        for tag, *content in _process.messages(task):
            if tag == "result":
                corrected = task["options"]["refinement.positions"] == "true"
                yield _scan.product_of(product, arrays, content[0], corrected), max(1, len(losses))
                continue
            phase, epoch, _, loss, _ = content
            if phase != "refine" or epoch <= len(losses) or math.isnan(loss):
                continue
            losses.append(loss)
            _logger.info("epoch %d: relative Fourier error %.4g", epoch, loss)
            if epoch % every == 0:
                yield _scan.with_losses(product, losses), epoch

    def _task(self, do: str, **content: Any) -> dict:
        options = self._settings.options()
        if self._algorithm:
            options["refinement.algorithm"] = self._algorithm
        return {"do": do, "device": self._settings.device, "options": options, **content}

    def _model_for_use(self) -> str | None:
        if self._algorithm:
            return None
        path = self._model or self._settings.path("PtychoKitReconstruction", "model_path")
        if path is None:
            raise RuntimeError(f"{LIBRARY}/{self.name} has no model: train or open one, or set model_path in [PtychoKitReconstruction]")
        return str(model_in(path))

    # ---- models and training ----

    @property
    def trainable(self) -> bool:
        return not self._algorithm

    @property
    def data_path(self) -> Path:
        """Where training data lies, by the settings: the place that a window proposes."""
        return self._settings.path("PtychoKitTraining", "data_path") or Path()

    @property
    def has_model(self) -> bool:
        return self._model is not None

    def load(self, path: Path) -> None:
        """Use a model from now on: a file, or a folder with one."""
        self._model = model_in(path)

    def save(self, path: Path) -> None:
        """Copy the model to a file, or into a folder as model.ptk."""
        source = Path(self._model_for_use() or "")
        target = path / f"model{MODEL_EXTENSION}" if path.is_dir() else path
        if not target.exists() or not target.samefile(source):
            shutil.copyfile(source, target)

    def export(self, path: Path, parameters: Any) -> None:
        """Write training data: the arrays of PtychoPINN's layout, with what the frames hold and which pixels are bad."""
        arrays = _scan.arrays_of(parameters)
        for _ in _process.messages(self._task("export", path=str(path), **arrays)):
            pass

    def train(self, data: Path, output: Path | None = None) -> Iterator[Losses]:
        """Train a new model on a file or folder and use it; losses at the end of each epoch. Without ``output`` the run is kept until this
        object goes."""
        if output is None:
            self._own_folder = tempfile.TemporaryDirectory(prefix="ptychokit-")
            output = Path(self._own_folder.name)
        task = self._task("train", data=str(data), output=str(output))
        self._goal = int(task["options"]["training.epochs"])
        losses = Losses([], [])
        try:
            yield from self._train(task, losses)
        finally:
            self._goal = None
            if (output / f"model{MODEL_EXTENSION}").is_file():
                self._model = output / f"model{MODEL_EXTENSION}"

    def _train(self, task: dict, losses: Losses) -> Iterator[Losses]:
        for tag, *content in _process.messages(task):
            if tag == "result":
                continue
            phase, epoch, _, loss, validation = content
            if phase != "validate" or epoch <= len(losses.training):
                continue
            losses.training.append(loss)
            if not math.isnan(validation):
                losses.validation.append(validation)
            yield Losses(list(losses.training), list(losses.validation))


def entries(settings: Settings) -> list[Entry]:
    """What the library offers, in the order of the list."""
    return [Entry("Network", settings), Entry("ePIE", settings, "epie"), Entry("rPIE", settings, "rpie")]
