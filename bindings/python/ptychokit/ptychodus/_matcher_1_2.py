"""Frames and positions of ptychodus 1.2 matched by their indexes.

ptychodus 1.2 takes the indexes that both have as row numbers: a scan with a gap gets frames of other positions, or an error. This matcher
stands in for its own, for all reconstructors.
"""
from __future__ import annotations

import dataclasses
import logging
from typing import Any

import numpy as np
from ptychodus.api.probe_positions import ProbePosition, ProbePositionSequence
from ptychodus.api.reconstructor import ReconstructInput
from ptychodus.model.reconstructor.matcher import DiffractionPatternPositionMatcher, PositionIndexFilter

_logger = logging.getLogger("ptychokit")


def _places(points: ProbePositionSequence, index_filter: PositionIndexFilter) -> dict[int, np.ndarray]:
    """Position (x, y) in metres of each index; several of one index are averaged, and indexes that are all the same count as 0, 1, 2 ..."""
    indexes = [int(point.index) for point in points]
    if len(indexes) > 1 and len(set(indexes)) == 1:
        indexes = list(range(len(indexes)))
    found: dict[int, list[tuple[float, float]]] = {}
    for index, point in zip(indexes, points):
        if index_filter(index):
            found.setdefault(index, []).append((point.coordinate_x_m, point.coordinate_y_m))
    return {index: np.mean(places, axis=0) for index, places in found.items()}


class Matcher(DiffractionPatternPositionMatcher):
    """Each frame with the position of its own index; frames and positions without partner are left out."""

    def match_diffraction_patterns_with_positions(self, product_item: Any,
                                                  index_filter: PositionIndexFilter = PositionIndexFilter.ALL) -> ReconstructInput:
        product = product_item.get_product()
        places = _places(product.probe_positions, index_filter)
        rows = {int(index): row for row, index in enumerate(self._dataset.get_assembled_indexes())}
        common = sorted(rows.keys() & places.keys())
        if len(common) < max(len(rows), len(places)):
            _logger.info("%d of %d frames and %d positions have the same index", len(common), len(rows), len(places))
        patterns = self._dataset.get_assembled_patterns()
        taken = [rows[index] for index in common]
        if taken != list(range(len(patterns))):
            patterns = patterns[taken]
        points = [ProbePosition(index, float(places[index][0]), float(places[index][1])) for index in common]
        bad_pixels = self._dataset.get_bad_pixels()
        if bad_pixels is None:
            bad_pixels = np.zeros(patterns.shape[1:], bool)
        return ReconstructInput(patterns, bad_pixels, dataclasses.replace(product, probe_positions=ProbePositionSequence(points)))
