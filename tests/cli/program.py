"""The program as its users meet it: the job, wrong options, broken files, interruptions.  usage: program.py PROGRAM SCAN PLUGIN"""
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM, SCAN, PLUGIN = sys.argv[1:4]
NET = pathlib.Path(SCAN).parent.parent / "plugins" / "net.pt"
SMALL = ["-s", "generator.width=2", "-s", "generator.levels=1", "-s", "generator.depth=1", "-s", "probe.warm_epochs=1"]


def run(*arguments, **options):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=600, **options)


class Program(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def assert_fails(self, result, code, *words):
        self.assertEqual(result.returncode, code, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_the_job(self):
        trained = run("train", SCAN, "-o", self.folder / "run", *SMALL, "-s", "training.epochs=1")
        self.assertEqual(trained.returncode, 0, trained.stderr)
        for name in ("model.ptk", "last.ptk", "history.csv", "history.png"):
            self.assertGreater((self.folder / "run" / name).stat().st_size, 0, name)
        made = run("reconstruct", SCAN, "-m", self.folder / "run" / "model.ptk", "-o", self.folder, "-s",
                   "refinement.epochs=1")
        self.assertEqual(made.returncode, 0, made.stderr)
        for name in ("object.h5", "object_phase.png", "refined.h5", "refined_phase.png", "refined_probe.png"):
            self.assertGreater((self.folder / name).stat().st_size, 0, name)
        again = run("reconstruct", SCAN, "-o", self.folder)
        self.assertNotEqual(again.returncode, 0, "results that are there are not replaced unasked")
        judged = run("evaluate", self.folder / "refined.h5", "--scan", SCAN, "--json")
        self.assertEqual(judged.returncode, 0, judged.stderr)
        self.assertTrue(json.loads(judged.stdout))
        for file in (SCAN, self.folder / "run" / "model.ptk", self.folder / "refined.h5"):
            told = run("info", file, "--json")
            self.assertEqual(told.returncode, 0, told.stderr)
            self.assertTrue(json.loads(told.stdout))

    def test_wrong_orientation_is_said(self):
        told = json.loads(run("info", SCAN, "--json").stdout)
        self.assertEqual(told["suggestions"], [])
        told = json.loads(run("info", SCAN, "--json", "-s", "data.transpose=true").stdout)
        self.assertIn("data.transpose=false", told["suggestions"][0])
        self.assertEqual(json.loads(run("info", SCAN, "--json", "-s", "data.transpose=true", "-s", "data.check_orientation=false").stdout)["suggestions"], [])

    def test_generators_from_outside(self):
        listed = run("list", "generators", "--plugin", PLUGIN)
        self.assertIn("\nmlp ", listed.stdout, listed.stderr)
        self.assertIn("generator.width", run("describe", "generator", "mlp", "-s", f"plugins={PLUGIN}").stdout)
        self.assert_fails(run("list", "generators", "--plugin", self.folder / "none.so"), 3, "none.so")
        quick = ["-s", "training.epochs=1", "-s", "probe.warm_epochs=1"]
        ways = {"mlp": (["-s", "generator.width=4"], PLUGIN), "torchscript": (["-s", f"generator.file={NET}"], NET)}
        for name, (options, plugin) in ways.items():
            folder = self.folder / name
            options = ["-s", f"generator.name={name}", *options]
            loaded = ["--plugin", plugin] if name == "mlp" else []
            trained = run("train", *loaded, SCAN, "-o", folder, *options, *quick)
            self.assertEqual(trained.returncode, 0, trained.stderr)
            job = ["reconstruct", SCAN, "-m", folder / "model.ptk", "-o", folder, "--no-refine"]
            self.assert_fails(run(*job), 2, name if name == "mlp" else "net.pt sha1:", "model.ptk")
            for more in (["--plugin", plugin], [*loaded, *options, "--force"]):
                made = run(*job, *more)
                self.assertEqual(made.returncode, 0, made.stderr)
    def test_weights_travel(self):
        """From Python, to a model that reconstructs and trains on, and back."""
        data = pathlib.Path(__file__).parent.parent / "data" / "weights"
        model, out = self.folder / "model.ptk", self.folder / "weights.npz"
        brought = run("import", data / "fno.pth", "-o", model, "--side", 64)
        self.assertEqual(brought.returncode, 0, brought.stderr)
        for word in ("generator.name = fno", "generator.width = 6", "assumed"):
            self.assertIn(word, brought.stdout + brought.stderr)
        made = run("reconstruct", SCAN, "-m", model, "-o", self.folder, "--no-refine")
        self.assertEqual(made.returncode, 0, made.stderr)
        trained = run("train", SCAN, "-m", model, "-o", self.folder / "run", "-s", "training.epochs=1", "-s",
                      "probe.warm_epochs=0", "-s", "data.x_bounds=0.3,0.6", "-s", "data.y_bounds=0.3,0.6")
        self.assertEqual(trained.returncode, 0, trained.stderr)
        given = run("export", model, "-o", out)
        self.assertEqual(given.returncode, 0, given.stderr)
        self.assertEqual(out.read_bytes()[:2], b"PK")
        self.assert_fails(run("import", data / "refused_call.pth", "-o", model), 3, "posix.system")
        self.assert_fails(run("import", data / "fno.pth", "-o", model), 2, "--side")
        self.assert_fails(run("export", model, "-o", self.folder / "weights.pth"), 2, ".safetensors")
        listed = run("list", "initializers", "--json")
        self.assertIn("orthogonal", [entry["name"] for entry in json.loads(listed.stdout)])
        self.assertIn("Saxe", run("describe", "initializer", "orthogonal").stdout)
        self.assert_fails(run("describe", "initializer", "orthogonl"), 2, "orthogonal")

    def test_several_experiments_in_one_training(self):
        one_epoch = [*SMALL, "-s", "training.epochs=1"]
        scans = []
        for name, diameter, photons in (("narrow", 9, "1e5,1e5"), ("wide", 14, "1e6,1e6")):
            scans.append(self.folder / f"{name}.npz")
            made = run("simulate", "-o", scans[-1], "-s", "simulation.size=32", "-s", "simulation.frames=60", "-s",
                       f"simulation.probe_diameter={diameter}", "-s", f"simulation.photons={photons}")
            self.assertEqual(made.returncode, 0, made.stderr)
        ways = {"names": [*scans], "folder": [self.folder], "stores": [*scans, "-s", "data.store=auto"],
                "store": [*scans, "-s", f"data.store={self.folder / 'both.ptkframes'}"],
                "option": [scans[0], "-s", f"data.more={scans[1]}"]}
        rows = {}
        for way, words in ways.items():
            done = run("train", *words, "-o", self.folder / way, *one_epoch)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("2 experiments, each with its own probe", done.stderr)
            self.assertIn(f"experiment 2 of 2: {scans[1]}: ", done.stderr)
            rows[way] = (self.folder / way / "history.csv").read_text().splitlines()[1].split(",")[:4]
        for way in ways:
            self.assertEqual(rows[way], rows["names"], f"{way}: bit for bit")
        self.assertTrue((self.folder / "both.ptkframes.1").exists() and (self.folder / "both.ptkframes.2").exists())
        self.assertTrue((self.folder / "wide.npz.ptkframes").exists())

        model = self.folder / "names" / "model.ptk"
        kept = {array["name"] for array in json.loads(run("info", model, "--json").stdout)["arrays"]}
        self.assertTrue({"/probe", "/experiments/1", "/experiments/2"} < kept, kept)
        for number, scan in enumerate(scans, 1):
            made = run("reconstruct", scan, "-m", model, "-o", self.folder / scan.stem, "--no-refine")
            self.assertEqual(made.returncode, 0, made.stderr)
            self.assertIn(f"experiment {number} of the model's 2, {scan}: its probe and scale", made.stderr)
        cropped = ["-o", self.folder / "part", "--no-refine", "-s", "data.x_bounds=0,0.6"]
        self.assertIn("none of the 2 experiments", run("reconstruct", scans[1], "-m", model, *cropped).stderr)
        self.assertIn("experiment 2 of the model's 2", run("reconstruct", scans[1], "-m", model, *cropped, "--force", "-s", "probe.experiment=2").stderr)

        self.assert_fails(run("reconstruct", self.folder, "-m", model, "-o", self.folder / "all"), 2, "take them one by one", "narrow.npz")
        self.assert_fails(run("convert", self.folder, self.folder / "all.npz"), 2, "take them one by one")
        copied = run("convert", self.folder, self.folder / "copy")
        self.assertEqual(copied.returncode, 0, copied.stderr)
        self.assertEqual(sorted(file.name for file in (self.folder / "copy").iterdir()), ["experiment_1.npz", "experiment_2.npz"])
        made = run("simulate", "-o", self.folder / "made", "-s", "simulation.frames=12", "-s", "simulation.objects=2", "-s", "simulation.probes=2")
        self.assertEqual(made.returncode, 0, made.stderr)
        told = json.loads(run("info", self.folder / "made", "--json").stdout)
        self.assertEqual([one["frames"] for one in told["scan"]["experiments"]], [12] * 4)
        self.assert_fails(run("train", scans[0], self.folder / "a,b.npz", "-o", self.folder / "comma"), 2, "a,b.npz")
        self.assert_fails(run("train", *scans, "-o", self.folder / "sup", "-s", "training.loss=supervised"), 2, "trains on one experiment")
        # Another order is another training.
        self.assert_fails(run("train", scans[1], scans[0], "-o", self.folder / "names", "--resume", *one_epoch), 1, "is not the scan of the checkpoint")

    def test_everything_that_is_registered_is_listed_and_described(self):
        categories = run("list").stdout
        for category, name in [("losses", "huber"), ("regularizers", "tv_phase"), ("optimizers", "sgd"), ("schedules", "plateau"),
                               ("gradient_limits", "agc"), ("presets", "quality"), ("generators", "cnn")]:
            self.assertIn(f"\n{category} ", "\n" + categories)
            self.assertIn(f"\n{name} ", "\n" + run("list", category).stdout)
            self.assertIn(name, run("describe", category, name).stdout)
        about = run("describe", "loss", "gaussian").stdout
        self.assertIn("training.readout_variance = 1", about)
        self.assertEqual("huber", json.loads(run("describe", "loss", "huber", "--json").stdout)["name"])
        self.assert_fails(run("list", "loses"), 2, "did you mean 'losses'")
        self.assert_fails(run("describe", "loss", "hubr"), 2, "did you mean 'huber'")

    def test_presets(self):
        shown = json.loads(run("config", "show", "-s", "preset=legacy", "-s", "epochs=3").stdout)
        self.assertEqual((shown["generator"]["name"], shown["training"]["batch_size"], shown["training"]["epochs"]), ("cnn", 16, 3))
        self.assertIn("n_filters_scale", shown["generator"])
        self.assertIn("generator.passes = 2", run("describe", "preset", "fast").stdout)
        self.assert_fails(run("config", "show", "-s", "preset=fst"), 2, "did you mean 'fast'")
        trained = run("train", SCAN, "-o", self.folder / "run", *SMALL, "-s", "preset=fast", "-s", "training.epochs=1")
        self.assertEqual(trained.returncode, 0, trained.stderr)
        self.assertEqual(len(json.loads((self.folder / "run" / "history.json").read_text())["history"]), 1)

    def test_stages_and_what_does_not_go_together(self):
        file, out = self.folder / "stages.yaml", self.folder / "run"
        file.write_text("training:\n  schedule: constant\n  stages:\n    - {epochs: 1, learning_rate: 1e-3, loss: mae}\n"
                        "    - {epochs: 2, learning_rate: 2e-4, blend: linear}\n    - {epochs: 1, freeze: [levels, conv1]}\n")
        trained = run("train", SCAN, "-o", out, "-c", file, *SMALL, "-s", "generator.passes=1")
        self.assertEqual(trained.returncode, 0, trained.stderr)
        self.assertIn("stage of epochs 2 to 3: mae into amplitude, learning rate 0.0002", trained.stderr)
        history = json.loads((out / "history.json").read_text())["history"]
        self.assertEqual([row["learning_rate"] for row in history], [1e-3, 2e-4, 2e-4, 2e-3])
        self.assertEqual(set(history[2]["terms"]), {"mae", "amplitude"})
        refused = lambda *options: run("train", SCAN, "-o", self.folder / "none", *options)
        self.assert_fails(refused("-c", file, "-s", "training.epochs=3"), 2, "leave training.epochs out")
        self.assert_fails(refused("-s", "training.freeze=levls"), 2, "did you mean 'levels'")
        self.assert_fails(refused("-s", "training.momentum=0.5"), 2, "training.optimizer = sgd only")
        self.assert_fails(refused("-s", "tracking.uri=http://me:secret@host"), 2, "MLFLOW_TRACKING_USERNAME")
        self.assertNotIn("secret", refused("-s", "tracking.uri=http://me:secret@host").stderr)

    def test_a_rate_is_found(self):
        found = run("train", SCAN, "-o", self.folder / "run", *SMALL, "-s", "generator.passes=1", "-s", "training.epochs=1", "-s", "training.find_rate=use")
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertIn("find_rate: ", found.stderr)

    def test_wrong_options(self):
        out = self.folder / "run"
        self.assert_fails(run("train", SCAN, "-o", out, "-s", "training.epoch=3"), 2, "training.epochs")
        self.assert_fails(run("train", SCAN, "-o", out, "-s", "training.epochs=-1"), 2, "training.epochs")
        self.assert_fails(run("train", SCAN, "-o", out, "-s", "generator.name=physics_nut"), 2, "physics_unet")
        self.assert_fails(run("train", SCAN, "-o", out, "-s", "training.epochs"), 2, "KEY=VALUE")
        self.assertNotEqual(run("train").returncode, 0)
        self.assertFalse(out.exists())

    def test_unusable_files(self):
        cut = self.folder / "cut.npz"
        cut.write_bytes(pathlib.Path(SCAN).read_bytes()[:100000])
        text = self.folder / "text.npz"
        text.write_text("not a scan")
        for command in (["train", "-o", self.folder / "run"], ["info"]):
            for file in (cut, text, self.folder / "missing.npz"):
                self.assert_fails(run(command[0], file, *command[1:]), 3, file.name)

    def interrupted(self, out, signals):
        command = [PROGRAM, "train", SCAN, "-o", out, *SMALL, "-s", "training.epochs=10000"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            for line in process.stderr:
                if "train  epoch 1/" in line:
                    break
            for number in signals:
                process.send_signal(number)
            rest = process.stderr.read()
            self.assertEqual(process.wait(timeout=60), 130, rest)

    def test_an_interrupted_training_goes_on(self):
        for number, signals in enumerate(([signal.SIGINT], [signal.SIGINT, signal.SIGINT], [signal.SIGTERM])):
            with self.subTest(signals=signals):
                out = self.folder / str(number)
                self.interrupted(out, signals)
                self.assertTrue((out / "last.ptk").exists())
                self.assertEqual([f.name for f in out.iterdir() if "tmp" in f.name], [], "nothing half-written")
        self.assertNotEqual(run("train", SCAN, "-o", out, *SMALL).returncode, 0, "a run is not overwritten unasked")
        resumed = run("train", SCAN, "-o", out, "--resume", *SMALL, "-s", "training.epochs=2")
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        self.assertTrue((out / "model.ptk").exists())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
