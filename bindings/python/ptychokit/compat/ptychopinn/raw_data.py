"""Scans as PtychoPINN hands them over: arrays, or a file in its NPZ layout."""
from __future__ import annotations

import os
from typing import Any, Union

import numpy as np

from ... import Context, Dataset

Array = np.ndarray


class RawDataTorch:
    """A scan in memory.

    * ``xcoords``, ``ycoords``: float64 ``[n]``, columns and rows of the patch centres, in pixels of the object.
    * ``diff3d``: ``[n, N, N]`` (or ``[N, N, n]``), zero frequency at ``N/2``. Amplitudes (square roots of counts up to a factor), as PtychoPINN
      has them, or photon counts: whole numbers are counts unless ``measurement`` says otherwise.
    * ``probeGuess``: complex64 ``[N, N]``, ``[N, N, 1]`` or ``[modes, N, N]``, in any unit.
    * ``objectGuess``: complex64 ``[H, W]`` in the frame of the positions, for supervised training; may be ``None``.
    * ``scan_index`` and ``config`` are kept and not needed.
    """

    def __init__(self, xcoords: Array, ycoords: Array, diff3d: Array, probeGuess: Union[Array, None], scan_index: Union[Array, None] = None,
                 objectGuess: Union[Array, None] = None, config: Any = None, measurement: str = "auto") -> None:
        self.xcoords, self.ycoords = (np.asarray(values, np.float64) for values in (xcoords, ycoords))
        if self.xcoords.ndim != 1 or self.xcoords.shape != self.ycoords.shape:
            raise ValueError(f"xcoords, ycoords: expected [n] twice, found {list(self.xcoords.shape)} and {list(self.ycoords.shape)}")
        self.diff3d = _frame_first(np.asarray(diff3d), len(self.xcoords))
        self.probeGuess = None if probeGuess is None else _without_last_axis(np.asarray(probeGuess, np.complex64))
        self.objectGuess = None if objectGuess is None else np.asarray(objectGuess, np.complex64)
        self.scan_index = np.zeros(len(self.xcoords), np.int64) if scan_index is None else np.asarray(scan_index)
        self.config = config
        self.measurement = _measurement(self.diff3d) if measurement == "auto" else measurement

    @classmethod
    def from_file(cls, path: Union[str, "os.PathLike[str]"], config: Any = None) -> RawDataTorch:
        """A scan of any format that :meth:`ptychokit.Dataset.open` reads, PtychoPINN's NPZ among them."""
        dataset = Dataset.open(Context(), path)
        about = dataset.describe()
        there = {array["name"] for array in about["arrays"]}
        probe, known = (dataset.array(name) if name in there else None for name in ("probe", "object"))
        x, y = dataset.positions.T
        return cls(xcoords=x, ycoords=y, diff3d=dataset.patterns, probeGuess=probe, objectGuess=known, config=config,
                   measurement=about["measurement"])

    @classmethod
    def from_coords_without_pc(cls, xcoords: Array, ycoords: Array, diff3d: Array, probeGuess: Array, scan_index: Union[Array, None] = None,
                               objectGuess: Union[Array, None] = None) -> RawDataTorch:
        """The same without the coordinates of the start, which no scan needs here."""
        return cls(xcoords=xcoords, ycoords=ycoords, diff3d=diff3d, probeGuess=probeGuess, scan_index=scan_index, objectGuess=objectGuess)

    def __len__(self) -> int:
        return len(self.diff3d)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {list(self.diff3d.shape)} {self.measurement}>"

    @property
    def positions(self) -> Array:
        """float64 ``[n, 2]``, (x, y) in pixels."""
        return np.stack([self.xcoords, self.ycoords], axis=1)

    def count_scale(self, nphotons: float) -> float:
        """What brings these frames to the library's unit: 1 for counts, for amplitudes the factor after which a frame has ``nphotons``."""
        if self.measurement == "counts":
            return 1.0
        frames = self.diff3d.astype(np.float64)
        total = np.mean(np.sum(frames if self.measurement == "intensity" else frames**2, axis=(1, 2)))
        if not total > 0:
            raise ValueError("diff3d: the frames are empty")
        return float(nphotons / total if self.measurement == "intensity" else np.sqrt(nphotons / total))

    def dataset(self, context: Context, scale: float = 1.0, positions: Union[Array, None] = None, options: Union[dict, None] = None) -> Dataset:
        """The library's scan, with frames times ``scale``; at other ``positions``, if given, then without the object, which is at the old ones."""
        frames = self.diff3d if scale == 1.0 else (self.diff3d * scale).astype(np.float32)
        where, known = (self.positions, self.objectGuess) if positions is None else (positions, None)
        return Dataset.from_arrays(context, frames, where, self.probeGuess, known, {**(options or {}), "data.measurement": self.measurement})

    def generate_grouped_data(self, N: int, K: int = 4, nsamples: int = 1, seed: Union[int, None] = None, sequential_sampling: bool = False,
                              gridsize: Union[int, None] = None, **_: Any) -> dict:
        raise NotImplementedError("groups are drawn while training, without copies of frames: hand this object to run_cdi_example_torch or "
                                  "train_cdi_model_torch, and give n_groups, neighbor_count, sequential_sampling, subsample_seed, and gridsize "
                                  "in the configuration")


class RawData(RawDataTorch):
    """:class:`RawDataTorch` with the arguments in the order of PtychoPINN's class of this name; the ``_start`` coordinates are not used."""

    def __init__(self, xcoords: Array, ycoords: Array, xcoords_start: Union[Array, None] = None, ycoords_start: Union[Array, None] = None,
                 diff3d: Union[Array, None] = None, probeGuess: Union[Array, None] = None, scan_index: Union[Array, None] = None,
                 objectGuess: Union[Array, None] = None, config: Any = None, measurement: str = "auto") -> None:
        if diff3d is None:
            raise ValueError("diff3d: a scan needs frames")
        super().__init__(xcoords, ycoords, diff3d, probeGuess, scan_index, objectGuess, config, measurement)


class MemmapDatasetBridge(RawDataTorch):
    """A scan in a file. Its attributes are arrays in memory; ``data.store = "auto"`` of :meth:`ptychokit.Dataset.open` is for larger ones."""

    def __init__(self, npz_path: Union[str, "os.PathLike[str]"], config: Any = None, memmap_dir: str = "data/memmap") -> None:
        self.__dict__.update(RawDataTorch.from_file(npz_path, config).__dict__)
        self.npz_path, self.memmap_dir = npz_path, memmap_dir

    @property
    def raw_data_torch(self) -> RawDataTorch:
        return self

    def get_grouped_data(self, N: int, K: int, nsamples: int, gridsize: int, seed: Union[int, None] = None) -> dict:
        return self.generate_grouped_data(N, K, nsamples, seed, gridsize=gridsize)


class PtychoDataContainerTorch:
    """Groups with their copies of frames, which a training here does not need."""

    def __init__(self, grouped_data: dict, probe: Array) -> None:
        raise NotImplementedError("a training takes scans, not groups: hand RawDataTorch to run_cdi_example_torch or train_cdi_model_torch")


def _frame_first(frames: Array, count: int) -> Array:
    if frames.ndim != 3:
        raise ValueError(f"diff3d: expected [n, N, N], found {list(frames.shape)}")
    first, last = frames.shape[1] == frames.shape[2], frames.shape[0] == frames.shape[1]
    if not first and not last:
        raise ValueError(f"diff3d: frames must be square, found {list(frames.shape)}")
    if last and (not first or (frames.shape[2] == count and frames.shape[0] != count)):
        frames = np.moveaxis(frames, 2, 0)
    if len(frames) != count:
        raise ValueError(f"diff3d: {len(frames)} frames for {count} positions")
    return frames


def _without_last_axis(probe: Array) -> Array:
    return probe[:, :, 0] if probe.ndim == 3 and probe.shape[2] == 1 else probe


def _measurement(frames: Array) -> str:
    return "counts" if np.issubdtype(frames.dtype, np.integer) or not np.any(frames % 1) else "amplitude"
