"""Write a C file that defines every function of the public headers as 'return 0'. Its debug information is the interface, without LibTorch:
the compiler holds the real library to the same headers."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "headers"))
from documented import DECLARATION  # noqa: E402


def main():
    root = pathlib.Path(sys.argv[1])
    lines = ["#include <ptychokit/ptychokit.h>", ""]
    for header in sorted((root / "capi" / "include" / "ptychokit").glob("*.h")):
        for match in DECLARATION.finditer(header.read_text()):
            macro = re.search(r"PTK_(CALL|API)\b", match[0][match[0].index("*/"):])[1]
            head = " ".join(match[2].split())
            head = f"ptk_status {head}" if macro == "CALL" else head
            body = "{ }" if re.match(r"void ptk_", head) else "{ return 0; }"
            lines.append(f"{head} {body}")
    print("\n".join(lines))


main()
