"""SciPy's cKDTree on the points of groupings.cpp: are the neighbours the same, and how long does it take?

python3 compare_neighbours.py groupings.json    (the output of ptk_grouping_benchmark)
"""
import json
import sys
import time

import numpy as np
from scipy.spatial import cKDTree


def points(count, raster):
    """As points() of groupings.cpp."""
    i = np.arange(count)
    u = np.fmod((i + 1.0) * 0.7548776662466927, 1.0)
    v = np.fmod((i + 1.0) * 0.5698402909980532, 1.0)
    width = int(np.ceil(np.sqrt(float(count))))
    if raster:
        return np.stack([7 * (i % width + 0.6 * u), 7 * (i // width + 0.6 * v)], 1)
    return np.stack([7.0 * width * u, 7.0 * width * v], 1)


def by_distance_then_index(tree, xy, k):
    """The k nearest; of equally far ones, which SciPy takes as they come, the first."""
    more = min(k + 3, len(xy))
    found = tree.query(xy, k=more, workers=1)[1]
    squares = (xy[found] - xy[:, None, :]) ** 2
    order = np.lexsort((found, squares[..., 0] + squares[..., 1]), axis=1)
    return np.take_along_axis(found, order, 1)[:, :k]


def main():
    with open(sys.argv[1]) as file:
        runs = [run for run in json.load(file)["benchmarks"] if run["name"].startswith("neighbours/")]
    different = 0
    for run in runs:
        count, k = int(run["points"]), int(run["k"])
        xy = points(count, run["raster"] == 1)
        began = time.process_time()
        tree = cKDTree(xy)
        tree.query(xy, k=k, workers=1)
        seconds = time.process_time() - began
        found = by_distance_then_index(tree, xy, k)
        index_sum = float((found.astype(np.float64).sum(0) * np.arange(1, k + 1)).sum())
        same = index_sum == run["index_sum"]
        different += not same
        ours = run["cpu_time"] * {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}[run["time_unit"]]
        print(f"{run['name']}: ours {ours:.3f} s, SciPy {seconds:.3f} s, ratio {seconds / ours:.2f}, "
              f"neighbours {'equal' if same else 'DIFFERENT'}")
    return 1 if different or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
