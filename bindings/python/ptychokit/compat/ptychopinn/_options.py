"""From PtychoPINN's configurations to options of the library."""
from __future__ import annotations

import dataclasses
import logging
from typing import Any, Union

from ... import Context
from . import config_params
from .config import ModelConfig, PyTorchExecutionConfig, TrainingConfig

log = logging.getLogger("ptychokit.compat")

# Where PtychoPINN has one way and the library several; for PtychoPINN's generators.
_ITS_WAY = {"compat": "ptychopinn", "scan.grouping": "raw_data", "input.rms": "half_side", "physics.subpixel": "interpolate",
            "physics.patch_weighting": "central_mask", "physics.object_scale": "ptychopinn", "probe.warm_epochs": 0,
            "training.validation_fraction": 0.0}
# Its forward model and losses, where nothing is asked for that only ours can do.
_ITS_PHYSICS = {"physics.model": "amplitude", "physics.loss_units": "counts"}
_COUNT_INTENSITY = {"input.images": "intensity", "input.rms": "half_side"}
_REGULARIZERS = {"Total_Variation": "tv", "Mean_Deviation": "mean_deviation"}
_SCHEDULES = {"Default": "constant", "Adaptive": "constant", "Exponential": "exponential", "MultiStage": "multi_stage",
              "WarmupCosine": "warmup_cosine", "ReduceLROnPlateau": "plateau"}
_DEVICES = {"gpu": "cuda"}
# Fields that a training here takes by the option of the same name (an alias of it).
_SAME = ("batch_size", "nepochs", "n_groups", "neighbor_count", "enable_oversampling", "neighbor_pool_size", "sequential_sampling", "optimizer",
         "momentum", "weight_decay", "adam_beta1", "adam_beta2", "torch_loss_mode", "lr_warmup_epochs", "lr_min_ratio", "plateau_factor",
         "plateau_patience", "plateau_threshold", "gradient_clip_algorithm", "torch_mae_pred_l2_match_target")
# What is not served, and what serves instead.
_INSTEAD = {
    "realspace_weight": "torch_loss_mode = 'mae', or model_type = 'supervised', which compares with the object",
    "realspace_mae_weight": "torch_loss_mode = 'mae', or model_type = 'supervised', which compares with the object",
    "positions_provided": "give the positions; the override refinement.positions = True corrects them in ptychokit.Reconstructor.refine",
    "gaussian_smoothing_sigma": "smooth probeGuess before it is handed over",
    "probe_mask_tensor": "probe_mask with probe_mask_diameter and probe_mask_sigma, or multiply probeGuess with it",
    "precision": "'32-true'",
    "devices": "1",
    "recon_log_every_n_epochs": "a progress function of ptychokit.Trainer.fit",
}


def refuse(name: str, value: Any) -> None:
    raise NotImplementedError(f"{name} = {value!r} is not served; use {_INSTEAD.get(name, 'the options of ptychokit.Context.schema()')}")


def _refuse_changed(config: Any) -> None:
    fresh = type(config)()
    for name in _INSTEAD:
        if hasattr(config, name) and getattr(config, name) != getattr(fresh, name):
            refuse(name, getattr(config, name))


def device(execution: Union[PyTorchExecutionConfig, None]) -> str:
    """The device of a context by Lightning's name of it."""
    name = "cpu" if execution is None else execution.accelerator
    return _DEVICES.get(name, name)


def options(context: Context, config: TrainingConfig, execution: Union[PyTorchExecutionConfig, None] = None,
            overrides: Union[dict, None] = None) -> dict:
    """Options by the library's names. ``overrides`` go by names of either side and win; without ``execution`` its defaults hold."""
    execution = PyTorchExecutionConfig() if execution is None else execution
    for each in (config, config.model, execution):
        _refuse_changed(each)
    if config.mae_weight > 0 and config.torch_loss_mode == "poisson":
        log.warning("mae_weight has no effect: torch_loss_mode = 'poisson' decides, as in PtychoPINN")
    names = _Names(context, config.model.architecture)
    found = names.of_model(config.model)
    found.update((names.real(name), getattr(config, name)) for name in _SAME)
    found.update(_named_otherwise(config, execution))
    if not names.own:
        found.update(_ITS_WAY, **{"scan.group_size": config.model.gridsize**2}, **_physics(config))
    asked = {}
    for name, value in _regularized(dict(overrides or {})).items():
        asked.update(names.of_override(name, value))
    if asked.get("physics.model") in ("rectangular", "rectangular_scaled"):
        found.update(_rectangular(asked.get("physics.scale_contract", "ci_intensity_v2")))
    elif not names.own:  # PtychoPINN does not look at it there
        asked.pop("physics.scale_contract", None)
    found.update(asked)
    return {name: value for name, value in found.items() if value is not None}


def _physics(config: TrainingConfig) -> dict:
    """PtychoPINN's, but for a probe that is trained, which its Torch side keeps, and a comparison with the object, which sees none."""
    if config.model.model_type == "supervised":
        return {}
    if config.probe_trainable:
        log.info("probe_trainable: the probe is trained through the library's physics; PtychoPINN's Torch side keeps it")
        return {}
    return _ITS_PHYSICS if config.model.object_big else {**_ITS_PHYSICS, "physics.patch_weighting": "none"}


def _rectangular(contract: str) -> dict:
    """What goes with physics_forward_mode = 'rectangular_scaled' and this contract."""
    more = _COUNT_INTENSITY if contract in ("ci_intensity_v2", "count_intensity") else {}
    return {"physics.scale_contract": contract, **more}


def _regularized(overrides: dict) -> dict:
    """amp_loss, phase_loss and their weights by the library's names."""
    for kind, ours in (("amp", "amplitude"), ("phase", "phase")):
        name, weight = overrides.pop(f"{kind}_loss", None), overrides.pop(f"{kind}_loss_coeff", 1.0)
        if name is None:
            continue
        if name not in _REGULARIZERS:
            raise ValueError(f"{kind}_loss: expected one of {', '.join(_REGULARIZERS)}, found '{name}'")
        overrides[f"training.regularizers.{_REGULARIZERS[name]}_{ours}"] = weight
    return overrides


def _named_otherwise(config: TrainingConfig, execution: PyTorchExecutionConfig) -> dict:
    scheduler = config.scheduler if execution.scheduler == "Default" else execution.scheduler
    if scheduler not in _SCHEDULES:
        raise ValueError(f"scheduler: expected one of {', '.join(_SCHEDULES)}, found '{scheduler}'")
    clip = config.gradient_clip_val if execution.gradient_clip_val is None else execution.gradient_clip_val
    found = {"seed": config.subsample_seed, "data.subsample": config.n_subsample, "probe.trainable": config.probe_trainable,
             "training.schedule": _SCHEDULES[scheduler], "training.learning_rate": execution.learning_rate,
             "training.gradient_clip": clip or 0.0, "training.accumulate": execution.accum_steps,
             "reconstruction.batch_size": execution.inference_batch_size, "deterministic": bool(execution.deterministic)}
    if config.model.model_type == "supervised":
        found["training.loss"] = "supervised"
    if scheduler == "ReduceLROnPlateau":  # the smallest rate is absolute there and a fraction here
        found["training.smallest_rate"] = min(1.0, config.plateau_min_lr / execution.learning_rate)
    return found


class _Names:
    """Which options there are, by all their names, for one generator."""

    def __init__(self, context: Context, generator: str) -> None:
        about = context.generator(generator)
        rows = context.schema() + about["options"]
        self.names = {name: row["name"] for row in rows for name in (row["name"], *row.get("aliases", ()))}
        self.own = "the probe it was trained with" not in about["capabilities"]  # one of ours, which has its own way

    def real(self, name: str) -> str:
        return self.names[name]

    def of_model(self, model: ModelConfig) -> dict:
        """What the library or this generator knows; the others belong to other generators."""
        fields = (field.name for field in dataclasses.fields(model))
        return {self.real(name): getattr(model, name) for name in fields if name in self.names}

    def of_override(self, name: str, value: Any) -> dict:
        if name == "n_subsample":  # a factory override of PtychoPINN draws groups, where the field of TrainingConfig draws frames
            return {"scan.samples": value}
        if name in self.names:
            return {self.real(name): value}
        if name in _INSTEAD or name not in _FIELDS:
            refuse(name, value)
        log.info("%s says nothing to this generator", name)
        return {}


_FIELDS = {field.name for kind in (ModelConfig, config_params.ModelConfig, config_params.DataConfig, config_params.TrainingConfig)
           for field in dataclasses.fields(kind)}
