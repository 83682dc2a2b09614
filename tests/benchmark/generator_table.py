"""Speed, memory and size of every generator as a Markdown table.

python3 tests/benchmark/generator_table.py BUILD [--only NAME ...] [--sides 64 128] [--frames 1 4] [--seconds 3] [--turns 2] [--at-once 16] [--bfloat16] [--json FILE]

BUILD: a build folder with -DPTYCHOKIT_BENCHMARKS=ON. One process for each run (generator_run), with the threads that
OMP_NUM_THREADS says, one otherwise. PTYCHOKIT_PEER_PYTHON, when set, is a Python that has torch: the same cnn, fno
and hybrid_resnet in eager PyTorch (peer.py) are measured in turn with ours, and the table says how many times as fast
ours is; each turn takes the least time of its rounds, the table that of all turns. --at-once: frames in a batch. --bfloat16: another
table, of predictions in bfloat16: their error (norm of the difference over that of the patches; weights as initializer
glorot draws them) and their speed.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
PEERS = ("cnn", "fno", "hybrid_resnet")


def run(command):
    """The JSON that it prints, or nothing where it does not take this size."""
    environment = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"} | dict(os.environ)
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    if done.returncode != 1:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return None


def measure(program, peer, name, side, frames, mode, seconds, turns, at_once):
    """Ours, and the peer's run of the same if there is one, in turns; the best of each."""
    sizes = [str(side), str(frames), mode, str(seconds), str(at_once)]
    ours = [run([program, name, *sizes])]
    if ours[0] is None or ours[0]["channels"] != frames:
        return None
    theirs = []
    if peer and name in PEERS and mode != "bfloat16":
        for _ in range(turns):
            theirs.append(run([peer, str(HERE / "peer.py"), name, *sizes]))
            if theirs[-1] is None:
                raise SystemExit(f"{peer} cannot run peer.py")
            ours.append(run([program, name, *sizes]))
    best = max(ours, key=lambda result: result["frames_per_s"])
    if theirs:
        if theirs[0]["parameters"] != best["parameters"]:
            raise SystemExit(f"the peer has {theirs[0]['parameters']} parameters, ours {best['parameters']}")
        fastest = max(theirs, key=lambda result: result["frames_per_s"])
        best |= {"peer": fastest, "ratio": best["frames_per_s"] / fastest["frames_per_s"]}
    return best


def rate(result):
    digits = 0 if result["frames_per_s"] >= 100 else 1
    text = f"{result['frames_per_s']:.{digits}f}"
    return f"{text} ({result['ratio']:.1f}x)" if "ratio" in result else text


def number(value):
    return f"{value / 1e6:.2f} M" if value >= 1e6 else f"{value / 1e3:.0f} k"


def row(name, predict, train):
    return (f"| {name} | {predict['side']} | {predict['channels']} | {rate(predict)} | {rate(train)} | "
            f"{number(predict['parameters'])} | {predict['mflop_per_frame']:.0f} | {predict['peak_mb']:.0f} | {train['peak_mb']:.0f} |")


def half_row(name, predict, half):
    return f"| {name} | {predict['side']} | {predict['channels']} | {100 * half['error']:.2f} % | {rate(predict)} | {rate(half)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--sides", nargs="+", type=int, default=[64, 128])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--turns", type=int, default=2, help="of the peer and ours")
    parser.add_argument("--frames", nargs="+", type=int, default=[1, 4], help="of an input")
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    program = str(arguments.build / "tests/benchmark/generator_run")
    peer = os.environ.get("PTYCHOKIT_PEER_PYTHON")
    names = arguments.only or subprocess.run([program, "list"], capture_output=True, text=True, check=True).stdout.split()

    modes, make_row = ("predict", "bfloat16" if arguments.bfloat16 else "train"), half_row if arguments.bfloat16 else row
    head = ("error in bfloat16 | float32, frames/s | bfloat16, frames/s" if arguments.bfloat16 else
            "prediction, frames/s | training, frames/s | parameters | MFLOP/frame | MB, prediction | MB, training")
    print(f"| generator | N | C | {head} |")
    print("|---" * (head.count("|") + 4) + "|")
    results = []
    for name in names:
        for side in arguments.sides:
            for frames in arguments.frames:
                found = [measure(program, peer, name, side, frames, mode, arguments.seconds, arguments.turns, arguments.at_once)
                         for mode in modes]
                if None in found:
                    continue
                results += found
                print(make_row(name, *found), flush=True)
    if not results:
        raise SystemExit("nothing was measured")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    sys.exit(main())
