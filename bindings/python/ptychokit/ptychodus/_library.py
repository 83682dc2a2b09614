"""All entries of PtychoKit, in the shape that the installed ptychodus asks for."""
from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ._entry import LIBRARY, entries
from ._process import LOGGER
from ._settings import Settings


def _is_1_2() -> bool:
    """ptychodus 1.2 calls the status of an output its result."""
    module = "reconstruct" if importlib.util.find_spec("ptychodus.api.reconstruct") else "reconstructor"
    output = importlib.import_module(f"ptychodus.api.{module}").ReconstructOutput
    return "result" in {field.name for field in dataclasses.fields(output)}


if not TYPE_CHECKING and _is_1_2():
    from ._facade_1_2 import Iterative, Network, Reconstructor, ReconstructorLibrary
else:
    from ._facade_1_3 import Iterative, Network, Reconstructor, ReconstructorLibrary


class PtychoKitReconstructorLibrary(ReconstructorLibrary):
    """"Network", "ePIE" and "rPIE", with their settings in a registry of ptychodus."""

    def __init__(self, settings_registry: Any) -> None:
        super().__init__(LOGGER)
        self.settings = Settings(settings_registry)
        self._reconstructors = [Network(entry) if entry.trainable else Iterative(entry) for entry in entries(self.settings)]

    @property
    def name(self) -> str:
        return LIBRARY

    def __iter__(self) -> Iterator[Reconstructor]:
        return iter(self._reconstructors)
