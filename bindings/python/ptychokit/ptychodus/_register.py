"""How ptychodus finds the library.

ptychodus has no place for reconstructors of others: the object that collects them (``ReconstructorCore`` in 1.2, ``ProcessingCore`` later)
gets a list that is written out in its ``ModelCore``. ``register`` lengthens that list by one.
"""
from __future__ import annotations

import importlib
from typing import Any


def _with_library(collector: type) -> type:
    from ptychodus.api.settings import SettingsRegistry

    from ._library import PtychoKitReconstructorLibrary

    class WithPtychoKit(collector):
        ptychokit = True

        def __init__(self, *arguments: Any) -> None:
            *others, libraries = arguments
            registry = next(argument for argument in others if isinstance(argument, SettingsRegistry))
            super().__init__(*others, [*libraries, PtychoKitReconstructorLibrary(registry)])

    WithPtychoKit.__name__ = collector.__name__
    WithPtychoKit.__qualname__ = collector.__qualname__
    return WithPtychoKit


def register() -> None:
    """Let every ``ptychodus.model.ModelCore`` that is made from now on in this process offer PtychoKit's reconstructors.

    Before its settings are read, so that [PtychoKit] in ``settings.ini`` counts. A second call changes nothing.

    :raises ImportError: without ptychodus, or when this one cannot be joined
    """
    core = importlib.import_module("ptychodus.model.core")
    name = "ProcessingCore" if hasattr(core, "ProcessingCore") else "ReconstructorCore"
    if not hasattr(core, name):
        raise ImportError("this version of ptychodus collects its reconstructors in another way")
    if getattr(getattr(core, name), "ptychokit", False):
        return
    setattr(core, name, _with_library(getattr(core, name)))
    if name == "ReconstructorCore":
        from ._matcher_1_2 import Matcher

        importlib.import_module("ptychodus.model.reconstructor.core").DiffractionPatternPositionMatcher = Matcher
