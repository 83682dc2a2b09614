"""PtychoPINN's names over PtychoKit: a script of PtychoPINN's Torch side runs with its imports taken from here.

    from ptychokit.compat.ptychopinn import ModelConfig, RawData, TrainingConfig, run_cdi_example_torch

    train = RawData.from_file("scan.npz")
    config = TrainingConfig(model=ModelConfig(N=64, gridsize=2), nepochs=20, n_groups=512, neighbor_count=6)
    amplitude, phase, results = run_cdi_example_torch(train, train, config, do_stitching=True)

Configurations have PtychoPINN's names and defaults, and the library then goes its way (``compat = "ptychopinn"``: groups draw for draw, its
network, its forward model and losses, its units inside). What differs:

* a name that does not exist, and one that has no counterpart here, are errors that say what to use; PtychoPINN takes no notice of many;
* ``Exponential`` and ``WarmupCosine`` change the learning rate (in PtychoPINN they stand still);
* a patch goes to its position, and the unit of the picture is transmission;
* nothing is global: two configurations may live in one process;
* models are ``model.ptk`` (data only); PtychoPINN's ``wts.h5.zip`` is read too.

:mod:`.config` and :mod:`.config_params` have the two families of configurations, :mod:`.workflows` training and models, :mod:`.raw_data` scans.
"""
from typing import Any, NoReturn

from . import config_params
from .config import InferenceConfig, ModelConfig, PyTorchExecutionConfig, TrainingConfig
from .config_params import DataConfig, to_inference_config, to_model_config, to_training_config, update_existing_config
from .raw_data import MemmapDatasetBridge, PtychoDataContainerTorch, RawData, RawDataTorch
from .workflows import TORCH_AVAILABLE, InferenceModel, load_inference_bundle_torch, reconstruct, run_cdi_example_torch, train_cdi_model_torch

__all__ = ["DataConfig", "InferenceConfig", "InferenceModel", "MemmapDatasetBridge", "ModelConfig", "PtychoDataContainerTorch",
           "PyTorchExecutionConfig", "RawData", "RawDataTorch", "TORCH_AVAILABLE", "TrainingConfig", "config_params",
           "load_inference_bundle_torch", "reconstruct", "run_cdi_example_torch", "to_inference_config", "to_model_config", "to_training_config",
           "train_cdi_model_torch", "update_existing_config"]

# PtychoPINN's object API and data generation, and what does their work here.
_INSTEAD = {
    "ConfigManager": "DataConfig, config_params.ModelConfig ... with config_params.overrides, or a dictionary for ptychokit.Config",
    "Datagen": "ptychokit.Dataset.simulate",
    "DatagenConfig": "the options simulation.* of ptychokit.Dataset.simulate",
    "InferenceEngine": "load_inference_bundle_torch and reconstruct",
    "Orchestration": "PyTorchExecutionConfig; there is one way to run",
    "PtychoDataLoader": "RawDataTorch or MemmapDatasetBridge",
    "PtychoDataset": "RawDataTorch or MemmapDatasetBridge",
    "PtychoModel": "train_cdi_model_torch and load_inference_bundle_torch, or ptychokit.Model",
    "PtychoPINN": "ptychokit.Model with generator.name = 'cnn'",
    "PtychoPINN_Lightning": "ptychokit.Model.from_weights, which reads Lightning's checkpoints, and ptychokit.Trainer",
    "Trainer": "train_cdi_model_torch, or ptychokit.Trainer",
    "reconstruct_image_barycentric": "reconstruct, or ptychokit.Reconstructor",
    "save_torch_bundle": "ptychokit.Model.save, or Model.export for weights by PtychoPINN's names",
    "load_torch_bundle": "load_inference_bundle_torch",
    "simulate_multiple_experiments": "ptychokit.Dataset.simulate, once for each seed",
    "assemble_probes_from_npz": "ptychokit.Dataset.open(...).probe for each file",
}


def __getattr__(name: str) -> Any:
    if name in _INSTEAD:
        _refuse(name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def _refuse(name: str) -> NoReturn:
    raise NotImplementedError(f"{name} is not served; use {_INSTEAD[name]}")
