"""PtychoPINN's names over the Python layer: a script of PtychoPINN with its imports changed, and what each name does. Argument: the example scan."""
import dataclasses
import json
import pathlib
import sys
import tempfile
import unittest
import warnings

import numpy as np
import ptychokit as pk
from ptychokit.compat import ptychopinn as pinn
from ptychokit.compat.ptychopinn import config_params
from ptychokit.compat.ptychopinn._options import options

SCAN = sys.argv.pop(1)
N = 16
SMALL = {"architecture": "fno", "fno_width": 4, "fno_modes": 4, "fno_blocks": 1, "fno_cnn_blocks": 1}


def experiment():
    """A known object seen by a probe at 6 x 6 positions: frames in photon counts with fractions, float32 [36, 16, 16]."""
    r, c = np.mgrid[0:40, 0:40]
    phase = 0.8 * np.sin(0.35 * r) * np.cos(0.27 * c)
    whole = ((1 - 0.2 * phase) * np.exp(1j * phase)).astype(np.complex64)
    y, x = np.mgrid[-8:8, -8:8]
    probe = np.exp(-(x**2 + y**2) / 18) * np.exp(0.05j * (x**2 + y**2))
    probe = (probe * np.sqrt(1e4 / np.sum(np.abs(probe) ** 2))).astype(np.complex64)
    corners = [(1 + 4 * i, 1 + 4 * j) for j in range(6) for i in range(6)]
    patches = np.stack([whole[top:top + N, left:left + N] for left, top in corners])
    positions = np.array(corners, float) + N // 2
    return whole, probe, positions, pk.Context().forward(patches, probe)


OBJECT, PROBE, POSITIONS, COUNTS = experiment()
AMPLITUDES = np.sqrt(COUNTS) / np.sqrt(COUNTS).max()  # as PtychoPINN keeps frames


def scan(frames=AMPLITUDES, **others):
    return pinn.RawDataTorch(POSITIONS[:, 0], POSITIONS[:, 1], frames, PROBE, np.zeros(36, int), OBJECT, **others)


class Scans(unittest.TestCase):
    def test_arrays_become_a_dataset(self):
        for given in (scan(), scan(np.moveaxis(AMPLITUDES, 0, 2)), scan(AMPLITUDES.astype(np.float64))):
            self.assertEqual((len(given), given.measurement), (36, "amplitude"))
            np.testing.assert_allclose(given.dataset(pk.Context()).patterns, AMPLITUDES, rtol=1e-6)
        self.assertEqual(scan(COUNTS.astype(np.uint16)).measurement, "counts")
        self.assertEqual(scan(COUNTS, measurement="counts").count_scale(1e9), 1)
        self.assertEqual(scan().scan_index.shape, (36,))
        old = pinn.RawData(*POSITIONS.T, *POSITIONS.T, AMPLITUDES, PROBE[:, :, None], np.zeros(36, int), OBJECT)
        np.testing.assert_array_equal(old.probeGuess, PROBE)
        np.testing.assert_array_equal(old.positions, POSITIONS)

    def test_amplitudes_are_brought_to_nphotons(self):
        factor = scan().count_scale(5e5)
        self.assertAlmostEqual(np.mean(np.sum((factor * AMPLITUDES) ** 2, axis=(1, 2))) / 5e5, 1, places=5)

    def test_files_are_read(self):
        for given in (pinn.RawData.from_file(SCAN), pinn.MemmapDatasetBridge(SCAN, None).raw_data_torch):
            self.assertEqual((given.diff3d.shape, given.probeGuess.dtype), ((516, 64, 64), np.complex64))
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "scan.npz")
            np.savez(path, xcoords=POSITIONS[:, 0], ycoords=POSITIONS[:, 1], diff3d=AMPLITUDES, probeGuess=PROBE, objectGuess=OBJECT)
            back = pinn.RawDataTorch.from_file(path)
        np.testing.assert_array_equal(back.diff3d, AMPLITUDES)
        np.testing.assert_array_equal(back.objectGuess, OBJECT)
        self.assertEqual(back.measurement, "amplitude")

    def test_wrong_arrays_are_refused(self):
        for part, arguments in (("xcoords", (POSITIONS[:, 0], POSITIONS[:5, 1], AMPLITUDES, PROBE)), ("positions", (*POSITIONS.T, AMPLITUDES[:7], PROBE)),
                                ("square", (*POSITIONS.T, AMPLITUDES[:, :, :5], PROBE)), ("found", (*POSITIONS.T, AMPLITUDES[0], PROBE))):
            with self.assertRaisesRegex(ValueError, part):
                pinn.RawDataTorch(*arguments)
        self.assertRaisesRegex(ValueError, "empty", scan(0.5 * np.zeros_like(AMPLITUDES), measurement="amplitude").count_scale, 1e9)


class Configurations(unittest.TestCase):
    def translated(self, overrides=None, execution=None, model=None, **training):
        config = pinn.TrainingConfig(model=pinn.ModelConfig(**(model or {})), **training)
        found = options(pk.Context(), config, execution, overrides)
        pk.Config(found).check(pk.Context())
        return found

    def test_have_its_defaults(self):
        found = self.translated()
        for name, value in {"compat": "ptychopinn", "generator.name": "cnn", "training.epochs": 50, "training.batch_size": 16, "scan.groups": 512,
                            "scan.neighbours": 4, "training.learning_rate": 1e-3, "training.schedule": "constant", "training.gradient_clip": 0,
                            "training.loss": "poisson", "scan.group_size": 1, "generator.amp_activation": "sigmoid"}.items():
            self.assertEqual(found[name], value, name)

    def test_are_translated(self):
        run = pinn.PyTorchExecutionConfig(learning_rate=1e-2, accum_steps=2, scheduler="ReduceLROnPlateau", inference_batch_size=8,
                                          deterministic=False)
        found = self.translated(execution=run, model={"gridsize": 2, "model_type": "supervised", **SMALL}, n_subsample=20, subsample_seed=7,
                                plateau_min_lr=1e-3, gradient_clip_val=5.0)
        for name, value in {"training.learning_rate": 1e-2, "training.accumulate": 2, "training.schedule": "plateau", "training.smallest_rate": 0.1,
                            "reconstruction.batch_size": 8, "deterministic": False, "scan.group_size": 4, "training.loss": "supervised",
                            "generator.width": 4, "data.subsample": 20, "seed": 7, "training.gradient_clip": 5}.items():
            self.assertEqual(found[name], value, name)

    def test_overrides_win_by_either_name(self):
        found = self.translated({"K": 9, "training.loss": "mae", "n_subsample": 3, "normalize": "Group", "cbam_encoder": False, "fno_width": 8})
        for name, value in {"scan.neighbours": 9, "training.loss": "mae", "scan.samples": 3, "input.normalize": "Group",
                            "generator.cbam_encoder": False}.items():
            self.assertEqual(found[name], value, name)
        self.assertNotIn("fno_width", found)

    def test_its_physics_is_chosen(self):
        found = self.translated(torch_loss_mode="mae", torch_mae_pred_l2_match_target=True)
        self.assertEqual((found["physics.model"], found["physics.loss_units"], found["training.match_norm"]), ("amplitude", "counts", True))
        self.assertNotIn("physics.model", self.translated(model={"model_type": "supervised"}))
        self.assertNotIn("physics.model", self.translated(probe_trainable=True))
        self.assertEqual(self.translated(model={"gridsize": 2, "object_big": False})["physics.patch_weighting"], "none")
        gained = self.translated({"amplitude_physics_gain": 2.0, "amp_loss": "Total_Variation", "amp_loss_coeff": 0.5})
        self.assertEqual((gained["physics.gain"], gained["training.regularizers.tv_amplitude"]), (2.0, 0.5))
        with self.assertRaisesRegex(ValueError, "Mean_Deviation"):
            self.translated({"phase_loss": "L2"})

    def test_rectangular_physics_brings_its_contract(self):
        counts = self.translated({"physics_forward_mode": "rectangular_scaled", "rect_s1s2_init": "data"})
        for name, value in {"physics.scale_contract": "ci_intensity_v2", "input.images": "intensity", "input.rms": "half_side",
                            "physics.scales_start": "data"}.items():
            self.assertEqual(counts[name], value, name)
        legacy = self.translated({"scale_contract_version": "legacy_v1", "physics_forward_mode": "rectangular_scaled"})
        self.assertEqual(legacy["physics.scale_contract"], "legacy_v1")
        self.assertNotIn("input.images", legacy)
        self.assertNotIn("physics.scale_contract", self.translated({"scale_contract_version": "ci_intensity_v2"}))
        more = config_params.overrides(pinn.DataConfig(), config_params.ModelConfig(physics_forward_mode="rectangular_scaled"))
        self.assertEqual(more, {"physics_forward_mode": "rectangular_scaled", "scale_contract_version": "ci_intensity_v2"})

    def test_our_generators_go_our_way(self):
        self.assertNotIn("compat", self.translated(model={"architecture": "physics_unet"}))

    def test_what_is_not_served_says_what_is(self):
        for part, case in (("torch_loss_mode", dict(realspace_weight=1.0)), ("probe_mask_diameter", dict(overrides={"probe_mask_tensor": PROBE})),
                           ("schema", dict(overrides={"no_such_thing": 1})), ("refinement.positions", dict(positions_provided=False)),
                           ("32-true", dict(execution=pinn.PyTorchExecutionConfig(precision="16-mixed")))):
            with self.assertRaisesRegex(NotImplementedError, part):
                self.translated(**case)
        with self.assertRaisesRegex(ValueError, "WarmupCosine"):
            self.translated(scheduler="Cosine")
        self.assertRaises(TypeError, pinn.TrainingConfig, epoch=3)
        self.assertRaises(dataclasses.FrozenInstanceError, setattr, pinn.ModelConfig(), "N", 128)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.assertEqual(pinn.InferenceConfig(n_images=3).n_groups, 3)
        self.assertEqual([each.category for each in caught], [DeprecationWarning])

    def test_of_the_other_family_are_bridged(self):
        data, model = pinn.DataConfig(nphotons=1e6, K=9, n_subsample=2), config_params.ModelConfig(cbam_encoder=False, mode="Supervised")
        training = config_params.TrainingConfig(epochs=3, n_groups=40, accum_steps=2)
        pinn.update_existing_config(data, {"neighbor_function": "Min_dist"})
        self.assertRaisesRegex(AttributeError, "neighbour", pinn.update_existing_config, data, {"neighbour": 1})
        network = pinn.to_model_config(data, model)
        self.assertEqual((network.gridsize, network.model_type, network.amp_activation), (2, "supervised", "silu"))
        config = pinn.to_training_config(network, data, model, training)
        self.assertEqual((config.nepochs, config.neighbor_count, config.nphotons, config.n_groups), (3, 9, 1e6, 40))
        more = config_params.overrides(data, model, training)
        self.assertEqual(more, {"n_subsample": 2, "neighbor_function": "Min_dist", "cbam_encoder": False, "accum_steps": 2})
        found = options(pk.Context(), config, None, more)
        self.assertEqual((found["scan.samples"], found["scan.grouping"], found["training.accumulate"]), (2, "Min_dist", 2))
        self.assertEqual(pinn.to_inference_config(network, data, config_params.InferenceConfig(), {"model_path": "a", "test_data_file": "b"}).model_path, "a")
        self.assertRaisesRegex(ValueError, "test_data_file", pinn.to_inference_config, network, data, config_params.InferenceConfig(), {"model_path": "a"})
        self.assertRaisesRegex(ValueError, "nphotons", pinn.to_training_config, network, pinn.DataConfig(), model, training)
        self.assertRaisesRegex(ValueError, "n_groups", pinn.to_training_config, network, data, model, config_params.TrainingConfig())
        self.assertRaisesRegex(ValueError, "square", pinn.to_model_config, pinn.DataConfig(grid_size=(1, 2)), model)
        self.assertRaisesRegex(ValueError, "mode", pinn.to_model_config, data, config_params.ModelConfig(mode="pinn"))


class Work(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.config = pinn.TrainingConfig(model=pinn.ModelConfig(N=N, gridsize=2, **SMALL), nepochs=20, batch_size=4, n_groups=36, neighbor_count=6,
                                         nphotons=1e4, torch_loss_mode="mae", output_dir=cls.folder.name)
        run = pinn.PyTorchExecutionConfig(learning_rate=5e-3)
        cls.amplitude, cls.phase, cls.results = pinn.run_cdi_example_torch(scan(), scan(), cls.config, M=8, do_stitching=True, execution_config=run)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_a_script_runs(self):
        self.assertEqual((self.amplitude.dtype, self.phase.dtype, self.amplitude.shape), (np.float32, np.float32, self.phase.shape))
        losses = self.results["history"]["train_loss"]
        self.assertEqual((len(losses), self.results["history"]["val_loss"]), (20, None))
        self.assertLess(losses[-1], 0.9 * losses[0])
        self.assertEqual(self.results["backend"], "pytorch")
        np.testing.assert_array_equal(self.results["recon_amp"], np.abs(self.results["canvas"].object))

    def test_a_saved_model_is_the_trained_one(self):
        self.assertTrue(self.results["bundle_path"].is_file())
        models, params = pinn.load_inference_bundle_torch(self.folder.name)
        self.assertEqual((params["N"], params["gridsize"]), (N, 2))
        x = AMPLITUDES[:8].reshape(2, 4, N, N)
        model = models["diffraction_to_obj"].eval().to("cpu")
        patches = model.forward_predict(x, None, None, 1.0)
        self.assertEqual((patches.shape, patches.dtype), ((2, 4, N, N), np.complex64))
        np.testing.assert_array_equal(patches, self.results["models"]["diffraction_to_obj"](x))
        np.testing.assert_array_equal(np.abs(pinn.reconstruct(model, scan(), M=8).object), self.amplitude)
        self.assertRaisesRegex(NotImplementedError, "Context", model.to, "cuda")
        self.assertRaisesRegex(ValueError, "model_name", pinn.load_inference_bundle_torch, self.folder.name, "other")
        self.assertRaisesRegex(FileNotFoundError, "wts.h5.zip", pinn.load_inference_bundle_torch, pathlib.Path(self.folder.name, "none"))

    def test_flips_move_the_patches(self):
        model = self.results["models"]["diffraction_to_obj"]
        turned = pinn.workflows._turned(POSITIONS, True, False, True)
        np.testing.assert_array_equal(turned, POSITIONS[:, ::-1] * [-1, 1])
        bare = pinn.RawDataTorch(*POSITIONS.T, AMPLITUDES, PROBE)
        straight, moved = pinn.reconstruct(model, bare, 8), pinn.reconstruct(model, bare, 8, turned)
        self.assertEqual(moved.object.shape, straight.object.shape[::-1])
        np.testing.assert_array_equal(moved.positions - moved.positions.min(axis=0), turned - turned.min(axis=0))

    def test_foreign_weights_are_read(self):
        path = pathlib.Path(self.folder.name, "weights.npz")
        self.results["models"]["autoencoder"].model.export(path)
        context = pk.Context()
        model = pk.Model.from_weights(context, path, N)
        patches = pinn.InferenceModel(context, model)(AMPLITUDES[:4].reshape(1, 4, N, N))
        self.assertTrue(np.isfinite(patches).all())

    def test_its_bundle_is_read(self):
        weights = pathlib.Path(__file__).resolve().parents[2] / "data" / "weights"
        for path in (weights, weights / "wts.h5.zip"):  # the folder, as its scripts give it, or the file
            models, params = pinn.load_inference_bundle_torch(path)
            self.assertEqual(params["N"], 32)
            self.assertEqual(models["diffraction_to_obj"](np.ones((2, 4, 32, 32), np.float32)).shape, (2, 4, 32, 32))

    def test_single_frames_and_validation(self):
        config = dataclasses.replace(self.config, model=pinn.ModelConfig(N=N, gridsize=1, **SMALL), nepochs=1, n_groups=512,
                                     output_dir=pathlib.Path(self.folder.name, "single"))
        execution = pinn.PyTorchExecutionConfig(accelerator="cpu", enable_checkpointing=False)
        results = pinn.train_cdi_model_torch(scan(COUNTS, measurement="counts"), None, config, execution, {"training.validation_fraction": 0.2})
        self.assertEqual(len(results["history"]["val_loss"]), 1)
        self.assertEqual(sorted(path.name for path in results["bundle_path"].parent.iterdir()), ["model.ptk", "params.json"])
        noted = json.loads((results["bundle_path"].parent / "params.json").read_text())
        self.assertEqual((noted["intensity_scale"], noted["options"]["training.patience"]), (1, 100))
        self.assertEqual(pinn.run_cdi_example_torch(scan(), None, config)[:2], (None, None))

    def test_counts_with_factors_of_the_parts(self):
        model = dataclasses.replace(self.config.model, gridsize=1)
        config = dataclasses.replace(self.config, model=model, nepochs=2, torch_loss_mode="poisson", output_dir=pathlib.Path(self.folder.name, "counts"))
        results = pinn.train_cdi_model_torch(scan(COUNTS, measurement="counts"), None, config, None,
                                             {"physics_forward_mode": "rectangular_scaled", "rect_s1s2_init": "data"})
        about = results["models"]["diffraction_to_obj"].model.describe()
        self.assertEqual(sorted(about["physics"]), ["s1", "s2"])
        self.assertNotEqual(about["physics"]["s1"], about["physics"]["s2"])
        self.assertLess(results["history"]["train_loss"][-1], results["history"]["train_loss"][0])

    def test_errors_of_the_scan(self):
        config = dataclasses.replace(self.config, model=pinn.ModelConfig(N=64))
        self.assertRaisesRegex(ValueError, "N = 64", pinn.train_cdi_model_torch, scan(), None, config)
        self.assertRaisesRegex(NotImplementedError, "config", pinn.run_cdi_example_torch, scan(), None, config, resolved_payload=object())


class Names(unittest.TestCase):
    def test_all_are_there(self):
        for name in pinn.__all__:
            self.assertIsNotNone(getattr(pinn, name), name)
        self.assertTrue(pinn.TORCH_AVAILABLE)

    def test_others_say_what_to_use(self):
        for name in pinn._INSTEAD:
            with self.assertRaisesRegex(NotImplementedError, name):
                exec(f"from ptychokit.compat.ptychopinn import {name}")
        self.assertFalse(hasattr(pinn, "nothing"))
        with self.assertRaisesRegex(NotImplementedError, "n_groups"):
            scan().generate_grouped_data(N)
        with self.assertRaisesRegex(NotImplementedError, "RawDataTorch"):
            pinn.PtychoDataContainerTorch({}, PROBE)


if __name__ == "__main__":
    unittest.main()
