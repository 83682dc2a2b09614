"""Train, save, load, reconstruct under the names that PtychoPINN's scripts use."""
from __future__ import annotations

import json
import os
import pathlib
import sys
from typing import Any, Union

import numpy as np

from ... import Canvas, Context, Model, Reconstructor, Trainer
from ._options import device, options
from .config import PyTorchExecutionConfig, TrainingConfig
from .raw_data import RawDataTorch

TORCH_AVAILABLE = True  # LibTorch is part of the library
_BUNDLE, _PARAMS = "model.ptk", "params.json"
_ITS_BUNDLE = "wts.h5.zip"

Scan = Union[RawDataTorch, str, "os.PathLike[str]"]


class InferenceModel:
    """A trained network as PtychoPINN's scripts call it: ``model(x)`` or ``model.forward_predict(x, positions, probe, input_scale_factor)``.

    * ``x``: real ``[B, C, N, N]``, amplitudes in the unit of the training's ``diff3d``; NumPy or torch, on the CPU.
    * gives complex64 ``[B, C, N, N]`` of the same kind: the object's transmission around each position, in the unit of
      :meth:`ptychokit.Reconstructor.predict` (PtychoPINN's network gives it times factors of its forward model).
    * ``positions``, ``probe``, ``input_scale_factor`` are taken and not used: PtychoPINN's network does not look at the first two, and the
      third is part of the model here.

    ``model`` and ``context`` are those of :mod:`ptychokit`.
    """

    def __init__(self, context: Context, model: Model, intensity_scale: float = 1.0) -> None:
        self.context, self.model, self.intensity_scale = context, model, intensity_scale
        self._worker = Reconstructor(context, model, {"data.measurement": "amplitude"})

    def __call__(self, x: Any, positions: Any = None, probe: Any = None, input_scale_factor: Any = None) -> Any:
        patches = self._worker.predict(x if self.intensity_scale == 1.0 else x * self.intensity_scale)
        torch = sys.modules.get("torch")
        return torch.from_numpy(patches) if torch is not None and isinstance(x, torch.Tensor) else patches

    forward_predict = forward = __call__

    def eval(self) -> InferenceModel:
        return self

    def train(self, mode: bool = True) -> InferenceModel:
        return self

    def to(self, device: Any) -> InferenceModel:
        """Stays where its context is; another device is chosen by ``accelerator`` or by :class:`ptychokit.Context`."""
        if str(device).split(":")[0] != self.context.describe()["device"].split(":")[0]:
            raise NotImplementedError(f"to({device}): load the model with a context on that device: ptychokit.Context('{device}')")
        return self


def train_cdi_model_torch(train_data: Scan, test_data: Union[Scan, None], config: TrainingConfig,
                          execution_config: Union[PyTorchExecutionConfig, None] = None, overrides: Union[dict, None] = None, *,
                          resolved_payload: None = None) -> dict:
    """Train without labels (or with, for ``model_type = "supervised"``) and save into ``config.output_dir``.

    ``test_data`` is kept for the caller; it does not measure the training. ``overrides = {"training.validation_fraction": 0.05}`` keeps frames of
    the training scan out for that, and then ``early_stop_patience`` holds. Returns a dictionary: ``history`` (``train_loss``, ``val_loss``, one
    number an epoch), ``models`` (:class:`InferenceModel` by PtychoPINN's names), ``train_container``, ``test_container`` (the scans),
    ``bundle_path``, ``backend``.
    """
    if resolved_payload is not None:
        raise NotImplementedError("resolved_payload is not served; use config, execution_config, and overrides")
    scan = _scan(train_data)
    if scan.diff3d.shape[1] != config.model.N:
        raise ValueError(f"N = {config.model.N}, but the frames have {scan.diff3d.shape[1]} pixels a side")
    context = Context(device(execution_config))
    chosen = _fitted(options(context, config, execution_config, overrides), scan, execution_config)
    scale = scan.count_scale(config.nphotons)
    folder = pathlib.Path(config.output_dir or ".")
    folder.mkdir(parents=True, exist_ok=True)
    model = Model(context, config.model.N, chosen)
    checkpoints = execution_config is None or execution_config.enable_checkpointing
    Trainer(model, chosen, folder if checkpoints else None).fit(scan.dataset(context, scale, options=chosen))
    model.save(folder / _BUNDLE)
    (folder / _PARAMS).write_text(json.dumps({"N": config.model.N, "gridsize": config.model.gridsize, "nphotons": config.nphotons,
                                              "intensity_scale": scale, "options": chosen}, indent=1))
    trained = InferenceModel(context, model, scale)
    return {"history": _history(model), "models": {"diffraction_to_obj": trained, "autoencoder": trained}, "train_container": scan,
            "test_container": None if test_data is None else _scan(test_data), "bundle_path": folder / _BUNDLE, "backend": "pytorch"}


def run_cdi_example_torch(train_data: Scan, test_data: Union[Scan, None], config: TrainingConfig, flip_x: bool = False, flip_y: bool = False,
                          transpose: bool = False, M: int = 20, do_stitching: bool = False,
                          execution_config: Union[PyTorchExecutionConfig, None] = None, overrides: Union[dict, None] = None, *,
                          resolved_payload: None = None) -> tuple:
    """Train, then reconstruct ``test_data`` if ``do_stitching``: ``(amplitude, phase, results)``.

    * ``amplitude``, ``phase``: float32 ``[H, W]``; transmission and radians; rows along y. ``None`` without stitching.
    * ``M``: central pixels of each patch that are used; 0 = all.
    * ``transpose`` swaps x and y of the positions, then ``flip_x`` and ``flip_y`` mirror them; frames stay as they are.
    * ``results``: as of :func:`train_cdi_model_torch`, with ``recon_amp``, ``recon_phase`` and ``canvas``, a :class:`ptychokit.Canvas`.
    """
    results = train_cdi_model_torch(train_data, test_data, config, execution_config, overrides, resolved_payload=resolved_payload)
    if not do_stitching or test_data is None:
        return None, None, results
    scan = results["test_container"]
    positions = _turned(scan.positions, flip_x, flip_y, transpose) if flip_x or flip_y or transpose else None
    canvas = reconstruct(results["models"]["diffraction_to_obj"], scan, M, positions)
    amplitude, phase = np.abs(canvas.object), np.angle(canvas.object)
    return amplitude, phase, {**results, "recon_amp": amplitude, "recon_phase": phase, "canvas": canvas}


def reconstruct(model: InferenceModel, scan: Scan, M: int = 0, positions: Union[np.ndarray, None] = None) -> Canvas:
    """Predict a scan and stitch the central ``M`` pixels of its patches (0 = all) at ``positions``, float64 ``[n, 2]``, by default its own."""
    chosen = {"reconstruction.middle_trim": M}
    dataset = _scan(scan).dataset(model.context, model.intensity_scale, positions)
    return Reconstructor(model.context, model.model, chosen).reconstruct(dataset)


def load_inference_bundle_torch(bundle_dir: Union[str, "os.PathLike[str]"], model_name: str = "diffraction_to_obj", *,
                                context: Union[Context, None] = None, **_: Any) -> tuple:
    """``(models, params)`` of a folder that a training wrote, or of PtychoPINN's own ``wts.h5.zip``, of which nothing is executed.

    ``models[model_name]`` is an :class:`InferenceModel`; ``params`` has ``N``, ``gridsize``, ``intensity_scale`` (what amplitudes are multiplied
    with) and ``options``. Weights of PtychoPINN bring no probe and no statistics: each call scales the frames by their own mean.
    """
    if model_name not in ("diffraction_to_obj", "autoencoder"):
        raise ValueError(f"model_name: expected 'diffraction_to_obj' or 'autoencoder', found '{model_name}'")
    path = _bundle(pathlib.Path(bundle_dir))
    context = Context() if context is None else context
    own = path.name != _ITS_BUNDLE
    model = Model.load(context, path) if own else Model.from_weights(context, path)
    noted = path.parent / _PARAMS
    params = json.loads(noted.read_text()) if own and noted.exists() else {"N": model.side, "intensity_scale": 1.0}
    loaded = InferenceModel(context, model, params["intensity_scale"])
    return {"diffraction_to_obj": loaded, "autoencoder": loaded}, params


def _bundle(path: pathlib.Path) -> pathlib.Path:
    if path.is_file():
        return path
    for name in (_BUNDLE, _ITS_BUNDLE):
        if (path / name).is_file():
            return path / name
    raise FileNotFoundError(f"{path}: holds neither {_BUNDLE} nor {_ITS_BUNDLE}")


def _scan(data: Scan) -> RawDataTorch:
    return data if isinstance(data, RawDataTorch) else RawDataTorch.from_file(data)


def _fitted(chosen: dict, scan: RawDataTorch, execution: Union[PyTorchExecutionConfig, None]) -> dict:
    """Options that depend on the scan."""
    if "compat" not in chosen:
        return chosen
    chosen.setdefault("probe.modes", scan.probeGuess.shape[0] if scan.probeGuess is not None and scan.probeGuess.ndim == 3 else 1)
    if chosen["scan.group_size"] == 1:  # PtychoPINN takes no more single frames than there are
        chosen["scan.groups"] = min(chosen["scan.groups"], len(scan), chosen.get("data.subsample", len(scan)))
    if chosen["training.validation_fraction"] > 0:
        chosen.setdefault("training.patience", 100 if execution is None else execution.early_stop_patience)
    return chosen


def _history(model: Model) -> dict:
    rows = model.history()
    measured = [row.get("validation_loss") for row in rows]
    return {"train_loss": [row["training_loss"] for row in rows], "val_loss": None if None in measured else measured}


def _turned(positions: np.ndarray, flip_x: bool, flip_y: bool, transpose: bool) -> np.ndarray:
    swapped = positions[:, ::-1] if transpose else positions
    return np.ascontiguousarray(swapped * [-1 if flip_x else 1, -1 if flip_y else 1])
