"""Processes that train together: the same numbers, one that stops, is killed or hangs, and what is refused.
usage: parallel.py PROGRAM SCAN"""
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import trained

PROGRAM, SCAN = sys.argv[1:3]
LAUNCHERS = {
    "torchrun": lambda rank, size: {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "MASTER_ADDR": "127.0.0.1"},
    "Open MPI": lambda rank, size: {"OMPI_COMM_WORLD_RANK": rank, "OMPI_COMM_WORLD_SIZE": size, "OMPI_COMM_WORLD_LOCAL_SIZE": size},
    "MPI": lambda rank, size: {"PMI_RANK": rank, "PMI_SIZE": size, "MASTER_ADDR": "localhost"},
    "Slurm": lambda rank, size: {"SLURM_PROCID": rank, "SLURM_STEP_NUM_TASKS": size, "SLURM_STEP_NUM_NODES": 1},
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Parallel(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = {key: value for key, value in os.environ.items()
                            if not key.startswith(("OMPI_", "PMI_", "SLURM_", "MASTER_", "TORCHELASTIC_"))
                            and key not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}

    def start(self, out, *more, size=2, launcher="torchrun", scan=SCAN):
        """One process a rank. They are killed at the end of the test if they are still there."""
        port, processes = free_port(), []
        for rank in range(size):
            variables = {key: str(value) for key, value in LAUNCHERS[launcher](rank, size).items()} if size > 1 else {}
            process = subprocess.Popen(
                [PROGRAM, "train", scan, "-o", str(out), *trained.SMALL, *trained.options(batch_size=4), *more],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env={**self.environment, **variables, "MASTER_PORT": str(port)})
            self.addCleanup(process.communicate)
            self.addCleanup(process.kill)
            processes.append(process)
        return processes

    def finish(self, processes, code, seconds=300):
        """@return what each said"""
        said = []
        for rank, process in enumerate(processes):
            out, errors = process.communicate(timeout=seconds)
            self.assertEqual(process.returncode, code, f"rank {rank}: {errors}")
            said.append(out + errors)
        return said

    def whole(self, out, *more, **how):
        return self.finish(self.start(out, *more, **how), 0)

    def begun(self, processes, line="training: epoch 2/"):
        for text in processes[0].stderr:
            if line in text:
                return
        self.fail("rank 0 ended before it trained")

    def long(self):
        return trained.options(epochs=10000, schedule="constant", parallel_timeout=5)

    def assert_goes_on(self, out):
        """With one process from where two ended."""
        self.assertTrue((out / "last.ptk").exists())
        self.assertEqual([f.name for f in out.iterdir() if re.search(r"\.ptk\.", f.name)], [], "nothing half-written")
        epochs = len(trained.history(out)) + 2  # the checkpoint may be an epoch ahead of the lost one's file
        self.whole(out, "--resume", *trained.options(epochs=epochs, schedule="constant"), size=1)
        self.assertEqual(len(trained.history(out)), epochs)

    def test_two_reach_what_one_reaches(self):
        more = trained.options(epochs=3, optimizer="sgd", learning_rate=0.05, accumulate=2)
        alone, still = self.folder / "alone", self.folder / "still"
        self.whole(alone, *more, size=1)
        self.whole(still, *more, *trained.options(learning_rate=0), size=1)
        one, start = trained.weights(PROGRAM, alone), trained.weights(PROGRAM, still)
        moved = trained.largest_difference(one, start)
        self.assertGreater(moved, 1e-3)
        for launcher in LAUNCHERS:
            with self.subTest(launcher=launcher):
                both = self.folder / launcher.replace(" ", "")
                said = self.whole(both, *more, launcher=launcher)
                self.assertIn(f"2 processes train together, started by {launcher}; gradients travel by Gloo;", said[0])
                self.assertEqual(said[1], "", "rank 1 is silent")
                self.assertLess(trained.largest_difference(trained.weights(PROGRAM, both), one), 1e-3 * moved)
                for row, expected in zip(trained.history(both), trained.history(alone), strict=True):
                    for key, value in expected.items():
                        self.assertAlmostEqual(row[key], value, delta=1e-4 * abs(value), msg=key)

    def test_two_with_several_experiments(self):
        second = self.folder / "second.npz"
        made = subprocess.run([PROGRAM, "simulate", "-o", str(second), "-s", "simulation.frames=144", "-s", "simulation.photons=1e5,1e5"],
                              capture_output=True, text=True, timeout=60, env=self.environment)
        self.assertEqual(made.returncode, 0, made.stderr)
        more = ["-s", f"data.more={second}", "-s", "data.measurement=counts", "-s", "probe.trainable=true", "-s", "probe.start_step=1",
                *trained.options(epochs=2, optimizer="sgd", learning_rate=0.05)]
        alone, both = self.folder / "alone", self.folder / "both"
        self.whole(alone, *more, size=1)
        self.whole(both, *more)
        self.assertLess(trained.largest_difference(trained.weights(PROGRAM, both), trained.weights(PROGRAM, alone)), 1e-3)
        for row, expected in zip(trained.history(both), trained.history(alone), strict=True):
            for key, value in expected.items():
                self.assertAlmostEqual(row[key], value, delta=1e-4 * abs(value), msg=key)

    def test_one_that_is_interrupted_stops_all(self):
        whole, part = self.folder / "whole", self.folder / "part"
        more = trained.options(epochs=6)
        self.whole(whole, *more)
        processes = self.start(part, *more)
        self.begun(processes, "training: epoch 2/")
        processes[1].send_signal(signal.SIGINT)
        self.finish(processes, 130)
        self.whole(part, *more, "--resume")
        self.assertEqual(trained.history(part), trained.history(whole))
        self.assertEqual(trained.weights(PROGRAM, part), trained.weights(PROGRAM, whole), "bit for bit")

    def test_one_that_is_killed_ends_the_other_with_a_checkpoint(self):
        for lost in (0, 1):
            with self.subTest(lost=lost):
                out = self.folder / str(lost)
                processes = self.start(out, *self.long())
                self.begun(processes)
                processes[lost].kill()
                began = time.monotonic()
                errors = processes[1 - lost].communicate(timeout=60)[1]
                self.assertEqual(processes[1 - lost].returncode, 1, errors)
                self.assertLess(time.monotonic() - began, 20)
                self.assertIn(f"rank {1 - lost} of 2 lost another one", errors)
                self.assert_goes_on(out)

    def test_one_that_hangs_ends_the_other_with_a_checkpoint(self):
        out = self.folder / "run"
        processes = self.start(out, *self.long())
        self.begun(processes)
        processes[1].send_signal(signal.SIGSTOP)
        began = time.monotonic()
        errors = processes[0].communicate(timeout=60)[1]
        waited = time.monotonic() - began
        self.assertEqual(processes[0].returncode, 1, errors)
        self.assertIn("longer than the 5 s of training.parallel_timeout", errors)
        self.assertGreater(waited, 4)
        self.assertLess(waited, 30)
        self.assert_goes_on(out)

    def test_what_is_refused(self):
        out = self.folder / "run"
        for process in self.finish(self.start(out, *trained.options(batch_size=3)), 2):
            self.assertIn("training.batch_size is 3, which 2 processes cannot share evenly; take 4", process)
        alone = self.start(out, *trained.options(parallel="env"), size=1)
        self.assertIn("no launcher started several processes", self.finish(alone, 2)[0])
        for process in self.finish(self.start(out, *trained.options(parallel_transport="nccl")), 2):
            self.assertIn("NCCL carries tensors of CUDA devices, and the model is on 'cpu'", process)
        began = time.monotonic()
        only = self.start(out, *trained.options(parallel_timeout=3))
        only[1].kill()
        self.assertIn("did not meet the others at 127.0.0.1", self.finish(only[:1], 1)[0])
        self.assertLess(time.monotonic() - began, 60)
        self.assertFalse((out / "last.ptk").exists())

    def test_off_is_off(self):
        processes = []
        for rank in range(2):
            environment = {**self.environment, "RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
            processes.append(subprocess.Popen(
                [PROGRAM, "train", SCAN, "-o", str(self.folder / str(rank)), *trained.SMALL, *trained.options(epochs=1, parallel="off")],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment))
        self.finish(processes, 0)
        for rank in range(2):
            self.assertTrue((self.folder / str(rank) / "model.ptk").exists())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
