"""ptychodus' input as plain arrays, and arrays as its product; for every version, whose names of coordinates differ.

A position in metres belongs to column ``(x - centre_x) / pixel_width + width / 2`` of the object, counted from its left edge; a patch of
N pixels covers N / 2 to either side. All versions agree on this, whether they count pixels from their edge (1.2) or their middle (since 1.6),
and it is the library's own convention.
"""
from __future__ import annotations

import dataclasses
import logging
from typing import Any

import numpy as np
from ptychodus.api.object import Object
from ptychodus.api.probe import ProbeSequence
from ptychodus.api.probe_positions import ProbePosition, ProbePositionSequence
from ptychodus.api.product import LossValue, Product

_logger = logging.getLogger("ptychokit")
_X, _Y = ("x_m", "y_m") if "x_m" in {field.name for field in dataclasses.fields(ProbePosition)} else ("coordinate_x_m", "coordinate_y_m")


class Frame:
    """The pixel grid of a product's object."""

    def __init__(self, product: Product) -> None:
        geometry = product.object_.get_geometry()
        self.shape = (geometry.height_px, geometry.width_px)
        self._pixel = np.array([geometry.pixel_width_m, geometry.pixel_height_m])
        self._center = np.array([geometry.center_x_m, geometry.center_y_m])
        self._half = np.array([geometry.width_px, geometry.height_px]) / 2
        if not (self._pixel > 0).all() or 0 in self.shape:
            raise ValueError(f"the object of '{product.metadata.name}' has {geometry.height_px} x {geometry.width_px} pixels of "
                             f"{geometry.pixel_height_m:g} x {geometry.pixel_width_m:g} m; initialise it before the reconstruction")

    def pixels(self, metres: np.ndarray) -> np.ndarray:
        """Positions [n, 2] (x, y) in metres as (column, row)."""
        return (metres - self._center) / self._pixel + self._half

    def metres(self, pixels: np.ndarray) -> np.ndarray:
        """The inverse of ``pixels``."""
        return (pixels - self._half) * self._pixel + self._center


def _probe(product: Product) -> np.ndarray | None:
    """Incoherent modes [modes, N, N] of the first coherent part; None for an empty probe."""
    probes = product.probes.get_array()
    if probes.size == 0:
        return None
    if probes.shape[0] > 1:
        _logger.warning("the probe varies over the scan in %d orthogonal parts; only the first is used", probes.shape[0])
    return np.ascontiguousarray(probes[0])


def _check(patterns: np.ndarray, bad_pixels: np.ndarray | None, points: int) -> None:
    if patterns.ndim != 3 or patterns.shape[1] != patterns.shape[2]:
        raise ValueError(f"diffraction patterns of shape {patterns.shape}: (n, N, N) is needed; crop or pad them to a square in ptychodus")
    if len(patterns) != points:
        raise ValueError(f"{len(patterns)} diffraction patterns, but {points} positions")
    if bad_pixels is not None and bad_pixels.shape != patterns.shape[1:]:
        raise ValueError(f"bad pixels of shape {bad_pixels.shape}, but patterns of {patterns.shape[1:]}")


def arrays_of(parameters: Any) -> dict:
    """What the worker takes of a ``ReconstructInput``; ``kept`` says which positions were numbers (bool [n])."""
    product = parameters.product
    patterns, bad_pixels = np.asarray(parameters.diffraction_patterns), parameters.bad_pixels
    points = product.probe_positions
    _check(patterns, bad_pixels, len(points))
    frame = Frame(product)
    positions = frame.pixels(np.array([(getattr(point, _X), getattr(point, _Y)) for point in points], np.float64).reshape(-1, 2))
    kept = np.isfinite(positions).all(axis=1)
    if not kept.any():
        raise ValueError("there is no diffraction pattern with a position")
    if not kept.all():
        _logger.warning("%d of %d positions are not numbers; their patterns are left out", len(kept) - kept.sum(), len(kept))
        patterns, positions = patterns[kept], positions[kept]
    if product.object_.num_layers > 1:
        _logger.warning("the object has %d layers; one is reconstructed", product.object_.num_layers)
    marked = bad_pixels is not None and bool(np.any(bad_pixels))
    return {"patterns": np.ascontiguousarray(patterns), "positions": positions, "probe": _probe(product), "shape": frame.shape, "kept": kept,
            "object": np.ascontiguousarray(product.object_.get_layer(0)), "bad_pixels": np.asarray(bad_pixels) if marked else None}


def loss_values(losses: list[float]) -> list[LossValue]:
    """Losses of the epochs 1, 2, ... as ptychodus keeps them."""
    return [LossValue(epoch, float(value)) for epoch, value in enumerate(losses, 1)]


def with_losses(product: Product, losses: list[float]) -> Product:
    """The product with other losses."""
    return dataclasses.replace(product, losses=loss_values(losses))


def _moved(product: Product, frame: Frame, kept: np.ndarray, positions: np.ndarray) -> ProbePositionSequence:
    """Corrected positions [kept, 2] in pixels, the others as they were."""
    points = list(product.probe_positions)
    for row, (x, y) in zip(np.flatnonzero(kept), frame.metres(positions)):
        points[row] = dataclasses.replace(points[row], **{_X: float(x), _Y: float(y)})
    return ProbePositionSequence(points)


def product_of(product: Product, arrays: dict, result: dict, corrected: bool) -> Product:
    """The input's product with the result of the worker: the object on the input's grid (one layer, same centre, pixel and extent), and the
    probe and the positions where they were improved."""
    before = product.object_
    object_ = Object(result["object"], before.get_pixel_geometry(), before.get_center())
    changes: dict = {"object_": object_}
    if result["probe"] is not None:
        changes["probes"] = ProbeSequence(result["probe"][np.newaxis], None, product.probes.get_pixel_geometry())
    if corrected:
        changes["probe_positions"] = _moved(product, Frame(product), arrays["kept"], result["positions"])
    return with_losses(dataclasses.replace(product, **changes), result["losses"])
