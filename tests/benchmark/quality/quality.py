"""Quality on data whose truth is known: networks train on one object and are scored on another that they never saw.

python3 tests/benchmark/quality/quality.py PROGRAM WORK [--small] [--synthetic FILE] [--run1084 FILE]
        [--networks cnn physics_unet] [--epochs cnn=6 physics_unet=12] [--frames N] [--seed 0] [-s KEY=VALUE ...]

PROGRAM  the program `ptychokit`
WORK     folder for data, runs and results; what is there already is not made again, so that a benchmark may be
         interrupted, and made in parts

--small      grid lines of 64 x 64, made here with a simulated probe: nothing else is needed (without any of these three, it)
--synthetic  a scan with the arrays diff3d, xcoords, ycoords, probeGuess, objectGuess and the same with 'test_' before
--run1084    PtychoPINN's grid-lines benchmark at N = 128 with the probe of this file ('probeGuess', 64 x 64); needs NumPy

No network sees a true object, and the probe is the true one, as in the figures that they stand beside. OMP_NUM_THREADS
is 1 unless it is set. Scores are those of `ptychokit evaluate -s compat=ptychopinn`: MAE, SSIM and FRC50 (rings) as
PtychoPINN's evaluation defines them, nRMSE as ours does. Prints a Markdown table for each experiment.
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import zipfile

NETWORKS = {
    # At a rate of 1e-3 most of its units die on the grid lines, and it learns nothing but a constant.
    "cnn": ["generator.name=cnn", "generator.C_model=1", "generator.initializer=he", "scan.grouping=tile",
            "scan.group_size=4", "training.learning_rate=2e-4"],
    "physics_unet": ["generator.name=physics_unet", "generator.passes=2"],
}
TRUE_PROBE = ["probe.modes=1", "probe.warm_epochs=0"]

# What others state of these experiments: name, then the columns of COLUMNS. Sources: PtychoPINN's test fixtures and findings
# (its repository, commit 712c23f); for the synthetic experiment PtychoPINN and pty-chi, run on a twin with another seed.
COLUMNS = ["mae_amplitude", "mae_phase", "ssim_amplitude", "ssim_phase", "frc50_amplitude", "frc50_phase", "nrmse",
           "our_ssim_amplitude", "our_ssim_phase"]
PUBLISHED = {
    "gridlines": [
        ("PtychoPINN ffno, CI, Poisson, 5 epochs (FFNO-CI-5EP)", .17985, .14671, .52034, .88549),
        ("PtychoPINN hybrid_resnet, MAE, 5 epochs (HYBRES-5EP)", .0846, .1334, .8759, .9554),
        ("PtychoPINN cnn, MAE, 5 epochs (CNN-GS1)", .1402),
        ("PtychoPINN cnn, Poisson (CNN-POISSON)", .1662, None, .543, None, 21.6),
    ],
    "synthetic": [
        ("PtychoPINN fno, MAE, 7 epochs, 220 CPU s", None, None, None, None, None, None, .58, .68, .21),
        ("PtychoPINN cnn, MAE, 4 epochs, 297 CPU s", None, None, None, None, None, None, 2.1, None, .01),
        ("pty-chi LSQML (no network), true probe, 60 epochs, 28 CPU s", None, None, None, None, None, None, .27, None, .70),
    ],
    "small": [],
}


class Bench:
    def __init__(self, arguments):
        self.program = str(arguments.program.resolve())
        self.work = arguments.work.resolve()
        self.options = arguments
        self.environment = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"} | dict(os.environ)

    def call(self, *words, options=()):
        """Its output and the CPU seconds it took."""
        command = [self.program, *map(str, words)] + [word for option in options for word in ("-s", option)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# ---- data: folder / train.npz, test.npz, truth.npy ----

def take_apart(path, folder):
    """The two halves of the synthetic experiment: archives of the same arrays, renamed; bytes are copied as they are."""
    names = ["diff3d", "xcoords", "ycoords", "probeGuess"]
    with zipfile.ZipFile(path) as source:
        for half, prefix in (("train", ""), ("test", "test_")):
            with zipfile.ZipFile(folder / f"{half}.npz", "w") as target:
                for name in names:
                    shared = name == "probeGuess"
                    target.writestr(f"{name}.npy", source.read(f"{'' if shared else prefix}{name}.npy"))
        (folder / "truth.npy").write_bytes(source.read("test_objectGuess.npy"))


def small_data(bench, folder):
    """Grid lines of 64 x 64 under a curved disk, 22 x 22 frames to train on, 10 x 10 of another object to be scored on."""
    common = ["simulation.size=64", "simulation.scan=raster", "simulation.object=lines", "simulation.amplitude=0.2,1",
              "simulation.phase=-0.5,1", "simulation.probe=disk", "simulation.probe_diameter=24",
              "simulation.photons=1e6,1e6"]
    for half, frames, step, seed in (("train", 484, 4, 1), ("test", 100, 10, 2)):
        made = folder / f"made_{half}.npz"
        bench.call("simulate", "-o", made,
                   options=common + [f"simulation.frames={frames}", f"simulation.step={step}", f"seed={seed}"])
        without_object(made, folder / f"{half}.npz")
    with zipfile.ZipFile(folder / "made_test.npz") as made:
        (folder / "truth.npy").write_bytes(made.read("objectGuess.npy"))


def without_object(made, scan):
    """So that no step can look at the truth."""
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(scan, "w") as target:
        for name in source.namelist():
            if name != "objectGuess.npy":
                target.writestr(name, source.read(name))


def gridlines_data(bench, folder, run1084):
    """PtychoPINN's grid-lines data (its scripts/studies, grid_lines_workflow), N = 128, one group size: 67 x 67 frames of
    one object, four pixels apart, to train on; 27 x 27 of another, ten pixels apart; 1e9 photons a frame on average."""
    import numpy

    probe = extrapolated(smoothed(numpy.load(run1084)["probeGuess"], .5), 128)
    numpy.save(folder / "probe.npy", probe.astype(numpy.complex64))
    photons = None
    for half, frames, step, seed in (("train", 4489, 4, 1), ("test", 729, 10, 2)):
        # Two pixels more on each side than there, because the simulation keeps one free around the patches.
        object_ = lines_object(numpy.random.RandomState(seed), 392, margin=2)
        numpy.save(folder / f"object_{half}.npy", object_.astype(numpy.complex64))
        if photons is None:
            photons = 1e9 / transmission(object_, probe, step)
        made = folder / f"made_{half}.npz"
        bench.call("simulate", "-o", made, options=[
            "simulation.size=128", "simulation.scan=raster", f"simulation.frames={frames}", f"simulation.step={step}",
            f"simulation.object_file={folder}/object_{half}.npy", f"simulation.probe_file={folder}/probe.npy",
            f"simulation.photons={photons},{photons}", f"seed={seed}"])
        without_object(made, folder / f"{half}.npz")
    (folder / "truth.npy").write_bytes((folder / "object_test.npy").read_bytes())


def blurred(image, sigma):
    """Gaussian, four standard deviations wide, mirrored at the edges."""
    import numpy

    reach = int(4 * sigma + .5)
    weights = numpy.exp(-.5 * (numpy.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        edges = [(reach, reach) if a == axis else (0, 0) for a in (0, 1)]
        image = numpy.apply_along_axis(numpy.convolve, axis, numpy.pad(image, edges, "symmetric"), weights, "valid")
    return image


def smoothed(probe, sigma):
    return blurred(probe.real, sigma) + 1j * blurred(probe.imag, sigma)


def lines_object(random, side, margin):
    """400 lines in a square of twice the side, blurred at three widths, the middle cut out; a phase of the same picture."""
    import numpy

    whole = 2 * side
    drawn = numpy.zeros((whole, whole))
    for _ in range(400):
        row, column, end_row, end_column = (int(whole * u) for u in random.uniform(size=4))
        steps = max(abs(end_row - row), abs(end_column - column), 1)
        t = numpy.arange(steps + 1) / steps
        drawn[numpy.rint(row + t * (end_row - row)).astype(int),
              numpy.rint(column + t * (end_column - column)).astype(int)] = 1
    picture = blurred(drawn, 1) + 2 * blurred(drawn, 5) + 5 * blurred(drawn, 10)
    cut = slice(side // 2 - margin, whole - side // 2 + margin)
    picture = picture[cut, cut]
    phase = numpy.pi * numpy.tanh((picture - picture.max() / 2) / (3 * picture.mean()))
    print(f"grid lines: amplitude {picture.mean():.3f} +- {picture.std():.3f}, largest {picture.max():.2f}; phase "
          f"{phase.mean():.3f} +- {phase.std():.3f} rad", file=sys.stderr)
    return picture * numpy.exp(1j * phase)


def extrapolated(probe, side):
    """In a larger frame: the amplitude of the nearest edge, the phase a r^2 + b that fits the probe's own best."""
    import numpy

    before = (side - probe.shape[0]) // 2
    whole = numpy.pad(numpy.abs(probe), before, "edge")
    axis = numpy.arange(side) - side // 2
    r2 = axis[:, None] ** 2 + axis[None, :] ** 2
    inside = slice(before, before + probe.shape[0])
    # Along the axis of least square error over a, the phase of the best b is that of the mean: no unwrapping is needed.
    curvatures = numpy.linspace(-.02, .02, 8001)
    own, radius = probe.ravel(), r2[inside, inside].ravel()
    curvature = max(curvatures, key=lambda a: abs((own * numpy.exp(-1j * a * radius)).sum()))
    offset = numpy.angle((own * numpy.exp(-1j * curvature * radius)).sum())
    result = whole * numpy.exp(1j * (curvature * r2 + offset))
    result[inside, inside] = probe
    return result


def transmission(object_, probe, step):
    """Mean power behind the object over the probe's, for a raster about its middle."""
    import numpy

    side, power = probe.shape[0], numpy.abs(probe) ** 2
    room = object_.shape[0] - side
    places = range(room % step // 2, room + 1, step)
    intensity = numpy.abs(object_) ** 2
    return numpy.mean([(intensity[r:r + side, c:c + side] * power).sum() for r in places for c in places]) / power.sum()


# ---- runs ----

def scores_of(bench, result, truth):
    text, _ = bench.call("evaluate", result, "-r", truth, "--json", options=["compat=ptychopinn"])
    scores = json.loads(text)
    theirs = scores["ptychopinn"]
    pairs = {f"{key}_{part}": theirs[key][part] for key in ("mae", "ssim", "frc50") for part in ("amplitude", "phase")}
    return pairs | {"nrmse": scores["complex_nrmse"], "our_ssim_phase": scores["phase_ssim"],
                    "our_ssim_amplitude": scores["amplitude_ssim"], "frc_half": scores["frc_half"]}


def trained(bench, network, epochs, folder):
    """Rows of a network: alone, and with the iterative engine on top."""
    out = folder / f"{network}_{epochs}"
    kept = out / "rows.json"
    if kept.exists():
        return json.loads(kept.read_text())
    out.mkdir(parents=True, exist_ok=True)
    options = NETWORKS[network] + TRUE_PROBE + [f"training.epochs={epochs}", f"seed={bench.options.seed}"]
    options += bench.options.set
    if bench.options.frames:
        options.append(f"data.subsample={bench.options.frames}")
    resume = ["--resume"] if (out / "run").exists() else []
    _, training = bench.call("train", folder / "train.npz", "-o", out / "run", *resume, options=options)
    _, _ = bench.call("reconstruct", folder / "test.npz", "-m", out / "run/model.ptk", "-o", out / "test", "--force",
                      options=TRUE_PROBE)
    what = f"{network}, {epochs} epochs"
    rows = [{"what": f"**{what}**", "cpu": training} | scores_of(bench, out / "test/object.h5", folder / "truth.npy"),
            {"what": f"{what}, then refined", "cpu": None} |
            scores_of(bench, out / "test/refined.h5", folder / "truth.npy")]
    kept.write_text(json.dumps(rows))
    return rows


def engine_alone(bench, folder):
    kept = folder / "engine/rows.json"
    if not kept.exists():
        _, seconds = bench.call("reconstruct", folder / "test.npz", "-o", folder / "engine", "--force",
                                options=TRUE_PROBE)
        rows = [{"what": "iterative engine alone", "cpu": seconds} |
                scores_of(bench, folder / "engine/refined.h5", folder / "truth.npy")]
        kept.write_text(json.dumps(rows))
    return json.loads(kept.read_text())


def cell(value, digits):
    return "–" if value is None else f"{value:.{digits}f}"


def print_table(name, rows):
    print(f"\n{name}\n")
    print("| what | MAE amplitude | MAE phase | SSIM amplitude | SSIM phase | FRC50 amplitude | FRC50 phase | nRMSE | "
          "our SSIM amplitude | our SSIM phase | training, CPU s |\n|---|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        cells = [cell(row.get(column), 1 if column.startswith("frc") else 3) for column in COLUMNS]
        print(f"| {row['what']} | {' | '.join(cells)} | {cell(row.get('cpu'), 0)} |", flush=True)


def experiment(bench, name, make):
    folder = bench.work / name
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "truth.npy").exists():
        make(folder)
    rows = [dict(zip(["what", *COLUMNS], published)) for published in PUBLISHED[name]]
    for network in bench.options.networks:
        rows += trained(bench, network, bench.options.epochs[network], folder)
    print_table(name, rows + engine_alone(bench, folder))


def epochs_of(words):
    given = dict(word.split("=", 1) for word in words)
    unknown = set(given) - set(NETWORKS)
    if unknown:
        raise SystemExit(f"--epochs: {', '.join(sorted(unknown))} is none of {', '.join(NETWORKS)}")
    return {"cnn": 6, "physics_unet": 12} | {network: int(number) for network, number in given.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--synthetic", type=pathlib.Path)
    parser.add_argument("--run1084", type=pathlib.Path)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--epochs", nargs="+", default=[], metavar="NETWORK=N")
    parser.add_argument("--frames", type=int, help="of the training half, drawn at random; all otherwise")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-s", "--set", action="append", default=[], metavar="KEY=VALUE", help="more options of the training")
    options = parser.parse_args()
    options.epochs = epochs_of(options.epochs)
    bench = Bench(options)
    if options.small or not (options.synthetic or options.run1084):
        experiment(bench, "small", lambda folder: small_data(bench, folder))
    if options.synthetic:
        experiment(bench, "synthetic", lambda folder: take_apart(options.synthetic, folder))
    if options.run1084:
        experiment(bench, "gridlines", lambda folder: gridlines_data(bench, folder, options.run1084))


if __name__ == "__main__":
    main()
