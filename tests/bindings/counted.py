"""Run a program of a language and see that it called every function of the interface.

    counted.py MAP CALLS_LIBRARY LANGUAGE COMMAND ...

The library stands before libptychokit and notes each function by name: LD_PRELOAD for programs that are linked, PTYCHOKIT_LIBRARY for Julia,
which opens it by name.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

# What a language cannot or need not call, and why.
EXCEPTIONS = {
    "python": {"ptk_view_init": "arrays come as buffers, which the compiled module describes itself"},
    "java": {"ptk_view_from_dlpack": "a Java program has no DLPack tensors"},
}


def main():
    exported, library, language, command = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
    wanted = set(re.findall(r"\b(ptk_\w+);", exported.read_text()))
    with tempfile.TemporaryDirectory() as folder:
        notes = pathlib.Path(folder) / "calls"
        notes.touch()
        environment = dict(os.environ, PTK_CALLS=str(notes))
        # Only the program itself loads the library: `env` and shells before it need none.
        environment["PTYCHOKIT_LIBRARY" if language == "julia" else "LD_PRELOAD"] = library
        status = subprocess.run([argument.replace("@FOLDER@", folder) for argument in command], env=environment).returncode
        called = set(notes.read_text().split())
    excepted = set(EXCEPTIONS.get(language, {}))
    for name in sorted(wanted - called - excepted):
        print(f"{language} never called {name}")
    for name in sorted((called & excepted) | (excepted - wanted)):
        print(f"{language}: {name} is no exception any more")
    print(f"{language}: {len(called & wanted)} of {len(wanted)} functions called, exit status {status}")
    return 1 if status or wanted - called - excepted or called & excepted or not wanted else 0


sys.exit(main())
