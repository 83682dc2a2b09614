"""The few calls of ptychodus that its versions spell differently."""
from __future__ import annotations

import importlib.metadata
import pathlib
from typing import Any

import numpy as np
from ptychodus.model import ModelCore

VERSION = importlib.metadata.version("ptychodus")
OLD = VERSION.startswith("1.2")


def fill(model: ModelCore, group: str, **values: Any) -> None:
    """Change settings."""
    for name, value in values.items():
        model.settings_registry[group].parameters()[name].set_value(value)


def opened(model: ModelCore, folder: pathlib.Path, diffraction: str = "diffraction.h5") -> Any:
    """Open diffraction file and product of a folder, as a user would."""
    if OLD:
        model.workflow_api.import_assembled_patterns(folder / diffraction)
        return model.workflow_api.open_product(folder / "product-in.h5", file_type="HDF5")
    data = model.workflow_api.load_assembled_diffraction_data(folder / diffraction)
    return model.workflow_api.load_product(folder / "product-in.h5", file_type="HDF5", diffraction=data)


def reconstructors(model: ModelCore) -> list[str]:
    """Names in the list."""
    if OLD:
        return list(model.reconstructor_core.presenter.reconstructors())
    return list(model.workflow_api.available_reconstructors())


def choose(model: ModelCore, name: str) -> None:
    """Take one of ours."""
    if OLD:
        model.workflow_api.set_reconstructor(f"PtychoKit_{name}")
    else:
        model.processing_core.processing_api.set_reconstructor_if_provided(f"ptychokit_{name.lower()}")


def chosen(model: ModelCore) -> Any:
    """The reconstructor that ptychodus would call."""
    if OLD:
        return model.reconstructor_core._plugin_chooser.get_current_plugin().strategy
    return model.processing_core.algorithm_parameter.get_current_reconstructor()


def name_of(reconstructor: Any) -> str:
    """Its name in the list."""
    return reconstructor.get_name() if OLD else reconstructor.name


def losses_of_training(reconstructor: Any, data: pathlib.Path, output: pathlib.Path) -> list[Any]:
    """Train as ptychodus does; the outputs one after the other."""
    return [reconstructor.train(data)] if OLD else list(reconstructor.train(data, output))


def columns_and_rows(product: Any) -> np.ndarray:
    """Positions [n, 2] in pixels of the object, as ptychodus computes them, counted from its edge."""
    geometry = product.object_.get_geometry()
    places = [geometry.map_coordinates_probe_to_object(point) for point in product.probe_positions]
    if OLD:
        return np.array([(place.coordinate_x_px, place.coordinate_y_px) for place in places])
    return np.array([(place.x_px, place.y_px) for place in places]) + 0.5  # counted from the middle of the first pixel there
