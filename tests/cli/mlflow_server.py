"""A training that is tracked on the real MLflow server.  usage: mlflow_server.py PROGRAM SCAN ENVIRONMENT"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

PROGRAM, SCAN, ENVIRONMENT = sys.argv[1:4]
SMALL = ["-s", "generator.width=2", "-s", "generator.levels=1", "-s", "generator.depth=1", "-s", "generator.passes=1", "-s", "probe.warm_epochs=1"]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_") and not name.lower().endswith("_proxy")}


class Server:
    """The server, its data in a folder, on a free port."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = open(folder / "server.log", "w")
        # A group of its own: the server has workers.
        self.process = subprocess.Popen(
            [f"{ENVIRONMENT}/bin/python", "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
             "--backend-store-uri", f"sqlite:///{folder}/runs.db", "--artifacts-destination", str(folder / "artifacts")],
            stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True, cwd=folder,
            env={**CLEAN, "PATH": f"{ENVIRONMENT}/bin:" + CLEAN["PATH"]})
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(self.address + "/health", timeout=2)
                return
            except OSError:
                time.sleep(0.2)
        self.stop()
        raise RuntimeError("the server does not start:\n" + (folder / "server.log").read_text()[-4000:])

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def call(self, what, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}/api/2.0/{what}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def runs(self, experiment):
        found = self.call(f"mlflow/experiments/get-by-name?experiment_name={experiment}")["experiment"]["experiment_id"]
        return self.call("mlflow/runs/search", {"experiment_ids": [found]}).get("runs", [])

    def history(self, run, metric):
        rows = self.call(f"mlflow/metrics/get-history?run_id={run['info']['run_id']}&metric_key={metric}").get("metrics", [])
        return [row["value"] for row in sorted(rows, key=lambda row: int(row["step"]))]

    def artifact(self, run, name):
        path = run["info"]["artifact_uri"].removeprefix("mlflow-artifacts:").lstrip("/")
        with urllib.request.urlopen(f"{self.address}/api/2.0/mlflow-artifacts/artifacts/{path}/{name}", timeout=60) as answer:
            return answer.read()


def pairs(rows):
    return {row["key"]: row["value"] for row in rows}


class Tracked(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.server = Server(cls.folder)
        cls.addClassCleanup(cls.server.stop)

    def command(self, name, *options, server=None):
        return [PROGRAM, "train", SCAN, "-o", str(self.folder / name), *SMALL, "-s", f"tracking.uri={(server or self.server).address}",
                "-s", f"tracking.experiment={name}", *options]

    def train(self, name, *options, **more):
        return subprocess.run(self.command(name, *options, **more), capture_output=True, text=True, timeout=600, env=CLEAN)

    def test_a_training_is_there_with_all_that_it_told(self):
        done = self.train("whole", "-s", "training.epochs=3", "-s", "tracking.tags=sample=IC,beamline=2-ID-D", "-s", "tracking.notes=first light",
                          "-s", "training.regularizers.tv_phase=0.001")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("warning", done.stderr)
        run, = self.server.runs("whole")
        self.assertEqual(run["info"]["status"], "FINISHED")
        self.assertEqual(run["info"]["run_name"], "whole")
        self.assertGreater(int(run["info"]["end_time"]), int(run["info"]["start_time"]))
        parameters, tags = pairs(run["data"]["params"]), pairs(run["data"]["tags"])
        self.assertEqual(parameters["training.epochs"], "3")
        self.assertEqual(parameters["generator.name"], "physics_unet")
        self.assertEqual(parameters["scan"], SCAN)
        self.assertEqual((tags["sample"], tags["beamline"], tags["mlflow.note.content"]), ("IC", "2-ID-D", "first light"))
        local = json.loads((self.folder / "whole" / "history.json").read_text())["history"]
        for name in ("training_loss", "validation_loss", "learning_rate"):
            self.assertEqual(self.server.history(run, name), [row[name] for row in local], name)
        self.assertEqual(self.server.history(run, "term_tv_phase"), [row["terms"]["tv_phase"] for row in local])
        self.assertGreaterEqual(len(self.server.history(run, "step_loss")), 9)
        for name in ("history.csv", "history.json", "best.ptk"):
            self.assertEqual(self.server.artifact(run, name), (self.folder / "whole" / name).read_bytes(), name)

    def test_an_interrupted_run_goes_on_as_the_same_run(self):
        with subprocess.Popen(self.command("part", "-s", "training.epochs=10000"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              env=CLEAN) as process:
            for line in process.stderr:
                if "epoch 2/" in line:
                    break
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read()
            self.assertEqual(process.wait(timeout=120), 130, rest)
        run, = self.server.runs("part")
        self.assertEqual(run["info"]["status"], "KILLED")
        self.assertIn("cancelled", pairs(run["data"]["tags"])["ptychokit.end"])
        epochs = len(json.loads((self.folder / "part" / "history.json").read_text())["history"])
        resumed = self.train("part", "--resume", "-s", f"training.epochs={epochs + 1}")
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        run, = self.server.runs("part")
        self.assertEqual(run["info"]["status"], "FINISHED")
        self.assertEqual(len(self.server.history(run, "training_loss")), epochs + 1)

    def test_a_failed_run_says_why(self):
        failed = self.train("failed", "-s", "training.learning_rate=10", "-s", "training.gradient_clip=0", "-s", "training.epochs=50", "-s",
                            "training.schedule=constant", "-s", "generator.depth=6")
        self.assertEqual(failed.returncode, 4, failed.stderr)
        run, = self.server.runs("failed")
        self.assertEqual(run["info"]["status"], "FAILED")
        self.assertIn("is not finite", pairs(run["data"]["tags"])["ptychokit.end"])

    def test_a_server_that_dies_leaves_the_training_alone(self):
        folder = self.folder / "mortal"
        folder.mkdir()
        mortal = Server(folder)
        self.addCleanup(mortal.stop)
        with subprocess.Popen(self.command("dies", "-s", "training.epochs=12", server=mortal), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, env=CLEAN) as process:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "of experiment 'dies'" in line:
                    mortal.stop()
            self.assertEqual(process.wait(timeout=300), 0, "".join(lines))
        self.assertEqual(sum("warning: tracking" in line for line in lines), 1, "".join(lines))
        self.assertEqual(len((self.folder / "dies" / "history.csv").read_text().splitlines()), 13)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
