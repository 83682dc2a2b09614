"""The configurations of PtychoPINN's own Torch trainer, which have other names and defaults than those of :mod:`.config`, and the way from one
to the other. What only these know (attention, patch weighting, grouping by distance ...) goes to a training as ``overrides``, for which
:func:`overrides` makes the dictionary.
"""
from __future__ import annotations

import dataclasses
from typing import Any, Union

from . import config

Pair = tuple


@dataclasses.dataclass
class DataConfig:
    """Scan, groups and normalisation. Distances in pixels, bounds as fractions of the range of the positions."""
    nphotons: float = 1e5
    scale_contract_version: str = "ci_intensity_v2"
    measurement_domain: str = "count_intensity"
    N: int = 64
    C: int = 4
    K: int = 6
    K_quadrant: int = 30
    n_subsample: int = 7  #: random groups around each frame
    subsample_seed: Union[int, None] = None
    grid_size: Pair = (2, 2)
    neighbor_function: str = "Nearest"
    min_neighbor_distance: float = 0.0
    max_neighbor_distance: float = 3.0
    scan_pattern: str = "Isotropic"
    normalize: str = "Batch"
    probe_scale: float = 4.0
    probe_normalize: bool = True
    data_scaling: str = "Parseval"
    phase_subtraction: bool = True
    x_bounds: Pair = (0.1, 0.9)
    y_bounds: Pair = (0.1, 0.9)


@dataclasses.dataclass
class ModelConfig:
    """The network and the physics of its training."""
    mode: str = "Unsupervised"  #: or "Supervised"
    architecture: str = "cnn"
    fno_modes: int = 12
    fno_width: int = 32
    fno_blocks: int = 4
    fno_cnn_blocks: int = 2
    learned_input_channels: int = 1
    fno_input_transform: str = "none"
    max_hidden_channels: Union[int, None] = None
    resnet_width: Union[int, None] = None
    generator_output_mode: str = "real_imag"
    cnn_output_mode: str = "amp_phase"
    use_shared_decoder: bool = False
    intensity_scale_trainable: bool = False
    intensity_scale: float = 10000.0
    max_position_jitter: int = 10
    num_datasets: int = 1
    C_model: int = 4
    n_filters_scale: int = 2
    amp_activation: str = "silu"
    batch_norm: bool = False
    probe_mask: Any = False  #: or an array, for which there is no option here
    probe_mask_tensor: Any = None
    probe_mask_sigma: float = 1.0
    probe_mask_diameter: Union[float, None] = None
    edge_pad: int = 10
    decoder_last_c_outer_fraction: float = 0.125
    decoder_last_amp_channels: int = 1
    use_legacy_decoder_channel_override: bool = False
    eca_encoder: bool = False
    cbam_encoder: bool = True
    cbam_bottleneck: bool = False
    cbam_decoder: bool = False
    eca_decoder: bool = False
    spatial_decoder: bool = False
    decoder_spatial_kernel: int = 7
    object_big: bool = True
    probe_big: bool = True
    offset: int = 6
    C_forward: int = 4
    training_patch_weighting: str = "central_mask"
    physics_forward_mode: str = "amplitude"
    rect_s1s2_trainable: bool = True
    rect_s1s2_init: str = "ones"
    amplitude_physics_gain: float = 1.0
    pad_object: bool = True
    gaussian_smoothing_sigma: float = 0.0
    loss_function: str = "Poisson"
    amp_loss: Union[str, None] = None
    phase_loss: Union[str, None] = None
    amp_loss_coeff: float = 1.0
    phase_loss_coeff: float = 1.0


@dataclasses.dataclass
class TrainingConfig:
    """Optimiser, schedule, loss."""
    training_directories: list = dataclasses.field(default_factory=list)
    nll: bool = True
    device: str = "cuda"
    strategy: Union[str, None] = "ddp"
    n_devices: Union[int, str] = 1
    framework: str = "Lightning"
    orchestrator: str = "Mlflow"
    learning_rate: float = 1e-3
    epochs: int = 50
    batch_size: int = 16
    epochs_fine_tune: int = 0
    fine_tune_gamma: float = 0.1
    scheduler: str = "Default"
    lr_warmup_epochs: int = 0
    lr_min_ratio: float = 0.1
    plateau_factor: float = 0.5
    plateau_patience: int = 2
    plateau_min_lr: float = 5e-5
    plateau_threshold: float = 0.0
    num_workers: int = 4
    accum_steps: int = 1
    gradient_clip_val: Union[float, None] = None
    gradient_clip_algorithm: str = "norm"
    optimizer: str = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    stage_1_epochs: int = 0
    stage_2_epochs: int = 0
    stage_3_epochs: int = 0
    stage_3_lr_factor: float = 0.1
    torch_loss_mode: str = "poisson"
    torch_mae_pred_l2_match_target: bool = False
    experiment_name: str = "Synthetic_Runs"
    notes: str = ""
    model_name: str = "PtychoPINNv2"
    output_dir: config.Path = "training_outputs"
    train_data_file: config.Path = None
    test_data_file: config.Path = None
    n_groups: Union[int, None] = None


@dataclasses.dataclass
class InferenceConfig:
    """Prediction and stitching. ``middle_trim``: central pixels of each patch that are used."""
    middle_trim: int = 32
    batch_size: int = 1000
    experiment_number: int = 0
    pad_eval: bool = True
    window: int = 20
    patch_weighting: str = "probe"
    varpro_scaling: bool = True


def update_existing_config(instance: Any, values: dict) -> None:
    """Set fields by name. A name that is not there is an ``AttributeError``; in PtychoPINN it vanishes."""
    known = {field.name for field in dataclasses.fields(instance)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise AttributeError(f"{type(instance).__name__} has no {', '.join(unknown)}")
    for name, value in values.items():
        setattr(instance, name, value)


# By another name, or not an option of a training here.
_ELSEWHERE = {"N", "C", "grid_size", "K", "nphotons", "mode", "epochs", "nll", "device", "strategy", "n_devices", "framework", "orchestrator",
              "scale_contract_version", "loss_function", "experiment_name", "notes", "model_name", "output_dir", "train_data_file",
              "test_data_file", "n_groups", "num_workers", "training_directories", "C_forward", "num_datasets", "max_position_jitter", "offset"}


def overrides(*configs: Any) -> dict:
    """What the given configurations of this module say otherwise than their defaults and :mod:`.config` cannot say."""
    canonical = {field.name for kind in (config.ModelConfig, config.TrainingConfig) for field in dataclasses.fields(kind)} - {"n_subsample"}
    found = {name: value for each in configs for name, value in config.changed(each).items() if name not in canonical | _ELSEWHERE}
    if found.get("physics_forward_mode") == "rectangular_scaled":  # the only model that looks at the contract
        found.update({"scale_contract_version": each.scale_contract_version for each in configs if isinstance(each, DataConfig)})
    return found


def to_model_config(data: DataConfig, model: ModelConfig, overrides: Union[dict, None] = None) -> config.ModelConfig:
    """The network of these two, as :class:`.config.ModelConfig`."""
    rows, columns = data.grid_size
    if rows != columns:
        raise ValueError(f"grid_size: expected a square, found {data.grid_size}")
    types = {"Unsupervised": "pinn", "Supervised": "supervised"}
    if model.mode not in types:
        raise ValueError(f"mode: expected one of {', '.join(types)}, found '{model.mode}'")
    values = {**_shared(model, config.ModelConfig), "N": data.N, "gridsize": rows, "model_type": types[model.mode],
              "probe_scale": data.probe_scale, "probe_mask": model.probe_mask is True}
    return config.ModelConfig(**{**values, **(overrides or {})})


def to_training_config(model: config.ModelConfig, data: DataConfig, pt_model: ModelConfig, training: TrainingConfig,
                       overrides: Union[dict, None] = None) -> config.TrainingConfig:
    """The training of these, as :class:`.config.TrainingConfig`. ``n_groups`` and ``nphotons`` must be known, as in PtychoPINN."""
    values = {**_shared(training, config.TrainingConfig), "model": model, "nepochs": training.epochs, "neighbor_count": data.K,
              "nll_weight": float(training.nll), "subsample_seed": data.subsample_seed,
              "intensity_scale_trainable": pt_model.intensity_scale_trainable, **(overrides or {})}
    if values.get("n_groups") is None:
        raise ValueError("n_groups: give it in the training or in overrides")
    if "nphotons" not in values and data.nphotons == DataConfig().nphotons:
        raise ValueError("nphotons: give it in the data's configuration or in overrides (1e5 stands for 'not given')")
    return config.TrainingConfig(**{"nphotons": data.nphotons, **values})


def to_inference_config(model: config.ModelConfig, data: DataConfig, inference: InferenceConfig,
                        overrides: Union[dict, None] = None) -> config.InferenceConfig:
    """The prediction of these, as :class:`.config.InferenceConfig`; ``model_path`` and ``test_data_file`` come as overrides."""
    values = {"model": model, "neighbor_count": data.K, "subsample_seed": data.subsample_seed, **(overrides or {})}
    missing = [name for name in ("model_path", "test_data_file") if not values.get(name)]
    if missing:
        raise ValueError(f"{', '.join(missing)}: give it in overrides")
    return config.InferenceConfig(**values)


def _shared(source: Any, kind: type) -> dict:
    names = {field.name for field in dataclasses.fields(kind)}
    return {field.name: getattr(source, field.name) for field in dataclasses.fields(source) if field.name in names}
