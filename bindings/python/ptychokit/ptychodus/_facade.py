"""What every version of ptychodus asks for in the same words."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from ._entry import DATA_FILTER, MODEL_FILTER, Entry


class IterativePart:
    """Of any entry."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def get_progress_goal(self) -> int:
        return self._entry.goal


class NetworkPart(IterativePart):
    """Of the network."""

    def get_model_file_filter(self) -> str:
        return MODEL_FILTER

    def save_model(self, file_path: Path) -> None:
        self._entry.save(file_path)

    def get_training_data_file_filter(self) -> str:
        return DATA_FILTER

    def export_training_data(self, file_path: Path, parameters: Any) -> None:
        self._entry.export(file_path, parameters)
