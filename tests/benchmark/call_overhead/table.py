#!/usr/bin/env python3
"""What a call costs in every language over the same call from C, on arrays that are there, and that none of them is copied on the way.

    tests/benchmark/call_overhead/table.py [BUILD] [--calls 20000]

Each language runs overhead.*: best of five rounds of calls, and of three runs, in which the languages take turns. Prints microseconds of a call,
and by how much memory grew at most during a call on arrays of 64 MiB. Fails when that is a quarter of such an array or more. Needs cc; a language
that was not built is left out.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
CASES = {"size": "no array: number of frames", "positions": "read 500 positions", "frame": "read a frame of 64 x 64",
         "add": "add a patch of 16 x 16"}
COPIES = {"frames": "read 4096 frames", "patches": "add 32768 patches"}
ARRAY = 64 << 10  # kilobytes
RUNS = 3


def commands(build, folder):
    """Language: command and environment, for what there is."""
    library = next(build.rglob("libptychokit.so"))
    linked = [f"-L{library.parent}", "-lptychokit", f"-Wl,-rpath,{library.parent}"]
    subprocess.run(["cc", "-O2", f"-I{ROOT}/capi/include", "-o", folder / "c", HERE / "overhead.c", *linked], check=True)
    found = {"C": ([folder / "c"], {})}
    bindings = build / "bindings"
    if (bindings / "python/ptychokit/lib.py").exists():
        python, path = interpreter(build), {"PYTHONPATH": str(bindings / "python")}
        found["Python, lib"] = ([python, HERE / "overhead.py"], path)
        found["Python"] = ([python, HERE / "overhead.py"], path)
    if (bindings / "java/ptychokit.jar").exists():
        found["Java"] = (["java", "-Xms64m", "-Xmx64m", "-XX:MaxDirectMemorySize=1g", f"-Dorg.ptychokit.library.path={bindings}/java",
                          "-cp", bindings / "java/ptychokit.jar", HERE / "Overhead.java"], {})
    julia = shutil.which("julia") or shutil.which(ROOT / ".deps/julia/bin/julia")
    if julia:
        found["Julia"] = ([julia, "--startup-file=no", f"--project={ROOT}/bindings/julia", HERE / "overhead.jl"],
                          {"PTYCHOKIT_LIBRARY": str(library), "JULIA_DEPOT_PATH": str(folder / "depot")})
    if (bindings / "libptk_fortran.a").exists():
        subprocess.run(["gfortran", "-O2", f"-I{bindings}/fortran", "-o", folder / "f", HERE / "overhead.f90", bindings / "libptk_fortran.a",
                        *linked], check=True)
        found["Fortran"] = ([folder / "f"], {})
    return found


def interpreter(build):
    """The Python that the compiled module was built for."""
    cache = (build / "CMakeCache.txt").read_text()
    return next((line.split("=", 1)[1] for line in cache.splitlines() if line.startswith("Python3_EXECUTABLE:")), sys.executable)


def run(language, command, environment, calls):
    """Microseconds of each case, kilobytes of growth of each copy."""
    more = ["lib"] if language.endswith("lib") else []
    done = subprocess.run([*command, str(calls), *more], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    return {name: float(value) for kind, name, value in rows if kind == "time"}, {name: int(value) for kind, name, value in rows if kind == "grown"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--calls", type=int, default=20000)
    options = parser.parse_args()
    times, copies = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        languages = commands(options.build.resolve(), pathlib.Path(folder))
        for _ in range(RUNS):
            for language, (command, environment) in languages.items():
                measured, grown = run(language, command, environment, options.calls)
                before = times.setdefault(language, measured)
                times[language] = {case: min(measured[case], before[case]) for case in CASES}
                copies[language] = {case: max(size, copies.get(language, {}).get(case, 0)) for case, size in grown.items()}
    print(f"{'microseconds a call':28}" + "".join(f"{language:>12}" for language in times))
    for case, words in CASES.items():
        print(f"{words:28}" + "".join(f"{measured[case]:12.2f}" for measured in times.values()))
    over = [max(measured[case] - times["C"][case] for case in CASES) for measured in times.values()]
    print(f"{'at most over C':28}" + "".join(f"{worst:12.2f}" for worst in over))
    print(f"\n{'memory grew by, MiB':28}" + "".join(f"{language:>12}" for language in copies))
    for case, words in COPIES.items():
        print(f"{words:28}" + "".join(f"{grown[case] / 1024:12.1f}" if grown else f"{'':>12}" for grown in copies.values()))
    return 1 if any(size >= ARRAY // 4 for grown in copies.values() for size in grown.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
