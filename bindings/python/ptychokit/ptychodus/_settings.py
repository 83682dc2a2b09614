"""Settings in ptychodus' registry (INI groups) and the options of the library that they stand for."""
from __future__ import annotations

from pathlib import Path
from typing import Any

# group, name in ptychodus, option of the library ("" = the adapter's own), default
PARAMETERS: tuple[tuple[str, str, str, Any], ...] = (
    ("PtychoKit", "device", "", "cpu"),
    ("PtychoKit", "threads", "threads", 0),
    ("PtychoKit", "seed", "seed", 0),
    ("PtychoKit", "options", "", ""),
    ("PtychoKitTraining", "data_path", "", Path()),
    ("PtychoKitTraining", "generator", "generator.name", "physics_unet"),
    ("PtychoKitTraining", "epochs", "training.epochs", 12),
    ("PtychoKitTraining", "batch_size", "training.batch_size", 1),
    ("PtychoKitTraining", "learning_rate", "training.learning_rate", 0.002),
    ("PtychoKitTraining", "loss", "training.loss", "amplitude"),
    ("PtychoKitTraining", "validation_fraction", "training.validation_fraction", 0.05),
    ("PtychoKitReconstruction", "model_path", "", Path()),
    ("PtychoKitReconstruction", "refine_network", "", False),
    ("PtychoKitReconstruction", "epochs", "refinement.epochs", 20),
    ("PtychoKitReconstruction", "probe_modes", "probe.modes", 3),
    ("PtychoKitReconstruction", "correct_positions", "refinement.positions", False),
    ("PtychoKitReconstruction", "sync_epochs", "", 5),
)

_KINDS = {bool: "boolean", int: "integer", float: "real", str: "string"}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _free_options(text: str) -> dict[str, str]:
    """``"generator.width=8; training.patience=3"`` as a dictionary."""
    found = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, value = entry.partition("=")
        if not equals:
            raise ValueError(f"PtychoKit options: '{entry}' is not name=value")
        found[name.strip()] = value.strip()
    return found


class Settings:
    """The parameters of all entries of the library, made in a registry of ptychodus once."""

    def __init__(self, registry: Any) -> None:
        self._parameters = {}
        groups = {}
        for group, name, _, default in PARAMETERS:
            if group not in groups:
                groups[group] = registry.create_group(group)
            kind = "path" if isinstance(default, Path) else _KINDS[type(default)]
            self._parameters[group, name] = getattr(groups[group], f"create_{kind}_parameter")(name, default)

    def __getitem__(self, key: tuple[str, str]) -> Any:
        return self._parameters[key].get_value()

    def path(self, group: str, name: str) -> Path | None:
        """A path, or None when it is empty."""
        path = Path(self[group, name])
        return None if path == Path() else path

    @property
    def device(self) -> str:
        return self["PtychoKit", "device"]

    def options(self) -> dict[str, str]:
        """Options of the library by dotted name, as text; those that the user typed win."""
        found = {option: _text(self[group, name]) for group, name, option, _ in PARAMETERS if option}
        found.update(_free_options(self["PtychoKit", "options"]))
        return found
