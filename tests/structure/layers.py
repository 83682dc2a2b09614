"""A layer may include itself and the layers before it; nothing but the program, bindings and tests includes the C ABI."""
import pathlib
import re
import sys

LAYERS = ["base", "config", "parallel", "tracking", "kernels", "registry", "data", "physics", "generators", "lut", "model", "training",
          "reconstruction", "simulation", "evaluation"]


def main():
    root = pathlib.Path(sys.argv[1])
    errors, includes = [], 0
    for path in sorted((root / "core").rglob("*")):
        if path.suffix not in {".h", ".cpp", ".cu"}:
            continue
        own = path.relative_to(root / "core").parts[0]
        if own not in LAYERS:
            errors.append(f"{path}: '{own}' is not a layer of ARCHITECTURE.md")
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if match := re.match(r'\s*#\s*include\s+"([^"/]+)/', line):
                includes += 1
                if match[1] not in LAYERS:
                    errors.append(f"{path}:{number}: includes '{match[1]}', which is no layer")
                elif LAYERS.index(match[1]) > LAYERS.index(own):
                    errors.append(f"{path}:{number}: layer '{own}' includes '{match[1]}', which comes after it")
            elif re.match(r"\s*#\s*include\s+<ptychokit/", line):
                errors.append(f"{path}:{number}: the core does not know the C ABI")
    for path in sorted((root / "core" / "kernels").rglob("*.h")):
        if re.search(r"#\s*include\s+<(ATen|c10|torch)/", path.read_text()):
            errors.append(f"{path}: kernels work on raw pointers, without LibTorch headers")
    for path in sorted((root / "capi" / "cli").rglob("*.[ch]pp")):
        if re.search(r'#\s*include\s+"(%s)/' % "|".join(LAYERS), path.read_text()):
            errors.append(f"{path}: the program is a client of the C ABI only")
    print("\n".join(errors) or f"{includes} includes, all one way")
    return 1 if errors or includes == 0 else 0


sys.exit(main())
