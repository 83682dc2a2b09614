"""python -m ptychokit.ptychodus install | uninstall | where"""
from __future__ import annotations

import importlib.util
import pathlib
import sys

# ptychodus calls register_plugins of every module in this folder before it collects its reconstructors. The adapter is loaded under a name of
# its own, because loading it as a part of ptychokit would load LibTorch into ptychodus.
PLUGIN = '''"""PtychoKit's reconstructors. Written by `python -m ptychokit.ptychodus install`; `uninstall` removes it."""
import importlib.util
import logging
import pathlib
import sys


def register_plugins(registry):
    try:
        package = importlib.util.find_spec("ptychokit")
        home = pathlib.Path(package.origin).parent / "ptychodus"
        spec = importlib.util.spec_from_file_location("ptychokit_in_ptychodus", home / "__init__.py", submodule_search_locations=[str(home)])
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.register()
    except Exception as error:  # ptychodus works without it
        logging.getLogger("ptychokit").warning("PtychoKit's reconstructors are left out: %s", error)
'''


def plugin_file() -> pathlib.Path:
    """Where ptychodus looks."""
    package = importlib.util.find_spec("ptychodus")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("ptychodus is not installed in this Python")
    return pathlib.Path(package.submodule_search_locations[0], "plugins", "ptychokit_reconstructors.py")


def main(arguments: list[str]) -> None:
    if arguments not in (["install"], ["uninstall"], ["where"]):
        raise SystemExit(__doc__)
    path = plugin_file()
    if arguments == ["install"]:
        path.write_text(PLUGIN)
        print(f"written: {path}")
    elif arguments == ["uninstall"]:
        path.unlink(missing_ok=True)
        print(f"removed: {path}")
    else:
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
