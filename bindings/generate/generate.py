#!/usr/bin/env python3
"""Write the layers of Fortran and Julia, and the type stubs of Python's, from the one SWIG interface.

    generate.py             writes bindings/fortran/src/ptychokit_c.f90, bindings/julia/src/LibPtychoKit.jl, bindings/python/ptychokit/lib.pyi
    generate.py --check     compares them with what would be written; fails where they differ
    generate.py --tests D   writes into folder D the programs that the tests of the bindings need
"""
import argparse
import difflib
import pathlib
import sys

import c
import fortran
import interface
import julia
import python


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--tests", type=pathlib.Path)
    options = parser.parse_args()
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    found = interface.read(root, interface.run_swig(root))
    if options.tests:
        options.tests.mkdir(parents=True, exist_ok=True)
        files = {"layout.c": c.layout(found), "calls.c": c.calls(found), "layout.f90": fortran.Writer(found).layout()}
        for name, text in files.items():
            (options.tests / name).write_text(text)
        return 0
    files = {root / "bindings/fortran/src/ptychokit_c.f90": fortran.Writer(found).module(),
             root / "bindings/julia/src/LibPtychoKit.jl": julia.Writer(found).module(),
             root / "bindings/python/ptychokit/lib.pyi": python.Writer(found, interface.comments(root)).module()}
    different = 0
    for path, text in files.items():
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            continue
        old = path.read_text() if path.exists() else ""
        lines = list(difflib.unified_diff(old.splitlines(), text.splitlines(), str(path.relative_to(root)), "generated now", lineterm="", n=1))
        print("\n".join(lines[:40]), end="\n" if lines else "")
        different += bool(lines)
    if options.check:
        print(f"{len(found.functions)} functions, {different} of {len(files)} files differ")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
