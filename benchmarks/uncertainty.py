"""Coverage, calibration of the zoo's classifiers, ranks of wrong labels, marks of unlike inputs.

    python benchmarks/uncertainty.py [--splits 20] [--data NAME ...] [--no-mapie]
        [--part coverage|forecasts|zoo|calibration|labels|masks|unlike|time]

Coverage: of each data set, `mlp` is trained on so many splits, half of the validation split set
aside; a row tells the coverage of 90 % intervals (or sets) of the test splits, that of sets without
the most probable class put in (exact), their width (or classes a set), the coverage of the worst
fifth of the predictions (or class) and of the worst fifth of the widths (or of the confidence),
over all splits, and what MAPIE's split-conformal intervals (or sets) reach on the same predictions,
with the ratio of the sizes. Data: scikit-learn's diabetes, generated heteroscedastic numbers, wine,
digits, and in ../shared/data 2,000 MNIST digits and tables on which nothing was chosen.
Forecasts: `linear` forecasts 6 steps of a generated autoregressive and a seasonal series; a row
tells the coverage of 90 % bands at the step where it is lowest and highest, over about 2,500
forecasts.
Zoo: of each shipped run with a class a sample its accuracy, mean confidence, and expected
calibration error with its 95 % interval, from the predictions that it holds.
Calibration: each run of the zoo with classes is trained again with `--calibrate auto`; a row tells
the temperature, the expected calibration error of the test split with its 95 % interval, and of a
class a sample its log loss without and with the temperature, with the interval of the difference.
Labels: 5 % of the labels of wine and digits are flipped, `mlp --folds 5` is trained, and a row
tells the average precision of `mlzoo data audit`'s ranking, of the ranking by the probability of
the given class (cleanlab's default, by itself where it is installed) on the same probabilities, and
the precision and recall of the labels called probable errors; means over at most 3 splits.
Masks: 5 of 60 masks of cracked tiles are shifted or erased, `unet --folds 5` is trained (64x64),
and a row tells how many of them are among the first 8 of `mlzoo data audit`, and where; it needs
the images and masks in ../shared/data/crack_tiles.
Unlike: `cnn` is trained on digits, on at most 5 splits; a row tells how well distances to the
training samples tell noise, inverted digits and shapes like clothes from the test split (area under
the ROC), the share of each that `predict` marks at a rate of .05, that of the test split (false
alarms), and how often the test of `data compare` finds drift in 300 random batches of 100 unseen
samples, against as many others as the run holds.
Time: CPU seconds of `mlzoo predict` for 10,000 rows of 10 numbers with `--coverage .9` and without,
of a single model and of `--folds 5`, the median of three.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from coverage_rows import HEADER, NAMES, coverage, write
from measuring import REPOSITORY

ZOO = REPOSITORY / "saved_models" / "zoo"
PARTS = ("coverage", "forecasts", "zoo", "calibration", "labels", "masks", "unlike", "time")


def calibration() -> Iterator[str]:
    """Yield a row for each classifier of the zoo, trained again."""
    from mlzoo.core import files
    from mlzoo.data.specs import target_of
    from mlzoo.runs.config_loading import merge
    from mlzoo.training.train import train_merged

    for folder in sorted(each for each in ZOO.iterdir() if (each / "config.yaml").is_file()):
        target = target_of(files.read_json(folder / "data.json")["task"])
        if not target.is_class or target.causal:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            flags = {"calibrate": "auto", "repeats": 1, "out": scratch, "baselines": "none"}
            merged = merge(flags, folder / "config.yaml", allow_unused=True)
            run = train_merged(merged)
            test, calibration = run.metrics["test"], run.metrics["calibration"]
            ends = test["intervals"]["calibration_error"]
            shown = (
                "none"
                if not calibration or not calibration["kept"]
                else f"{calibration['temperature']:.3g}"
            )
            low, high = ends or (np.nan, np.nan)
            error = test["metrics"]["calibration_error"]
            row = f"{folder.name:28} {shown:>11} {error:8.3f} [{low:.3f}, {high:.3f}]"
            yield f"{row}  {gain_of(run, calibration)}"


def gain_of(run: Any, calibration: dict[str, Any] | None) -> str:
    """Return the log loss of the test split before and after calibration, and their difference.

    The difference has its 95 % interval; nothing is told where nothing was changed, or of pixels
    and steps.
    """
    from mlzoo.statistics.calibration.temperature import log_losses
    from mlzoo.statistics.intervals import intervals
    from mlzoo.statistics.scorers import weighted_mean

    data = run.own_data()
    if not calibration or not calibration["kept"] or not data.outputs.target.sample_class:
        return ""
    after = np.log(np.clip(run.predict(data.test.inputs()).probabilities, 1e-7, 1))
    before, y_true = after * calibration["temperature"], data.test.targets.astype("int64")
    losses = [log_losses(each, y_true) for each in (before, after)]
    gain = weighted_mean(losses[1] - losses[0])
    ends = intervals({"gain": gain}, len(y_true), data.test.groups, 0)["gain"] or (np.nan, np.nan)
    first, second = (each.mean() for each in losses)
    return f"{first:.4f} -> {second:.4f} [{ends[0]:+.4f}, {ends[1]:+.4f}]"


def shipped() -> Iterator[str]:
    """Yield a row for each run of the zoo with a class a sample, from its saved predictions."""
    from mlzoo.core import files
    from mlzoo.data.contracts import task
    from mlzoo.data.specs import target_of
    from mlzoo.statistics.calibration.bins import expected_error, sample_bins
    from mlzoo.statistics.intervals import intervals

    for folder in sorted(each for each in ZOO.iterdir() if (each / "data.json").is_file()):
        name = files.read_json(folder / "data.json")["task"]
        if not target_of(name).sample_class:
            continue
        saved: Any = task(name).read_predictions(folder / "predictions.csv")
        y_true = np.array([saved.classes.index(each) for each in saved.targets[:, 0]])
        score = {"error": expected_error(sample_bins(y_true, saved.probabilities))}
        error = float(np.ravel(score["error"](np.ones((1, len(y_true)))))[0])
        ends = intervals(score, len(y_true), None, 0)["error"]
        low, high = ends or (np.nan, np.nan)
        right = (saved.probabilities.argmax(axis=1) == y_true).mean()
        sure = saved.probabilities.max(axis=1).mean()
        row = f"{folder.name:28} {right:8.3f} {sure:10.3f} {error:8.3f}"
        yield f"{row} [{low:.3f}, {high:.3f}]"


def flipped(name: str, seed: int, folder: Path) -> dict[str, float]:
    """Return how well wrong labels of a data set are ranked."""
    import csv

    from sklearn.metrics import average_precision_score

    import mlzoo
    from mlzoo.auditing.audit import audit
    from mlzoo.auditing.settings import AuditConfig

    path = write(name, folder)
    header, *rows = path.read_text().splitlines()
    classes = sorted({row.rsplit(",", 1)[1] for row in rows})
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(rows), len(rows) // 20, replace=False)
    for position in chosen:
        values, label = rows[position].rsplit(",", 1)
        others = [each for each in classes if each != label]
        rows[position] = f"{values},{others[rng.integers(len(others))]}"
    path.write_text("\n".join([header, *rows]) + "\n")
    run = mlzoo.train(
        "mlp", str(path), target="y", seed=seed, folds=5, baselines="none", out=str(folder)
    )
    labels = audit(run, AuditConfig()).labels
    wrong = np.isin([label.index for label in labels], chosen)
    saved = {}
    for file in ("out_of_fold.csv", "predictions.csv"):
        with (run.path / file).open() as opened:
            saved |= {int(row["index"]): row for row in csv.DictReader(opened)}
    p = np.array([[float(saved[each.index][f"p_{c}"]) for c in classes] for each in labels])
    given = np.array([classes.index(each.label) for each in labels])
    probable = np.array([label.probable for label in labels])
    return {
        "ours": average_precision_score(wrong, [label.score for label in labels]),
        "cleanlab": average_precision_score(wrong, -_quality(given, p)),
        "precision": float(wrong[probable].mean()) if probable.any() else np.nan,
        "recall": float(probable[wrong].mean()),
    }


def _quality(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return cleanlab's label quality scores; by its definition where it is not installed."""
    try:
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        return probabilities[np.arange(len(labels)), labels]
    return np.asarray(get_label_quality_scores(labels, probabilities))


def series(kind: str, steps: int = 12_500) -> np.ndarray:
    """Return a generated series (steps,): autoregressive of order 2, or seasonal with noise."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=steps)
    if kind == "seasonal":
        return 3 * np.sin(2 * np.pi * np.arange(steps) / 12) + noise
    values = np.zeros(steps)
    for i in range(2, steps):
        values[i] = 1.2 * values[i - 1] - 0.4 * values[i - 2] + noise[i]
    return values


def forecasts(kind: str, folder: Path) -> str:
    """Return the row of a generated series."""
    import mlzoo

    path = folder / f"{kind}.csv"
    lines = [f"{i},{value!r}" for i, value in enumerate(series(kind).tolist())]
    path.write_text("\n".join(["t,y", *lines]) + "\n")
    settings: dict[str, Any] = {"source": "series", "target": "y", "window": 24, "horizon": 6}
    run = mlzoo.train(
        "linear", str(path), baselines="none", pictures="none", out=str(folder), **settings
    )
    rows = run.metrics["test"]["metrics"]["per_horizon"]
    held = [row["coverage"] for row in rows]
    count = run.metrics["test"]["samples"]
    return f"{kind:16} {count:9,}  {min(held):.3f}  {max(held):.3f}"


def wrong_masks(seed: int, folder: Path) -> str:
    """Return the row of an audit of masks, of which five were shifted or erased."""
    from PIL import Image

    import mlzoo
    from mlzoo.auditing.audit import audit
    from mlzoo.auditing.settings import AuditConfig

    rng = np.random.default_rng(seed)
    source = REPOSITORY.parent / "shared" / "data" / "crack_tiles"
    names = sorted(path.stem for path in (source / "masks").iterdir())
    wrong = rng.choice(len(names), 5, replace=False).tolist()
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    for number, name in enumerate(names):
        [image] = (source / "images").glob(f"{name}.*")
        [mask] = (source / "masks").glob(f"{name}.*")
        small = Image.open(image).convert("RGB").resize((64, 64), Image.Resampling.BOX)
        small.save(folder / "images" / f"{name}.png")
        # A pixel of the small mask is of the crack where a fifth of those that it stands for are.
        full = Image.fromarray(np.asarray(Image.open(mask).convert("L")))
        drawn = np.asarray(full.resize((64, 64), Image.Resampling.BOX)) > 51
        if number in wrong:
            drawn = drawn & False if wrong.index(number) % 2 else np.roll(drawn, (16, 16), (0, 1))
        Image.fromarray(255 * drawn.astype("uint8")).save(folder / "masks" / f"{name}.png")
    run = mlzoo.train(
        "unet",
        str(folder),
        folds=5,
        epochs=25,
        seed=seed,
        set={"filters": 8, "depth": 2},
        baselines="none",
        pictures="none",
        out=str(folder / "runs"),
    )
    ranked = [Path(label.name).stem for label in audit(run, AuditConfig()).labels]
    places = sorted(ranked.index(names[number]) + 1 for number in wrong)
    return (
        f"crack tiles      {sum(place <= 8 for place in places)} of 5 among the first 8: {places}"
    )


def seconds() -> Iterator[str]:
    """Yield a row for a single model and for one of five folds."""
    import os
    import subprocess

    import mlzoo

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, rows in (("train", 2000), ("new", 10_000)):
            x = rng.normal(size=(rows, 10))
            y = x[:, 0] + np.exp(x[:, 1]) * rng.normal(size=rows)
            table = np.column_stack([x, y]) if name == "train" else x
            header = ",".join([*(f"x{i}" for i in range(10)), "y"][: table.shape[1]])
            np.savetxt(folder / f"{name}.csv", table, "%.6g", ",", header=header, comments="")
        for name, how in (("single", {"conformal": 0.5}), ("--folds 5", {"folds": 5})):
            run = mlzoo.train(
                "mlp",
                str(folder / "train.csv"),
                target="y",
                preset="none",
                epochs=3,
                baselines="none",
                pictures="none",
                out=str(folder),
                **how,  # type: ignore[arg-type]
            )
            spent: dict[str, list[float]] = {"": [], "--coverage=.9": []}
            for _ in range(3):
                for flag, times in spent.items():
                    words = ["-m", "mlzoo", "predict", str(run.path), str(folder / "new.csv")]
                    words += ["-o", str(folder / "out.csv"), "--overwrite", *filter(None, [flag])]
                    before = os.times()
                    subprocess.run([sys.executable, *words], check=True, capture_output=True)
                    after = os.times()
                    user = after.children_user - before.children_user
                    times.append(user + after.children_system - before.children_system)
            plain, covered = (float(np.median(times)) for times in spent.values())
            yield f"{name:10} {plain:8.2f} {covered:14.2f} {covered / plain:7.2f}"


def clothes(n: int, side: int, rng: np.random.Generator) -> np.ndarray:
    """Return images (n, side, side, 1) from 0 to 1: shirts, trousers, bags and shoes."""
    y, x = np.mgrid[0:side, 0:side] / (side - 1)
    images = np.zeros((n, side, side, 1), "float32")
    for image in images[..., 0]:
        top, bottom, left = rng.uniform(0.1, 0.25), rng.uniform(0.8, 0.95), rng.uniform(0.2, 0.35)
        body = (y > top) & (y < bottom) & (np.abs(x - 0.5) < 0.5 - left)
        filled = [
            body | (y > top) & (y < top + 0.25),
            body & ~((y > top + 0.3) & (np.abs(x - 0.5) < 0.1)),
            (y > 0.45) & (y < bottom) & (np.abs(x - 0.5) < 0.4)
            | (y > top) & (y <= 0.45) & (np.abs(np.abs(x - 0.5) - 0.25) < 0.1),
            (y > 0.6) & (y < bottom) | (y > 0.3) & (y <= 0.6) & (x > 0.55),
        ][rng.integers(4)]
        image[:] = filled * rng.uniform(0.5, 1) * rng.uniform(0.9, 1, (side, side))
    return images


def unlike(seed: int, folder: Path) -> dict[str, float]:
    """Return how well inputs unlike digits are told, and the rates of false alarms."""
    from sklearn.metrics import roc_auc_score

    import mlzoo
    from mlzoo.auditing.comparison import measure
    from mlzoo.statistics.novelty.distances import nearest
    from mlzoo.statistics.novelty.drift import drift_tests

    run = mlzoo.train(
        "cnn", "digits", seed=seed, epochs=15, baselines="none", pictures="none", out=str(folder)
    )
    data, rng = run.own_data(), np.random.default_rng(seed)
    top, digits = data.samples.maximum, np.asarray(data.test.inputs(), "float32")
    inputs = {
        "noise": rng.uniform(0, top, digits.shape).astype("float32"),
        "inverted": top - digits,
        "clothes": top * clothes(len(digits), digits.shape[1], rng),
    }
    reference = run.reference

    def distances(images: np.ndarray) -> np.ndarray:
        return nearest(measure(run, reference, images)[1], reference.training)[1][:, 0]

    like = distances(digits)
    row = {"false alarms": float(run.predict(digits).unlike.mean())}
    for name, images in inputs.items():
        apart = distances(images)
        is_unlike = np.repeat([0, 1], len(digits))
        row[f"{name} AUROC"] = roc_auc_score(is_unlike, np.concatenate([like, apart]))
        row[f"{name} marked"] = float(run.predict(images).unlike.mean())
    facts, features = measure(run, reference, digits)
    facts = np.concatenate([reference.facts, facts])
    features = np.concatenate([reference.held_out.astype("float32"), features])
    names, held_out, alarms = "abc", len(reference.facts), []
    for batch in range(300):
        order = rng.permutation(len(facts))
        known, new = (
            (facts[at], features[at]) for at in (order[:held_out], order[held_out:][:100])
        )
        tests = drift_tests(known, new, names, [False] * len(names), batch, 199)
        alarms.append(tests[0].adjusted <= 0.05)
    return row | {"drift": float(np.mean(alarms))}


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--data", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--mapie", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    if args.splits < 1:
        sys.exit("--splits: must be at least 1")
    if args.part in (None, "coverage"):
        print(HEADER, flush=True)
        for name in args.data:
            print(coverage(name, args.splits, args.mapie), flush=True)
    if args.part in (None, "forecasts"):
        print(f"{'series':16} forecasts  lowest highest coverage at a step ahead")
        for kind in ("autoregressive", "seasonal"):
            with tempfile.TemporaryDirectory() as scratch:
                print(forecasts(kind, Path(scratch)), flush=True)
    if args.part in (None, "zoo"):
        print(f"{'shipped run':28} accuracy confidence    error  95 % interval")
        for row in shipped():
            print(row, flush=True)
    if args.part in (None, "calibration"):
        print(f"{'run':28} temperature    error  95 % interval   log loss before -> after")
        for row in calibration():
            print(row, flush=True)
    if args.part in (None, "labels"):
        print(f"{'data':16}  splits   ours  cleanlab  precision  recall")
        for name in set(args.data) & {"wine", "digits"}:
            splits = min(args.splits, 3)
            rows = []
            for seed in range(splits):
                with tempfile.TemporaryDirectory() as scratch:
                    rows.append(flipped(name, seed, Path(scratch)))
            mean = {key: np.nanmean([row[key] for row in rows]) for key in rows[0]}
            print(
                f"{name:16}  {splits:6}  {mean['ours']:.3f}  {mean['cleanlab']:8.3f}  "
                f"{mean['precision']:9.3f}  {mean['recall']:6.3f}",
                flush=True,
            )
    if args.part in (None, "masks"):
        for seed in range(min(args.splits, 3)):
            with tempfile.TemporaryDirectory() as scratch:
                print(wrong_masks(seed, Path(scratch)), flush=True)
    if args.part in (None, "time"):
        print("predict     without  with coverage   ratio")
        for row in seconds():
            print(row, flush=True)
    if args.part in (None, "unlike"):
        rows = []
        for seed in range(min(args.splits, 5)):
            with tempfile.TemporaryDirectory() as scratch:
                rows.append(unlike(seed, Path(scratch)))
        for name in rows[0]:
            values = np.array([row[name] for row in rows])
            print(f"{name:16}  {values.mean():.3f}  ({', '.join(f'{v:.3f}' for v in values)})")


if __name__ == "__main__":
    main()
