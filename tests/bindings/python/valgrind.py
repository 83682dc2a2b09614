"""Run smoke.py under valgrind: our code reads and writes no memory that it should not, and loses none.

    valgrind.py VALGRIND PYTHON

Python, NumPy and LibTorch have findings of their own; those that count have our libraries in their stack. What SWIG loses of its module while the
interpreter ends does not, nor does what the dynamic loader reads in whole words of a library's search path. The last thing that smoke.py does is a fault on purpose, without which nothing was watched.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

HERE = pathlib.Path(__file__).resolve().parent
CONTROL = "block of size 5,003 free'd"
FORBIDDEN = ("InvalidRead", "InvalidWrite", "InvalidFree", "MismatchedFree", "Overlap", "Leak_DefinitelyLost")
UNSET = ("UninitCondition", "UninitValue", "SyscallParam")


def library(frame):
    return pathlib.Path(frame.findtext("obj") or "").name


def ours(frame):
    return library(frame).startswith(("libptychokit.so", "_lib."))


def of_the_loader(frames):
    return bool(frames) and library(frames[0]).startswith("ld-linux")


def counts(error):
    """Other people's code decides on values that nobody set, harmlessly; ours does not."""
    frames = error.find("stack").findall("frame")
    kind = error.findtext("kind")
    if kind == "Leak_DefinitelyLost" and any(frame.findtext("fn") == "Py_FinalizeEx" for frame in frames):
        return False
    if kind == "InvalidRead" and of_the_loader(frames):
        return False
    return (kind in FORBIDDEN and any(map(ours, frames))) or (kind in UNSET and bool(frames) and ours(frames[0]))


def told(error):
    what = error.findtext("what") or error.findtext("xwhat/text") or ""
    lines = [f"{error.findtext('kind')}: {what} {' '.join(aux.text or '' for aux in error.findall('auxwhat'))}"]
    for frame in error.find("stack").findall("frame")[:12]:
        lines.append(f"    {frame.findtext('fn') or '?'} ({library(frame) or '?'})")
    return "\n".join(lines)


def main(valgrind, python):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.xml")
        watched = [valgrind, "--xml=yes", f"--xml-file={report}", "--error-limit=no", "--num-callers=30", "--leak-check=full",
                   "--show-leak-kinds=definite", "--trace-children=no", python, HERE / "smoke.py", folder, "control"]
        done = subprocess.run(watched, env={**os.environ, "PYTHONMALLOC": "malloc", "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
        if done.returncode or done.stdout.strip() != "done":
            print(f"smoke.py: exit status {done.returncode}\n{done.stdout}{done.stderr[-4000:]}")
            return 1
        errors = xml.parse(report).getroot().findall("error")
    found = [error for error in errors if counts(error)]
    wanted = [error for error in found if any(CONTROL in (aux.text or "") for aux in error.findall("auxwhat"))]
    wrong = [error for error in found if error not in wanted]
    print("\n".join(map(told, wrong)))
    print(f"{len(errors)} findings, {len(wrong)} of them ours; the fault on purpose was {'seen' if wanted else 'not seen'}")
    return 1 if wrong or not wanted else 0


sys.exit(main(*sys.argv[1:3]))
