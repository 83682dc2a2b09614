"""Structs and constants are the same in every language: layout.py LANGUAGE COMMAND [-- LANGUAGE COMMAND ...]. The first is the measure."""
import subprocess
import sys

# Read by a module that the C++ compiler has made from the same headers.
COMPILED = {"python": ("ptk_view", "ptk_progress", "ptk_plugin")}


def main():
    programs, current = [], []
    for argument in sys.argv[1:] + ["--"]:
        if argument == "--":
            programs.append((current[0], current[1:]))
            current = []
        else:
            current.append(argument)
    outputs = {name: subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n") for name, command in programs}
    measure, wrong = next(iter(outputs.values())), 0
    for name, lines in outputs.items():
        for expected, found in zip(measure, lines):
            thing = expected.split(".")[0].split(" ")[0]
            if thing in COMPILED.get(name, ()):
                expected = f"{expected.split()[0]} compiled"
            if expected != found:
                wrong += 1
                print(f"{name}: '{found}', in C: '{expected}'")
        wrong += len(lines) != len(measure)
        print(f"{name}: {len(lines)} lines")
    return 1 if wrong or len(measure) < 10 or len(outputs) < 2 else 0


sys.exit(main())
