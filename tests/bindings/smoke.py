"""The generated Python layer on the real scan: train a few steps, cancel from a callback, reconstruct, refine, read arrays, catch an error."""
import json
import math
import os
import sys
import tempfile

import ptychokit as ptk


class Listener(ptk.ptk_progress_listener):
    def __init__(self, stop_after=None, fail=False):
        super().__init__()
        self.phases, self.calls, self.stop_after, self.fail = set(), 0, stop_after, fail

    def on_progress(self, progress):
        self.phases.add(progress.phase)
        self.calls += 1
        if self.fail:
            raise KeyError("from the callback")
        return self.stop_after is None or self.calls < self.stop_after


def expect_error(status, part, call, *arguments):
    try:
        call(*arguments)
    except ptk.Error as error:
        assert error.args[0] == status, error
        assert part in error.args[1], error
        return
    raise AssertionError(f"{call.__name__}: no error")


def main(scan):
    context = ptk.ptk_context_create("cpu", None)
    assert json.loads(ptk.ptk_build_info())["version"] == ".".join(map(str, ptk.ptk_version()))
    config = ptk.ptk_config_from_json(json.dumps({"training": {"epochs": 1}, "generator": {"width": 8}, "probe": {"warm_epochs": 2}, "refinement": {"epochs": 3}}))
    dataset = ptk.ptk_dataset_open(context, scan, None)
    assert ptk.ptk_dataset_size(dataset) == 516 and ptk.ptk_dataset_side(dataset) == 64
    shape = ptk.ptk_dataset_shape(dataset, "positions")
    assert shape == (516, 2), shape
    positions = bytearray(8 * 516 * 2)
    ptk.ptk_dataset_read(dataset, "positions", memoryview(positions).cast("d", shape))
    assert max(memoryview(positions).cast("d")) > 100

    model = ptk.ptk_model_create(context, 64, config)
    trainer = ptk.ptk_trainer_create(model, config, None)
    listener = Listener()
    ptk.ptk_trainer_fit(trainer, dataset, None, listener)
    assert "train" in listener.phases and listener.calls > 5, listener.phases
    expect_error(ptk.PTK_ERR_CANCELLED, "cancel", ptk.ptk_trainer_fit, ptk.ptk_trainer_create(model, config, None), dataset, None, Listener(stop_after=3))
    try:
        ptk.ptk_trainer_fit(ptk.ptk_trainer_create(model, config, None), dataset, None, Listener(fail=True))
        raise AssertionError("the callback's exception was lost")
    except KeyError as error:
        assert "from the callback" in str(error)

    worker = ptk.ptk_reconstructor_create(context, model, config)
    canvas = ptk.ptk_reconstructor_reconstruct(worker, dataset, None, None)
    refined = ptk.ptk_reconstructor_refine(worker, dataset, canvas, None, None)
    before, after = (ptk.ptk_fourier_error(c, dataset, None, None) for c in (canvas, refined))
    assert after < before and after < 0.2, (before, after)
    height, width = ptk.ptk_canvas_shape(refined, "coverage")
    coverage = bytearray(4 * height * width)
    ptk.ptk_canvas_read(refined, "coverage", memoryview(coverage).cast("f", (height, width)))
    values = memoryview(coverage).cast("f")
    assert max(values) > 0 and not any(math.isnan(v) for v in values)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "object.h5")
        ptk.ptk_canvas_save(refined, path)
        again = ptk.ptk_canvas_load(context, path)
        assert ptk.ptk_canvas_shape(again, "object") == (height, width)
    expect_error(ptk.PTK_ERR_IO, "missing.npz", ptk.ptk_dataset_open, context, "missing.npz", None)
    bad = ptk.ptk_config_from_json('{"training": {"epoch": 3}}')
    expect_error(ptk.PTK_ERR_INVALID_CONFIG, "training.epochs", ptk.ptk_config_check, context, bad, "library")
    expect_error(ptk.PTK_ERR_SHAPE, "array_out", ptk.ptk_canvas_read, refined, "coverage", memoryview(bytearray(16)).cast("f", (2, 2)))
    # Values beyond 2^31 pass unchanged.
    ptk.ptk_config_set_int(config, "seed", 2**40)
    assert json.loads(ptk.ptk_config_to_json(context, config, "library"))["seed"] == 2**40
    print(f"Fourier error {before:.3f} -> {after:.3f}")


main(sys.argv[1])
