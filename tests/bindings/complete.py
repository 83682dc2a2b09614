"""The lists in bindings/swig/ptk.i name every function of the headers that returns a text, a handle or a shape."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
interface = (root / "bindings/swig/ptk.i").read_text()
headers = "".join(re.sub(r"/\*.*?\*/", "", p.read_text(), flags=re.S) for p in sorted((root / "capi/include/ptychokit").glob("*.h")))
wanted = set()
for name, arguments in re.findall(r"PTK_CALL\s+(\w+)\(([^;]*)\);", headers):
    if name in ("ptk_view_init", "ptk_view_from_dlpack"):
        continue
    if "char *buf" in arguments:
        wanted.add(f"PTK_TEXT({name})")
    if "int64_t *shape_out" in arguments:
        wanted.add(f"PTK_SHAPE({name})")
    if match := re.match(r"\s*(ptk_\w+) \*\*out", arguments):
        wanted.add(f"PTK_FACTORY({name}, {match[1]})")
found = set(re.findall(r"^(PTK_(?:TEXT|SHAPE|FACTORY)\([^)]*\))$", interface, flags=re.M))
for line in sorted(wanted ^ found):
    print(("missing in ptk.i: " if line in wanted else "not in the headers: ") + line)
print(f"{len(found)} entries")
sys.exit(1 if wanted != found or not wanted else 0)
