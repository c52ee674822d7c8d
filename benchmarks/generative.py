"""Learning without labels: reconstruction, anomalies, generation and restoration, by bars.

Each row is a command as a user types it, on real data, beside its baseline and bar. `--quick` takes
fewer samples and epochs: it shows that everything runs, and its figures say little of the bars.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measuring import (
    MLZOO,
    arguments,
    data_argument,
    data_file,
    run_well,
    shown,
    table,
    verdict,
)

HEADER = ["what", "value", "beside", "bar", ""]
Row = list[Any]
CODES, REDUCTION = (2, 8, 32), 0.25
AUROC_MEAN, AUROC_LEAST, AUROC_CRACKS = 0.90, 0.75, 0.85
TWO_SAMPLE, FRECHET, ON_REAL, AGREEMENT, COPIES = 0.65, 1.2, 0.93, 0.97, 0.02
NOISE, DENOISED, GAIN = 0.35, 0.08, 1.5
SAMPLES = {False: 6000, True: 200}
"""Samples that are drawn to train a classifier on, by `quick`."""


class Runs:
    """Commands that train runs in a folder.

    Args:
        data: folder of the real data.
        out: folder of the runs.
        quick: take fewer samples and epochs.
        digits: how many digits are left out in turn.
    """

    def __init__(self, data: Path, out: Path, quick: bool, digits: int) -> None:
        self.data, self.out, self.quick, self.digits = data, out, quick, digits

    def train(self, model: str, data: str, *options: Any, small: int = 600) -> tuple[Path, Any]:
        """Train a run; its folder and its scores on the test split."""
        typed = [MLZOO, "train", model, data_file(self.data, data), *options]
        if self.quick:
            typed += ["--limit", small, "--epochs", 2]
        print(shown(typed), flush=True)
        cost = run_well([*typed, "--out", self.out, "--pictures", "none", "--json"])
        record = json.loads(cost.out)
        print(f"  {cost.cpu:.0f} s of CPU, {cost.wall:.0f} s", flush=True)
        return Path(record["folder"]), record["test"]


MNIST = "mnist10k/mnist10k.npz"


def reconstruction(runs: Runs) -> list[Row]:
    """Errors of autoencoders beside those of as many principal components."""
    rows = []
    for code in CODES:
        settings = ("--set", "network=dense", "--set", f"code={code}")
        epochs = 30 if code == 8 else 20
        _, test = runs.train("autoencoder", MNIST, *settings, "--epochs", epochs)
        error, pca = test["metrics"]["mse"], test["baselines"]["pca"]["mse"]
        bar = (1 - REDUCTION) * pca
        rows.append([f"MSE, code of {code}", error, f"pca {pca:.4g}", bar, verdict(error <= bar)])
    return rows


def anomaly(runs: Runs) -> list[Row]:
    """Areas under the ROC for digits that are left out, and for cracks."""
    rows, areas = [], []
    for digit in range(runs.digits):
        others = ",".join(str(each) for each in range(10) if each != digit)
        whole = ("--set", "patches=false")
        _, test = runs.train("patchcore", MNIST, "--normal", others, *whole)
        areas.append(test["metrics"]["roc_auc"])
        rows.append([f"AUROC, digit {digit}", areas[-1], _beside(test), AUROC_LEAST, ""])
        rows[-1][-1] = verdict(areas[-1] >= AUROC_LEAST)
    mean = float(np.mean(areas))
    rows.append(["AUROC, mean", mean, "", AUROC_MEAN, verdict(mean >= AUROC_MEAN)])
    groups = ("--normal", "Negative", "--group-by", r"^\w+/(\d+)_", "--size", 64)
    folder, test = runs.train("patchcore", "crack_patches", *groups, small=541)
    area = test["metrics"]["roc_auc"]
    held = verdict(area >= AUROC_CRACKS)
    rows.append(["AUROC, cracks by photograph", area, _beside(test), AUROC_CRACKS, held])
    ours, edges = _crack_pixels(runs, folder)
    rows.append(["pixel AUROC, cracks", ours, f"edges {edges:.4g}", edges, verdict(ours > edges)])
    return rows


def _beside(test: Any) -> str:
    names = [name for name in ("pca", "nearest") if name in test["baselines"]]
    return ", ".join(f"{name} {test['baselines'][name]['roc_auc']:.3g}" for name in names)


def _crack_pixels(runs: Runs, folder: Path) -> tuple[float, float]:
    """Areas under the ROC over pixels of cracked test patches: of the map and of edges."""
    import cv2
    from PIL import Image
    from sklearn.metrics import roc_auc_score

    import mlzoo

    run = mlzoo.load(folder)
    data = run.own_data()
    masks = data_file(runs.data, "crack_patches_masks")
    truths, maps, edges = [], [], []
    for position, name in enumerate(data.test.names()):
        mask = masks / f"{Path(name).stem}.png"
        if not name.startswith("Positive") or not mask.exists():
            continue
        image = data.test.inputs(np.array([position]))
        found = run.reconstruct(image).maps[0]
        gray = image[0].mean(axis=-1).astype("float32")
        slope = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))
        size = found.shape[::-1]
        shrunk = Image.open(mask).convert("L").resize(size, Image.Resampling.BOX)
        truths.append(np.asarray(shrunk).ravel() > 127)
        maps.append(found.ravel())
        edges.append(slope.ravel())
    truth = np.concatenate(truths)
    ours, theirs = (float(roc_auc_score(truth, np.concatenate(each))) for each in (maps, edges))
    return ours, theirs


def generation(runs: Runs) -> list[Row]:
    """Drawn digits beside real ones: of diffusion and a GAN, asked for by class, and of a VAE."""
    import mlzoo

    rows: list[Row] = []
    judge, accuracy = runs.train("cnn", MNIST)
    real = accuracy["metrics"]["accuracy"]
    for model in ("diffusion", "dcgan", "vae"):
        asked = () if model == "vae" else ("--set", "conditional=true")
        epochs = () if runs.quick or model == "vae" else ("--epochs", 30)
        folder, test = runs.train(model, MNIST, *asked, *epochs)
        scores, pca = test["metrics"], test["baselines"]["pca_gaussian"]
        strict = model == "diffusion"
        for name, bar in (("two_sample", TWO_SAMPLE), ("frechet", FRECHET), ("copies", COPIES)):
            limit = bar if strict or name == "copies" else pca[name]
            value = scores[name]
            beside = f"pca_gaussian {pca[name]:.3g}"
            rows.append([f"{model}, {name}", value, beside, limit, verdict(value <= limit)])
        if not asked:
            continue
        drawn = mlzoo.load(folder).generate(SAMPLES[runs.quick], seed=1)
        classes = np.arange(len(drawn.samples)) % 10
        labels = np.array(mlzoo.load(judge).predict(drawn.samples.astype("uint8")).labels)
        agreed = float((labels.astype(int) == classes).mean())
        beside = f"accuracy on real digits {real:.3g}"
        rows.append([f"{model}, class agreement", agreed, beside, AGREEMENT, ""])
        rows[-1][-1] = verdict(agreed >= AGREEMENT)
        score = _on_real(mlzoo.load(folder), drawn.scaled, classes)
        rows.append([f"{model}, trained on drawn, tested on real", score, "", ON_REAL, ""])
        rows[-1][-1] = verdict(score >= ON_REAL)
    return rows


def _on_real(run: Any, drawn: np.ndarray, classes: np.ndarray) -> float:
    """Accuracy on the real test split of a support-vector machine that learned drawn digits."""
    from sklearn.svm import SVC

    data = run.own_data()
    real = data.test.inputs().reshape(len(data.test), -1) / data.samples.maximum
    model = SVC(C=10.0).fit(drawn.reshape(len(drawn), -1), classes)
    return float(model.score(real, data.samples.classes[data.test.indices]))


def restoration(runs: Runs) -> list[Row]:
    """Errors of denoised digits, and what a restored membrane has over bicubic interpolation."""
    fast = ("--epochs", 12, "--learning-rate", 0.002, "--batch-size", 32, "--set", "depth=2")
    _, test = runs.train("unet", MNIST, "--restore", f"noise={NOISE}", *fast)
    error, linear = test["metrics"]["rmse"], test["baselines"]["linear"]["rmse"]
    beside = f"linear {linear:.3g}, median {test['baselines']['median']['rmse']:.3g}"
    rows = [["RMSE, denoised digits", error, beside, DENOISED, verdict(error <= DENOISED)]]
    small = ("--tile", 64, "--batch-size", 8, "--epochs", 10)
    _, test = runs.train("unet", "membrane", "--restore", "scale=2", *small, small=8)
    ours, bicubic = test["metrics"]["psnr"], test["baselines"]["bicubic"]["psnr"]
    gain = ours - bicubic
    beside = f"bicubic {bicubic:.4g}, linear {test['baselines']['linear']['psnr']:.4g}"
    rows.append(["dB over bicubic, membranes", gain, beside, GAIN, verdict(gain >= GAIN)])
    return rows


PARTS: dict[str, Callable[[Runs], list[Row]]] = {
    "reconstruction": reconstruction,
    "anomaly": anomaly,
    "generation": generation,
    "restoration": restoration,
}


def main() -> None:
    parser = arguments(__doc__)
    data_argument(parser)
    parser.add_argument("--part", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--quick", action="store_true", help="fewer samples and epochs")
    parser.add_argument("--digits", type=int, default=10, help="digits left out (default 10)")
    args = parser.parse_args()
    missed = False
    with tempfile.TemporaryDirectory() as out:
        runs = Runs(args.data, Path(out), args.quick, 1 if args.quick else args.digits)
        for part in args.part:
            rows = PARTS[part](runs)
            table(HEADER, rows)
            missed |= any(row[-1] == "MISSED" for row in rows)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
