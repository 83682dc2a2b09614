#!/usr/bin/env python3
"""Peak memory of training and reconstruction from the mapped frame store, for scans of different size over one field.

    tests/benchmark/store_memory.py build [--frames 5000 100000] [--side 128] [--seconds 60] [--folder FOLDER]

Anonymous memory (RssAnon) is what a process takes for itself; file-backed memory (RssFile) is the store's pages and the
libraries, which the system takes back when it needs them. Training is interrupted after some seconds. Needs about 2 x frames x side^2 x 2 bytes of disk in --folder; everything is removed at the end.
"""
import argparse
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time


def memory(pid):
    """RssAnon, RssFile and RssShmem in MiB, or nothing when the process is gone."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    wanted = ("RssAnon", "RssFile", "VmHWM")
    return {name: int(rest.split()[0]) / 1024 for name, _, rest in (line.partition(":") for line in lines) if name in wanted}


def watch(command, seconds=None):
    """Runs a command; peaks of its memory. Interrupted after @p seconds."""
    process = subprocess.Popen([*command, "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    peaks, start = {}, time.time()
    limit = start + seconds if seconds else None
    while process.poll() is None:
        for name, value in memory(process.pid).items():
            peaks[name] = max(peaks.get(name, 0), value)
        if limit and time.time() > limit:
            process.send_signal(signal.SIGINT)
            limit = time.time() + 3600
        time.sleep(0.02)
    error = process.stderr.read().strip().splitlines()
    if process.returncode not in (0, 130):
        raise SystemExit(f"{' '.join(map(str, command))}: {process.returncode}: {error[-1:]}")
    return peaks, time.time() - start


def report(what, frames, result):
    peaks, seconds = result
    print(f"{what:34} {frames:7} frames: anonymous {peaks['RssAnon']:6.0f} MiB, file-backed {peaks['RssFile']:5.0f} MiB, "
          f"all {peaks['VmHWM']:6.0f} MiB; {seconds:6.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--frames", type=int, nargs="+", default=[5000, 100000])
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--set", action="append", default=[], help="further options, KEY=VALUE")
    arguments = parser.parse_args()
    program = arguments.build / "capi/cli/ptychokit"
    folder = pathlib.Path(tempfile.mkdtemp(dir=arguments.folder))
    common = ["-s", "data.store=auto", "-s", "generator.width=4", "-s", "generator.depth=1", "-s", "probe.warm_epochs=0"]
    for option in arguments.set:
        common += ["-s", option]
    try:
        for frames in arguments.frames:
            scan, run = folder / f"{frames}.cxi", folder / f"run{frames}"
            step = 7 * (min(arguments.frames) / frames) ** 0.5  # the field stays, and with it the object
            subprocess.run([arguments.build / "tests/benchmark/make_large_scan", scan, str(frames), str(arguments.side),
                            str(step)], check=True)
            report("build the store (info)", frames, watch([program, "info", scan, "-s", "data.store=auto"]))
            report("train", frames, watch([program, "train", scan, "-o", run, *common], arguments.seconds))
            model = run / "last.ptk"
            report("reconstruct, network alone", frames,
                   watch([program, "reconstruct", scan, "-m", model, "-o", folder / f"out{frames}", "--no-refine", *common]))
            report("reconstruct, engine, one epoch", frames,
                   watch([program, "reconstruct", scan, "-o", folder / f"engine{frames}", "-s", "refinement.epochs=1", *common]))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
