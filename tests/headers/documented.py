"""Every function of the public headers is documented: each parameter, what it returns, threads, and since when."""
import pathlib
import re
import sys

DECLARATION = re.compile(r"/\*\*((?:(?!\*/).)*)\*/\s*PTK_(?:CALL|API)\b([^;]*);", re.S)


def parameters(declaration):
    inside = declaration[declaration.index("(") + 1:declaration.rindex(")")]
    return [] if inside.strip() == "void" else [re.search(r"(\w+)\s*$", part)[1] for part in inside.split(",")]


def main():
    root = pathlib.Path(sys.argv[1])
    exported = set(re.findall(r"\b(ptk_\w+);", (root / "capi" / "ptychokit.map").read_text()))
    seen, errors = set(), []
    for header in sorted((root / "capi" / "include" / "ptychokit").glob("*.h")):
        for comment, declaration in DECLARATION.findall(header.read_text()):
            name = re.search(r"(ptk_\w+)\s*\(", declaration)[1]
            seen.add(name)
            documented = re.findall(r"@param(?:\[\w+\])?\s+(\w+)", comment)
            if documented != parameters(declaration):
                errors.append(f"{name}: documents {documented}, takes {parameters(declaration)}")
            returns_nothing = re.match(r"\s*void\s+ptk_", declaration)
            if bool(re.search(r"@return\s", comment)) == bool(returns_nothing):
                errors.append(f"{name}: @return is missing or too much")
            for tag in ("@par Threads  ", "@since 0."):
                if tag not in comment:
                    errors.append(f"{name}: no '{tag.strip()}'")
    errors += [f"{name}: in the map but not documented in a header" for name in sorted(exported - seen)]
    errors += [f"{name}: declared but not in the map" for name in sorted(seen - exported)]
    print("\n".join(errors) or f"{len(seen)} functions, all documented")
    return 1 if errors or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
