"""PtychoKit in the real ptychodus, without a window, on the Siemens scan.

    test_ptychodus.py PROGRAM SCAN REFERENCE        (in the Python of ptychodus, ptychokit on its path)
"""
import dataclasses
import importlib
import json
import logging
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

import h5py
import hdf5plugin
import numpy as np
from ptychodus.model import ModelCore
from ptychodus.plugins.h5_product_file import H5ProductFileIO
from skimage.registration import phase_cross_correlation

import versions

PROGRAM, SCAN, REFERENCE = sys.argv[1:4]
del sys.argv[1:4]
KNOWN = np.load(REFERENCE)["objectGuess"]
TINY = "generator.width=4; generator.depth=1; probe.warm_epochs=1; data.subsample=60"


def setUpModule():
    """The scan as files of ptychodus, written by our program; our entry in ptychodus' folder of plug-ins."""
    global SCRATCH, FOLDER
    logging.getLogger("ptychodus.model.task_manager").setLevel(logging.CRITICAL)  # prints whole inputs of what failed
    SCRATCH = tempfile.TemporaryDirectory()
    FOLDER = pathlib.Path(SCRATCH.name, "siemens")
    geometry = "data.energy_ev=8800", "data.distance_m=1.92", "data.detector_pixel_m=7.5e-5"
    subprocess.run([PROGRAM, "convert", SCAN, FOLDER, *(word for option in geometry for word in ("-s", option))], check=True)
    subprocess.run([sys.executable, "-m", "ptychokit.ptychodus", "install"], check=True)


def tearDownModule():
    subprocess.run([sys.executable, "-m", "ptychokit.ptychodus", "uninstall"], check=True)
    SCRATCH.cleanup()


def phase(image, rows, columns):
    """Phase of a part of an object, without ramp, mean 0, norm 1: what of a picture is not a matter of convention."""
    part = image[rows, columns].astype(np.complex128)
    ramps = [np.angle(np.sum(part[1:] * part[:-1].conj())), np.angle(np.sum(part[:, 1:] * part[:, :-1].conj()))]
    r, c = np.mgrid[:part.shape[0], :part.shape[1]]
    part = part * np.exp(-1j * (ramps[0] * r + ramps[1] * c))
    values = np.angle(part * np.exp(-1j * np.angle(part.sum())))
    values -= values.mean()
    return values / np.linalg.norm(values)


MIDDLE = slice(64, 182), slice(64, 181)


def likeness(image):
    """Correlation of the phases with those of the reference, in the middle of the scan."""
    return float(np.sum(phase(image, *MIDDLE) * phase(KNOWN, *MIDDLE)))


# The reference lies this much (rows, columns) beside what the library finds in the same positions; `ptychokit evaluate` says so, too.
OFFSET = np.array([-1.0, -0.93])


def displacement(image):
    """Pixels (rows, columns) by which a picture lies away from its place."""
    found = phase_cross_correlation(phase(image, *MIDDLE), phase(KNOWN, *MIDDLE), upsample_factor=20, normalization=None)[0]
    return found - OFFSET


class Case(unittest.TestCase):
    def setUp(self):
        begin = time.monotonic()
        self.addCleanup(lambda: print(f"[{time.monotonic() - begin:.1f} s] ", end="", file=sys.stderr))

    @classmethod
    def setUpClass(cls):
        cls.core = ModelCore(log_level=logging.WARNING)
        cls.model = cls.core.__enter__()
        versions.fill(cls.model, "PtychoKit", threads=1)  # small work on machines that are shared
        versions.fill(cls.model, "PtychoKitReconstruction", epochs=8, probe_modes=1, sync_epochs=1)

    @classmethod
    def tearDownClass(cls):
        cls.core.__exit__(None, None, None)

    def reconstructed(self, name, product):
        """Reconstruct as the window does, save, and open what was saved with ptychodus."""
        versions.choose(self.model, name)
        output = product.reconstruct_local(block=True)
        self.model.run_tasks()
        self.assertFalse("ptychokit" in sys.modules or "libtorch" in pathlib.Path("/proc/self/maps").read_text(), "LibTorch came into ptychodus")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "product.h5")
            output.save_product(path, file_type="HDF5")
            return H5ProductFileIO().read(path)

    def assert_same_frame(self, product, before):
        self.assertEqual(product.object_.get_geometry(), before.object_.get_geometry())
        self.assertEqual(product.object_.get_array().shape, (1, *before.object_.get_array().shape[1:]))


class Files(Case):
    def test_ptychodus_reads_what_we_write(self):
        given = versions.opened(self.model, FOLDER).get_reconstruct_input()
        with np.load(SCAN) as scan:
            np.testing.assert_array_equal(given.diffraction_patterns, scan["diff3d"])
            np.testing.assert_allclose(given.product.probes.get_array()[0, 0], scan["probeGuess"], rtol=1e-6)
            np.testing.assert_allclose(given.product.object_.get_array()[0], scan["objectGuess"], rtol=1e-6)
            places = np.stack([scan["xcoords"], scan["ycoords"]], 1)
        self.assertFalse(given.bad_pixels.any())
        np.testing.assert_allclose(versions.columns_and_rows(given.product), places, atol=1e-6)

    def test_near_field(self):
        """Our attributes beside theirs: ptychodus opens the file as before, we read the near field back."""
        folder = pathlib.Path(SCRATCH.name, "near")
        lengths = "physics.distance_m=0.05", "physics.pixel_m=1e-6", "physics.wavelength_m=1.4e-10"
        subprocess.run([PROGRAM, "simulate", "-o", folder, "-q", "-s", "physics.propagator=fresnel", "-s", "simulation.frames=30",
                        *(word for option in lengths for word in ("-s", option))], check=True)
        given = versions.opened(self.model, folder).get_reconstruct_input()
        self.assertEqual(given.diffraction_patterns.shape, (30, 64, 64))
        self.assertAlmostEqual(given.product.object_.get_pixel_geometry().width_m * 1e6, 1)
        told = json.loads(subprocess.run([PROGRAM, "info", folder, "--json"], check=True, capture_output=True, text=True).stdout)
        self.assertEqual(told["scan"]["propagator"], "fresnel")
        self.assertAlmostEqual(told["scan"]["fresnel_number"], 1e-12 / (1.4e-10 * 0.05), places=6)

    def test_compressed_frames(self):
        """Filters of HDF5 plug-ins, which ptychodus brings along."""
        with np.load(SCAN) as scan:
            frames, places = scan["diff3d"][:40], np.stack([scan["xcoords"], scan["ycoords"]], 1)[:40]
        filters = {"bitshuffle": hdf5plugin.Bitshuffle(), "bitshuffle_lz4": hdf5plugin.Bitshuffle(cname="lz4"), "lz4": hdf5plugin.LZ4(),
                   "blosc": hdf5plugin.Blosc(), "blosc2": hdf5plugin.Blosc2(), "zstd": hdf5plugin.Zstd()}
        path = pathlib.Path(SCRATCH.name, "filters.h5")
        with h5py.File(path, "w") as file:
            file["xy"] = places
            for name, compressed in filters.items():
                file.create_dataset(name, data=frames, chunks=(1, *frames.shape[1:]), **compressed)
        for name in filters:
            command = [PROGRAM, "convert", path, path.with_suffix(".npz"), "-s", f"data.frames=/{name}", "-s", "data.positions=/xy"]
            done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"HDF5_PLUGIN_PATH": hdf5plugin.PLUGIN_PATH})
            self.assertEqual(done.returncode, 0, f"{name}: {done.stderr}")
            with np.load(path.with_suffix(".npz")) as made:
                np.testing.assert_array_equal(made["diff3d"], frames, name)
            refused = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"HDF5_PLUGIN_PATH": SCRATCH.name})
            self.assertEqual(refused.returncode, 3, name)
            self.assertRegex(refused.stderr, rf"filters.h5: '/{name}': is compressed with filter 320\d\d \(.*\), which is not installed")

    def test_list_and_defaults(self):
        names = [name.lower().replace("/", "_") for name in versions.reconstructors(self.model)]
        for name in ("ptychokit_network", "ptychokit_epie", "ptychokit_rpie"):
            self.assertIn(name, names)
        table = importlib.import_module("ptychokit_in_ptychodus._settings").PARAMETERS
        schema = {row["name"]: row for row in json.loads(subprocess.run(
            [sys.executable, "-c", "import json, ptychokit; print(json.dumps(ptychokit.Context().schema()))"],
            check=True, capture_output=True, text=True).stdout)}
        for _, _, option, default in table:
            if option:
                self.assertEqual(schema[option]["default"], default, option)

    def test_settings_file(self):
        path = pathlib.Path(SCRATCH.name, "settings.ini")
        versions.choose(self.model, "rPIE")
        self.model.settings_registry.save_settings(path)
        path.write_text(path.read_text().replace("model_path = .", "model_path = /data/model.ptk"))
        model = ModelCore(path)
        self.assertEqual(versions.name_of(versions.chosen(model)), "rPIE")
        found = model.settings_registry["PtychoKitReconstruction"].parameters()
        self.assertEqual((found["epochs"].get_value(), found["model_path"].get_value()), (8, pathlib.Path("/data/model.ptk")))


class Reconstruction(Case):
    def test_star_at_its_place(self):
        product = versions.opened(self.model, FOLDER)
        before = product.get_reconstruct_input().product
        after = self.reconstructed("ePIE", product)
        self.assert_same_frame(after, before)
        found = after.object_.get_array()[0]
        score = likeness(found)
        turned = {"transposed": np.pad(found, ((0, 0), (0, 1)))[:245, :246].T, "upside down": found[::-1], "left to right": found[:, ::-1],
                  "conjugate": found.conj()}
        others = {name: likeness(image) for name, image in turned.items()}
        away = displacement(found)
        print(f"ePIE: likeness {score:.3f}, away by {away}; {', '.join(f'{name} {value:.3f}' for name, value in others.items())}", flush=True)
        self.assertGreater(score, 0.75)
        self.assertLess(np.abs(away).max(), 0.4)
        self.assertLess(max(others.values()), 0.3)
        self.assertEqual([loss.epoch for loss in after.losses], list(range(1, 9)))
        self.assertLess(after.losses[-1].value, after.losses[0].value)
        self.assertEqual(after.probes.get_array().shape, (1, 1, 64, 64))
        self.assertEqual(after.probes.get_pixel_geometry(), before.probes.get_pixel_geometry())
        np.testing.assert_array_equal(versions.columns_and_rows(after), versions.columns_and_rows(before))

    def test_losses_live_and_another_frame(self):
        """A larger object with its centre elsewhere: the picture moves in the array, not in metres; losses come epoch by epoch."""
        given = versions.opened(self.model, FOLDER).get_reconstruct_input()
        versions.choose(self.model, "rPIE")
        versions.fill(self.model, "PtychoKitReconstruction", epochs=3)
        self.addCleanup(versions.fill, self.model, "PtychoKitReconstruction", epochs=8)
        old = given.product.object_
        centre, pixel = old.get_center(), old.get_pixel_geometry()
        x = next(field.name for field in dataclasses.fields(centre) if "x_m" in field.name)
        moved = dataclasses.replace(centre, **{x: getattr(centre, x) + 10 * pixel.width_m})
        larger = type(old)(np.ones((300, 290), np.complex64), pixel, moved)
        given = dataclasses.replace(given, product=dataclasses.replace(given.product, object_=larger))
        outputs = list(versions.chosen(self.model).reconstruct(given))
        self.assertEqual([len(output.product.losses) for output in outputs], [1, 2, 3, 3])
        self.assertEqual([output.progress for output in outputs], [1, 2, 3, 3])
        after = outputs[-1].product
        self.assert_same_frame(after, given.product)
        # Rows begin (300 - 246) / 2 later, columns (290 - 245) / 2 - 10 = 12.5.
        image = after.object_.get_array()[0][27:27 + 246, 12:12 + 245]
        rows, columns = displacement(image)
        self.assertLess(abs(rows), 0.4)
        self.assertLess(abs(columns - 0.5), 0.4)

    def test_bad_pixels(self):
        """Hot pixels that are marked do no harm."""
        hot = pathlib.Path(FOLDER, "hot.h5")
        shutil.copyfile(FOLDER / "diffraction.h5", hot)
        with h5py.File(hot, "r+") as file:
            frames, bad = file["patterns"][()], file["bad_pixels"][()]
            frames[:, 20:24, 40:44] = 60000
            bad[20:24, 40:44] = True
            file["patterns"][...], file["bad_pixels"][...] = frames, bad
        product = versions.opened(self.model, FOLDER, hot.name)
        self.assertEqual(product.get_reconstruct_input().bad_pixels.sum(), 16)
        self.assertGreater(likeness(self.reconstructed("ePIE", product).object_.get_array()[0]), 0.75)

    def test_gaps(self):
        """Frames were lost, and the file numbers them with gaps: each keeps the position of its own number."""
        gaps = pathlib.Path(FOLDER, "gaps.h5")
        shutil.copyfile(FOLDER / "diffraction.h5", gaps)
        kept = np.flatnonzero(np.arange(516) % 5 != 2)
        with h5py.File(gaps, "r+") as file:
            frames, attributes = file["patterns"][()], dict(file["patterns"].attrs)
            del file["patterns"], file["indexes"]
            file["patterns"], file["indexes"] = frames[kept], kept
            file["patterns"].attrs.update(attributes)
        product = versions.opened(self.model, FOLDER, gaps.name)
        given = product.get_reconstruct_input()
        np.testing.assert_array_equal(given.diffraction_patterns, frames[kept])
        np.testing.assert_array_equal([point.index for point in given.product.probe_positions], kept)
        self.assertGreater(likeness(self.reconstructed("ePIE", product).object_.get_array()[0]), 0.75)

    def test_positions_that_are_no_numbers(self):
        given = versions.opened(self.model, FOLDER).get_reconstruct_input()
        points = list(given.product.probe_positions)
        x = next(field.name for field in dataclasses.fields(points[0]) if "x_m" in field.name)
        points[7] = dataclasses.replace(points[7], **{x: float("nan")})
        product = dataclasses.replace(given.product, probe_positions=type(given.product.probe_positions)(points))
        scan = importlib.import_module("ptychokit_in_ptychodus._scan")
        with self.assertLogs("ptychokit", "WARNING"):
            arrays = scan.arrays_of(dataclasses.replace(given, product=product))
        self.assertEqual((len(arrays["patterns"]), len(arrays["positions"]), arrays["kept"].sum()), (515, 515, 515))

    def test_failure(self):
        """1.2 gets its input back and a line in the log; later versions an exception."""
        product = versions.opened(self.model, FOLDER)
        given = product.get_reconstruct_input()
        oblong = dataclasses.replace(given, diffraction_patterns=given.diffraction_patterns[:, :, :60])
        versions.choose(self.model, "ePIE")
        if not versions.OLD:
            with self.assertRaisesRegex(ValueError, "60"):
                list(versions.chosen(self.model).reconstruct(oblong))
            versions.choose(self.model, "Network")
            with self.assertRaisesRegex(RuntimeError, "no model"):
                product.reconstruct_local(block=True)
            return
        with self.assertLogs("ptychokit", "ERROR") as log:
            (output,) = versions.chosen(self.model).reconstruct(oblong)
        self.assertIs(output.product, given.product)
        self.assertNotEqual(output.result, 0)
        self.assertIn("60", log.output[0])
        versions.choose(self.model, "Network")
        with self.assertLogs("ptychokit", "ERROR") as log:
            product.reconstruct_local(block=True)  # would wait for ever
        self.assertIn("no model", log.output[0])

    def test_wrong_option_and_lost_worker(self):
        given = versions.opened(self.model, FOLDER).get_reconstruct_input()
        process = importlib.import_module("ptychokit_in_ptychodus._process")
        scan = importlib.import_module("ptychokit_in_ptychodus._scan")
        task = {"do": "reconstruct", "device": "cpu", "options": {"refinement.epoch": "3"}, "model": None, "refine": False,
                **scan.arrays_of(given)}
        with self.assertRaisesRegex(process.WorkError, "refinement.epochs"):  # the nearest name
            list(process.messages(task))
        lost = pathlib.Path(SCRATCH.name, "lost.py")
        lost.write_text("import os, sys\nsys.stdin.buffer.peek()\nos.abort()\n")
        with unittest.mock.patch.object(process, "WORKER", lost), self.assertRaisesRegex(process.WorkError, "signal 6"):
            list(process.messages(task))


class Training(Case):
    def test_train_and_use(self):
        folder = pathlib.Path(SCRATCH.name)
        versions.fill(self.model, "PtychoKitTraining", epochs=2)
        versions.choose(self.model, "Network")
        network = versions.chosen(self.model)
        product = versions.opened(self.model, FOLDER)
        product.export_training_data(folder / "training.npz")
        with np.load(folder / "training.npz") as data, np.load(SCAN) as scan:
            np.testing.assert_array_equal(data["diff3d"], scan["diff3d"])
            np.testing.assert_allclose(data["xcoords"], scan["xcoords"], atol=1e-6)

        (folder / "run").mkdir()
        versions.fill(self.model, "PtychoKit", options=TINY)
        outputs = versions.losses_of_training(network, folder / "training.npz", folder / "run")
        self.assertEqual([len(output.training_loss) for output in outputs], [2] if versions.OLD else [1, 2])
        last = outputs[-1]
        self.assertEqual([loss.epoch for loss in last.validation_loss], [1, 2])
        self.assertTrue(all(loss.value > 0 for loss in last.training_loss))
        network.save_model(folder / "kept.ptk")
        self.assertGreater((folder / "kept.ptk").stat().st_size, 0)

        versions.fill(self.model, "PtychoKit", options="")
        after = self.reconstructed("Network", product)
        self.assert_same_frame(after, product.get_reconstruct_input().product)
        score = likeness(after.object_.get_array()[0])
        print(f"tiny network: likeness {score:.3f}, loss {after.losses[0].value:.3f}", flush=True)
        self.assertGreater(score, 0.3)

        (folder / "models").mkdir()
        network.save_model(folder / "models")
        (network.open_model if versions.OLD else network.load_model_from_file)(folder / "models")
        again = self.reconstructed("Network", product)
        np.testing.assert_array_equal(again.object_.get_array(), after.object_.get_array())
        versions.fill(self.model, "PtychoKitReconstruction", refine_network=True, correct_positions=True, epochs=2)
        refined = self.reconstructed("Network", product)
        self.assertEqual(len(refined.losses), 2)
        self.assertGreater(likeness(refined.object_.get_array()[0]), score)
        moved = np.abs(versions.columns_and_rows(refined) - versions.columns_and_rows(after))
        self.assertTrue(0 < moved.max() < 4, moved.max())
        with self.assertRaises(FileNotFoundError):
            (network.open_model if versions.OLD else network.load_model_from_file)(folder / "nothing.ptk")

    def test_stopped(self):
        """Leaving the iteration ends the child soon and keeps the model."""
        if versions.OLD:
            self.skipTest("ptychodus 1.2 cannot stop a training")
        output = pathlib.Path(SCRATCH.name, "stopped")
        output.mkdir()
        versions.fill(self.model, "PtychoKit", options=TINY)
        self.addCleanup(versions.fill, self.model, "PtychoKit", options="")
        versions.fill(self.model, "PtychoKitTraining", epochs=1000)
        versions.choose(self.model, "Network")
        training = versions.chosen(self.model).train(FOLDER, output)
        next(training)
        begin = time.monotonic()
        training.close()
        self.assertLess(time.monotonic() - begin, 10)
        self.assertTrue((output / "model.ptk").is_file())


class Processes(unittest.TestCase):
    def test_spawned(self):
        """The worker's function under multiprocessing's spawn."""
        answer = subprocess.run([sys.executable, pathlib.Path(__file__).with_name("spawned.py")], check=True, capture_output=True, text=True)
        self.assertIn("missing.npz", answer.stdout)

    def test_batch(self):
        """ptychodus' own command line, with our settings in settings.ini."""
        if versions.OLD and sys.version_info < (3, 12):
            self.skipTest("before Python 3.12 the batch mode of ptychodus 1.2 looks for 'StandardFileLayout.DIFFRACTION'")
        work = pathlib.Path(SCRATCH.name, "batch")
        shutil.copytree(FOLDER, work / "in")
        section, name = ("Reconstructor", "PtychoKit_ePIE") if versions.OLD else ("Processing", "ptychokit_epie")
        ours = "[PtychoKit]\nthreads = 1\n[PtychoKitReconstruction]\nepochs = 2\nprobe_modes = 1\n"
        (work / "in" / "settings.ini").write_text(f"[{section}]\nAlgorithm = {name}\n{ours}")
        if not versions.OLD:
            (work / "in" / "product-in.h5").rename(work / "in" / "product.h5")
        subprocess.run([sys.executable, "-m", "ptychodus", "-b", "reconstruct", "-i", work / "in", "-o", work / "out"], check=True, timeout=120,
                       stdout=subprocess.DEVNULL)
        products = sorted((work / "out").glob("product*.h5"))
        self.assertTrue(products)
        after = H5ProductFileIO().read(products[-1])
        self.assertEqual(len(after.losses), 2)
        self.assertGreater(likeness(after.object_.get_array()[0]), 0.5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
