"""Sizes, places and values as tests/bindings/layout.py compares them, for the names that the C program prints: layout.py PROGRAM.

ctypes lays out what a generator is made of; the other structs are read by the compiled module, as the C++ compiler laid them out."""
import ctypes
import subprocess
import sys

from ptychokit import _network, lib

STRUCTS = {"ptk_generator_problem": _network._Problem, "ptk_generator_parameter": _network._Parameter, "ptk_generator_table": _network._Table}
COMPILED = ("ptk_view", "ptk_progress", "ptk_plugin")

for line in subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout.splitlines():
    name = line.split()[0]
    struct, _, field = name.partition(".")
    if struct in COMPILED:
        print(name, "compiled")
    elif field:
        place = getattr(STRUCTS[struct], field)
        print(name, place.offset, place.size)
    else:
        print(name, ctypes.sizeof(STRUCTS[struct]) if struct in STRUCTS else getattr(lib, name))
