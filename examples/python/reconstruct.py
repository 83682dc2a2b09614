"""From a scan to a picture of its object in Python: open, train a network on the frames without labels, cancel a training, save and load the
model, reconstruct, refine, evaluate, read the object, train a generator of its own, meet an error.

    python reconstruct.py siemens64.npz siemens64_reference.npz result [option=value ...]
"""
import pathlib
import sys

import numpy as np
import ptychokit as pk


class Gain(pk.Network):
    """A generator with one number to learn: the real image is that number times the amplitudes, the imaginary one is 0."""
    summary = "amplitudes times one number"

    def parameters(self):
        return {"gain": (1,)}

    def initialise(self, name, shape, seed):
        return np.full(shape, 0.5)

    def forward(self, parameters, amplitudes):
        return np.stack([parameters["gain"] * amplitudes, np.zeros_like(amplitudes)], axis=1)

    def vjp(self, parameters, amplitudes, grad_images):
        return {"gain": [np.sum(grad_images[:, 0] * amplitudes, dtype=np.float64)]}


def main(scan, reference, folder, *options):
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    config = pk.Config()
    for option in options:
        config.set_text(*option.split("=", 1))
    context = pk.Context("cpu", config)
    dataset = pk.Dataset.open(context, scan, config)
    print(f"frames = {len(dataset)}")

    model = pk.Model(context, dataset.side, config)
    print(f"parameters = {model.parameter_count}")
    seen = []
    pk.Trainer(model, config).fit(dataset, progress=seen.append)
    loss = [progress.loss for progress in seen if progress.phase == "train"][-1]
    print(f"progress calls = {len(seen)}\ntraining loss = {loss:.9g}")

    second, calls = pk.Model(context, dataset.side, config), 0

    def three(_):
        nonlocal calls
        calls += 1
        return calls < 3

    try:
        pk.Trainer(second, config).fit(dataset, progress=three)
    except pk.Cancelled as error:
        print(f"second training = {pk.status_name(error.status)} after {calls} calls")

    model.save(folder / "model.ptk")
    loaded = pk.Model.load(context, folder / "model.ptk")
    reconstructor = pk.Reconstructor(context, loaded, config)
    canvas = reconstructor.reconstruct(dataset)
    print(f"Fourier error of the network = {canvas.fourier_error(dataset):.9g}")
    refined = reconstructor.refine(dataset, canvas)
    print(f"Fourier error after refinement = {refined.fourier_error(dataset):.9g}")
    refined.save(folder / "refined.h5")
    refined.write_picture("phase", folder / "refined_phase.png")
    print(f"complex nRMSE = {refined.evaluate(reference)['complex_nrmse']:.9g}")

    values = refined.object
    print(f"object = {values.shape[0]} rows of {values.shape[1]}")
    print(f"object power = {np.sum(np.abs(values.astype(np.complex128)) ** 2):.9g}")

    context.register("gain", Gain)
    own = {"seed": 5, "generator.name": "gain", "training.epochs": 1, "probe.warm_epochs": 1}
    seen = []
    pk.Trainer(pk.Model(context, dataset.side, own), own).fit(dataset, progress=seen.append)
    print(f"loss of an own generator = {[progress.loss for progress in seen if progress.phase == 'train'][-1]:.9g}")

    try:
        pk.Dataset.open(context, "missing.npz")
    except pk.Error as error:
        print(f"a missing file = {pk.status_name(error.status)}")
        assert "missing.npz" in error.message


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
