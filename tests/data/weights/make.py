"""Writes the files of this folder with PyTorch: weights in every format that PtychoKit imports, and files that must be
refused.  usage: make.py   (needs torch, numpy; safetensors for one file)

The weights are those of ../golden/model_predict_fno_real_imag_c4.npz and gen_ffno_c1.npz, computed with PtychoPINN (see
../golden/README.md); names and layout of the archives follow its model_manager and Lightning's checkpoints.
"""
import argparse
import collections
import io
import os
import pathlib
import pickle
import zipfile

import numpy
import torch

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE.parent / "golden"


def parameters(file, prefix="param/"):
    """Tensors of a golden file; those that the reference lists twice share their memory again."""
    with numpy.load(GOLDEN / file) as arrays:
        return collections.OrderedDict((name[len(prefix):], torch.from_numpy(arrays[name].copy()))
                                       for name in arrays.files if name.startswith(prefix))


module = parameters("model_predict_fno_real_imag_c4.npz")
network = collections.OrderedDict((name.removeprefix("model.autoencoder."), tensor)
                                  for name, tensor in module.items() if name.startswith("model.autoencoder."))
for name in module:
    if name.startswith("model.generator."):
        module[name] = module[name.replace("model.generator.", "model.autoencoder.")]

# ---- state dicts ----
torch.save(network, HERE / "fno.pth")
torch.save(network, HERE / "fno_legacy.pth", _use_new_zipfile_serialization=False)
torch.save({name: torch.nn.Parameter(tensor) for name, tensor in network.items()}, HERE / "fno_parameters.pt",
           pickle_protocol=4)
torch.save({name: tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)
            for name, tensor in network.items()}, HERE / "fno_double.pth")
torch.save({name: torch.view_as_real(tensor) if tensor.is_complex() else tensor.to(torch.bfloat16)
            for name, tensor in network.items()}, HERE / "fno_bfloat16.pth")
# Views: every tensor is a transposed part of one storage.
total = sum(tensor.numel() for tensor in network.values() if not tensor.is_complex())
pool = torch.empty(total + 7)
views, at = {}, 7
for name, tensor in network.items():
    if tensor.is_complex():
        views[name] = tensor
        continue
    strides, step = [], 1
    for length in tensor.shape:  # first axis fastest
        strides.append(step)
        step *= length
    views[name] = pool.as_strided(tensor.shape, strides, at).copy_(tensor)
    at += tensor.numel()
torch.save(views, HERE / "fno_views.pth")
torch.save(parameters("gen_ffno_c1.npz"), HERE / "ffno.pth")
numpy.savez_compressed(HERE / "fno.npz", **{name: tensor.numpy() for name, tensor in network.items()})
try:
    from safetensors.torch import save_file
    save_file({name: tensor.contiguous() for name, tensor in network.items()}, HERE / "fno.safetensors")
except ImportError:
    print("no safetensors: fno.safetensors is left as it is")


# ---- a checkpoint of Lightning ----
class Callback:
    """What trainings leave in checkpoints: an object that only their program knows."""

    def __init__(self):
        self.best = torch.tensor(0.5)


optimizer = torch.optim.Adam([tensor.requires_grad_(True) for tensor in network.values()])
sum((tensor.abs() ** 2).sum() for tensor in network.values()).backward()
network_values = {name: tensor.detach().clone() for name, tensor in network.items()}
optimizer.step()
with torch.no_grad():
    for name, tensor in network.items():
        tensor.requires_grad_(False).copy_(network_values[name])
data_config = {"N": 32, "C": 4, "grid_size": (2, 2)}
model_config = {"architecture": "fno", "C_model": 4, "fno_width": 6, "fno_modes": 5, "fno_blocks": 1,
                "fno_cnn_blocks": 1, "generator_output_mode": "real_imag", "max_hidden_channels": None,
                "object_big": True, "fno_input_transform": "none"}
torch.save({
    "epoch": 3, "global_step": 120, "pytorch-lightning_version": "2.5.0",
    "state_dict": module,
    "callbacks": {"ModelCheckpoint": {"best_model_path": pathlib.PurePosixPath("a/b.ckpt"), "own": Callback()}},
    "optimizer_states": [optimizer.state_dict()],
    "hyper_parameters": {"model_config": model_config, "data_config": data_config,
                         "training_config": argparse.Namespace(learning_rate=1e-3), "generator_output": "real_imag"},
}, HERE / "lightning.ckpt")

# ---- PtychoPINN's archive ----
def torch_bytes(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def write_zip(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


write_zip(HERE / "wts.h5.zip", {
    "manifest.dill": pickle.dumps({"models": ["autoencoder", "diffraction_to_obj"], "version": "2.0-pytorch"}),
    "autoencoder/model.pth": torch_bytes({"_sentinel": "autoencoder"}),
    "diffraction_to_obj/model.pth": torch_bytes(module),
    "diffraction_to_obj/params.dill": pickle.dumps({
        "N": 32, "gridsize": 2, "object.big": True, "intensity_scale": 10000.0, "_version": "2.0-pytorch",
        "output": pathlib.PurePosixPath("run")}, protocol=4),
    "torch_scaling_metadata.pt": torch_bytes({"schema_version": "ci-entrypoints-v1", "data_config": data_config,
                                              "model_config": model_config, "ci_statistics": None}),
})


# ---- files that must be refused ----
class Call:
    """Its pickle asks the reader to call a function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


attack = Call(os.system, "touch ptychokit-was-attacked")
torch.save({**network, "extra": attack}, HERE / "refused_call.pth")
torch.save({**network, "extra": attack}, HERE / "refused_call_legacy.pth", _use_new_zipfile_serialization=False)
torch.save({"pytorch-lightning_version": "2.5.0", "state_dict": {**network, "extra": attack}},
           HERE / "refused_in_state.ckpt")
torch.save(torch.nn.Linear(2, 2), HERE / "refused_module.pt")
torch.save([1, 2, 3], HERE / "refused_list.pth")
