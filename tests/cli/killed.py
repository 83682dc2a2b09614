"""A training that is killed at any moment goes on to the same numbers.  usage: killed.py PROGRAM SCAN"""
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

import trained

PROGRAM, SCAN = sys.argv[1:3]
EPOCHS = 5


class Killed(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def command(self, out, *more):
        return [PROGRAM, "train", SCAN, "-o", str(out), *trained.SMALL, *trained.options(epochs=EPOCHS), *more]

    def whole(self, out, *more):
        done = subprocess.run(self.command(out, *more), capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)

    def killed(self, out, line, delay, *more):
        """Kill it @p delay seconds after it says @p line ("" = is started)."""
        with subprocess.Popen(self.command(out, *more), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            said = ""
            for text in process.stderr:
                said += text
                if not line or line in text:
                    break
            time.sleep(delay)
            process.kill()
            process.stderr.read()
            self.assertEqual(process.wait(timeout=60), -9, f"it ended before it was killed: {said}")

    def seconds_of_an_epoch(self, out):
        with open(out / "history.csv") as file:
            rows = [line.split(",") for line in file]
        place = rows[0].index("seconds\n" if rows[0][-1] == "seconds\n" else "seconds")
        return (float(rows[-1][place]) - float(rows[1][place])) / (EPOCHS - 1)

    def same_as(self, whole, part):
        rows = trained.history(whole)
        self.assertEqual(len(rows), EPOCHS)
        self.assertEqual(trained.history(part), rows)
        one, other = trained.weights(PROGRAM, whole), trained.weights(PROGRAM, part)
        self.assertTrue(one)
        self.assertEqual(one, other, "bit for bit")

    def test_at_several_moments(self):
        whole, part = self.folder / "whole", self.folder / "part"
        self.whole(whole)
        epoch = self.seconds_of_an_epoch(whole)
        # Before anything is there, right after a checkpoint (while the next files are written), and in an epoch.
        moments = [("", 0.0, False), ("frames to train on", 0.0, True), ("training: epoch 1/", 0.0, True), ("training: epoch 2/", 0.4 * epoch, True),
                   ("training: epoch 3/", 0.002, True), ("training: epoch 4/", 0.7 * epoch, True)]
        for line, delay, resume in moments:
            with self.subTest(line=line, delay=delay):
                self.killed(part, line, delay, *(["--resume"] if resume else []))
        self.whole(part, "--resume")
        self.same_as(whole, part)

    def test_with_a_probe_that_moves_and_an_average(self):
        more = ["-s", "probe.trainable=true", "-s", "probe.start_step=3", *trained.options(average=0.9, checkpoint_epochs=2, batch_size=2)]
        whole, part = self.folder / "whole", self.folder / "part"
        self.whole(whole, *more)
        epoch = self.seconds_of_an_epoch(whole)
        self.killed(part, "training: epoch 3/", 0.5 * epoch, *more)
        self.whole(part, "--resume", *more)
        self.same_as(whole, part)

    def test_several_experiments(self):
        second = self.folder / "second.npz"
        made = subprocess.run([PROGRAM, "simulate", "-o", str(second), "-s", "simulation.frames=144", "-s", "simulation.photons=1e5,1e5"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(made.returncode, 0, made.stderr)
        more = ["-s", f"data.more={second}", "-s", "data.measurement=counts", "-s", "probe.trainable=true", "-s", "probe.start_step=3",
                *trained.options(checkpoint_epochs=2)]
        whole, part = self.folder / "whole", self.folder / "part"
        self.whole(whole, *more)
        epoch = self.seconds_of_an_epoch(whole)
        for line, resume in (("training: epoch 3/", []), ("training: epoch 4/", ["--resume"])):
            self.killed(part, line, 0.5 * epoch, *more, *resume)
        self.whole(part, "--resume", *more)
        self.same_as(whole, part)

    def test_nothing_to_go_on_with(self):
        out = self.folder / "none"
        refused = subprocess.run(self.command(out, "--resume"), capture_output=True, text=True, timeout=60)
        self.assertEqual(refused.returncode, 3)
        self.assertIn("nothing to go on with", refused.stderr)
        self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
