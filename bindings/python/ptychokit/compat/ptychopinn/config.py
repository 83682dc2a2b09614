"""Configurations by PtychoPINN's names with PtychoPINN's defaults. A name that is not one of theirs is a ``TypeError``.

Lengths are in pixels of frame or object, doses in photons a frame, rates and weights are plain numbers.
"""
from __future__ import annotations

import dataclasses
import os
import warnings
from typing import Any, Union

Path = Union[str, "os.PathLike[str]", None]


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The network and what the physics assumes about the probe."""
    N: int = 64
    gridsize: int = 1  #: a group has gridsize x gridsize frames
    n_filters_scale: int = 2
    model_type: str = "pinn"  #: or "supervised"
    architecture: str = "cnn"
    fno_modes: int = 12
    fno_width: int = 32
    fno_blocks: int = 4
    fno_cnn_blocks: int = 2
    learned_input_channels: int = 1
    max_hidden_channels: Union[int, None] = None
    resnet_width: Union[int, None] = None
    fno_input_transform: str = "none"
    generator_output_mode: str = "real_imag"
    amp_activation: str = "sigmoid"
    object_big: bool = True
    probe_big: bool = True
    probe_mask: bool = False
    probe_mask_sigma: float = 1.0
    probe_mask_diameter: Union[float, None] = None
    pad_object: bool = True
    probe_scale: float = 4.0
    gaussian_smoothing_sigma: float = 0.0


@dataclasses.dataclass
class TrainingConfig:
    """A training. ``n_groups`` is 512 when nothing is said; ``n_images`` is its old name."""
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    train_data_file: Path = None
    test_data_file: Path = None
    batch_size: int = 16
    nepochs: int = 50
    mae_weight: float = 0.0
    nll_weight: float = 1.0
    realspace_mae_weight: float = 0.0
    realspace_weight: float = 0.0
    nphotons: float = 1e9
    n_groups: Union[int, None] = None
    n_images: Union[int, None] = None
    n_subsample: Union[int, None] = None  #: frames drawn from the scan before there are groups
    subsample_seed: Union[int, None] = None
    neighbor_count: int = 4
    enable_oversampling: bool = False
    neighbor_pool_size: Union[int, None] = None
    positions_provided: bool = True
    probe_trainable: bool = False
    intensity_scale_trainable: bool = True
    output_dir: Path = "training_outputs"
    sequential_sampling: bool = False
    backend: str = "pytorch"
    torch_loss_mode: str = "poisson"
    torch_mae_pred_l2_match_target: bool = False
    gradient_clip_val: Union[float, None] = None
    gradient_clip_algorithm: str = "norm"
    optimizer: str = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    scheduler: str = "Default"
    lr_warmup_epochs: int = 0
    lr_min_ratio: float = 0.1
    plateau_factor: float = 0.5
    plateau_patience: int = 2
    plateau_min_lr: float = 5e-5
    plateau_threshold: float = 0.0

    def __post_init__(self) -> None:
        self.n_groups = _groups(self.n_groups, self.n_images)
        if self.n_groups is None:
            self.n_groups = 512


@dataclasses.dataclass
class InferenceConfig:
    """A prediction with a trained model."""
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    model_path: Path = None
    test_data_file: Path = None
    n_groups: Union[int, None] = None
    n_images: Union[int, None] = None
    n_subsample: Union[int, None] = None
    subsample_seed: Union[int, None] = None
    neighbor_count: int = 4
    enable_oversampling: bool = False
    neighbor_pool_size: Union[int, None] = None
    debug: bool = False
    output_dir: Path = "inference_outputs"
    backend: str = "pytorch"

    def __post_init__(self) -> None:
        self.n_groups = _groups(self.n_groups, self.n_images)


def _groups(n_groups: Union[int, None], n_images: Union[int, None]) -> Union[int, None]:
    if n_images is None:
        return n_groups
    warnings.warn("n_images is the old name of n_groups", DeprecationWarning, stacklevel=4)
    return n_images if n_groups is None else n_groups


@dataclasses.dataclass
class PyTorchExecutionConfig:
    """Where and how a run is executed. What has no meaning here (workers, pinned memory, checkpoint names, loggers) is taken and not used:
    frames are read ahead on a thread, checkpoints go to the output folder, history is part of the model."""
    accelerator: str = "auto"
    devices: Union[int, str] = 1
    strategy: str = "auto"
    deterministic: Union[bool, str] = True
    precision: str = "32-true"
    gradient_clip_val: Union[float, None] = None
    gradient_clip_algorithm: str = "norm"
    accum_steps: int = 1
    num_workers: int = 0
    pin_memory: bool = False
    persistent_workers: bool = False
    prefetch_factor: Union[int, None] = None
    learning_rate: float = 1e-3
    scheduler: str = "Default"
    enable_progress_bar: bool = False
    enable_checkpointing: bool = True
    checkpoint_save_top_k: int = 1
    checkpoint_monitor_metric: str = "val_loss"
    checkpoint_mode: str = "min"
    early_stop_patience: int = 100
    logger_backend: Union[str, None] = "csv"
    recon_log_every_n_epochs: Union[int, None] = None
    inference_batch_size: Union[int, None] = None


def changed(config: Any) -> dict:
    """The fields of a configuration that differ from their defaults."""
    fresh = type(config)()
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)
            if getattr(config, field.name) != getattr(fresh, field.name)}
