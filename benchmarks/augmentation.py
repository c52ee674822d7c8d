"""Cost and gain of augmentation.

Throughput: images a second that the training pipeline makes with `medium`, at 128x128 and 256x256
pixels, with as many processes as cores; against a plain loop over albumentations with the same
policy, Keras's own random layers in a PyDataset with as many threads, and torch's DataLoader with
albumentations and 2 workers (left out where torch is not installed). Each runs in a process of its
own, in turns. The bar: 1.6 times the loop, and ahead of the other two.

Busy: how much of a training of a CNN on such images is spent in its steps, and how much of both
cores is used. The bar: 90 % of either.

Gains: test accuracy with `auto` and with `none` on the same splits, with an interval over 5 seeds
(paired t): crack patches, about 100 to train on, grouped by photograph, and 1,000 digits of MNIST.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from measuring import (
    MLZOO,
    arguments,
    best,
    data_argument,
    data_file,
    run,
    run_well,
    shown,
    table,
    verdict,
)

BATCH, SECONDS, BUSY = 32, 6.0, 0.9
BARS = {"loop": 1.6, "keras": 1.0, "torch": 1.0}
CNN = ["--set", "filters=16,32,64", "--epochs", 60, "--early-stopping", 15]
GAINS: dict[str, list[Any]] = {
    "crack_patches": ["--group-by", r"^(\d+)", "--fractions", "19/15/66"],
    "mnist10k/mnist10k.npz": ["--fractions", "10/5/85"],
}


def images(side: int) -> Any:
    """512 smooth random images, so that nothing but the pipeline is measured."""
    import cv2
    import numpy as np

    coarse = np.random.default_rng(0).integers(0, 256, (512, 16, 16, 3), np.uint8)
    return np.stack([cv2.resize(x, (side, side), interpolation=cv2.INTER_CUBIC) for x in coarse])


def composed(side: int) -> Callable[[Any], Any]:
    """Albumentations' own pipeline of the policy `medium`."""
    from mlzoo.augmentation.images import build
    from mlzoo.augmentation.library import albumentations
    from mlzoo.data.policies import preset

    steps = preset("images", "medium")
    transform = albumentations().Compose([build(step, (side, side, 3)) for step in steps])
    return lambda image: transform(image=image)["image"]


def ours(x: Any, side: int) -> Iterator[Any]:
    """Batches of a training with `medium`, epoch after epoch."""
    import numpy as np

    from mlzoo.augmentation.choosing import choose
    from mlzoo.data.samples import Part, Samples
    from mlzoo.training.loop.batches import Batches, SampleFeed

    labels = (np.arange(len(x)) % 2).astype("int32")
    samples = Samples(x, labels, "classification", "image", class_names=("a", "b"), maximum=255)
    part = Part(samples, np.arange(len(x)))
    feed = SampleFeed(part, 0, policy=choose("medium", part))
    batches = Batches(part, feed, BATCH, os.cpu_count() or 1)
    for number in range(10**6):
        for inputs, _, _ in batches.epoch(number):
            yield inputs


def loop(x: Any, side: int) -> Iterator[Any]:
    """One image after the other."""
    import numpy as np

    change = composed(side)
    for number in range(10**6):
        order = np.random.default_rng(number).permutation(len(x))
        for start in range(0, len(x), BATCH):
            yield np.stack([change(x[i]) for i in order[start : start + BATCH]])


def keras(x: Any, side: int) -> Iterator[Any]:
    """Keras's random layers, a batch at a time, in threads."""
    from concurrent.futures import ThreadPoolExecutor

    import keras as library
    import numpy as np

    layers = library.layers
    change = library.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(15 / 360, fill_mode="reflect"),
            layers.RandomZoom(0.1, fill_mode="reflect"),
            layers.RandomTranslation(0.08, 0.08, fill_mode="reflect"),
            layers.RandomBrightness(0.2),
            layers.RandomContrast(0.2),
            layers.RandomHue(0.05),
            layers.RandomSaturation(0.55),
            layers.GaussianNoise(0.05),
        ]
    )

    class Batches(library.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return len(x) // BATCH

        def __getitem__(self, index: int) -> Any:
            batch = x[index * BATCH : (index + 1) * BATCH].astype("float32")
            return np.asarray(change(batch, training=True))

    batches = Batches()
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for _ in range(10**6):
            yield from threads.map(batches.__getitem__, range(len(batches)))


def torch(x: Any, side: int) -> Iterator[Any]:
    """Torch's DataLoader with two processes."""
    from torch.utils.data import DataLoader, Dataset

    change = composed(side)

    class Images(Dataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return len(x)

        def __getitem__(self, index: int) -> Any:
            return change(x[index])

    loader = DataLoader(
        Images(), BATCH, shuffle=True, num_workers=2, persistent_workers=True, prefetch_factor=4
    )
    for _ in range(10**6):
        for batch in loader:
            yield batch.numpy()


SIDES = {"ours": ours, "loop": loop, "keras": keras, "torch": torch}


def pace(name: str, side: int) -> None:
    """Print the images a second of one way, after its start."""
    x = images(side)
    batches = SIDES[name](x, side)
    for _ in range(len(x) // BATCH):  # its processes are up, its layers traced
        next(batches)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        count += len(next(batches))
    print(json.dumps({"pace": count / (time.perf_counter() - began)}), flush=True)
    os._exit(0)  # generators that never end


def throughput(repeats: int) -> bool:
    """Images a second of all ways, in turns; whether the bars are met."""
    names = [
        n for n in SIDES if n != "torch" or run([sys.executable, "-c", "import torch"]).code == 0
    ]
    if "torch" not in names:
        print("torch is not installed, so its DataLoader is left out")
    holds = True
    rows = []
    for side in (128, 256):
        taken: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(repeats):
            for name in names:
                done = run_well([sys.executable, __file__, "--pace", name, "--side", side])
                taken[name].append(json.loads(done.out.splitlines()[-1])["pace"])
        fastest = {name: -best([-value for value in values]) for name, values in taken.items()}
        for name in names[1:]:
            ratio = fastest["ours"] / fastest[name]
            reached = ratio >= BARS[name]
            holds &= reached
            bar = f"{BARS[name]:g}: {verdict(reached)}"
            rows.append([f"{side}x{side}", name, fastest["ours"], fastest[name], ratio, bar])
    table(["images", "against", "ours / s", "theirs / s", "ratio", "bar"], rows)
    print()
    return holds


def busy() -> bool:
    """Share of a training's time that its steps take, and share of the cores that are used."""
    import numpy as np
    import psutil

    from mlzoo.core.configs import RunConfig
    from mlzoo.runs import datasets
    from mlzoo.training.building import build_model
    from mlzoo.training.compiling import compile_model
    from mlzoo.training.loop.batches import build_batches
    from mlzoo.training.loop.steps import build_steps

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npz"
        np.savez(path, x=images(128), y=np.arange(512) % 2)
        config = RunConfig(
            model="cnn", data=str(path), augment="medium", augment_workers=os.cpu_count() or 1
        )
        data = datasets.load(config)
        batches = build_batches(config, data, 0)
        model = build_model(config, data, 0)
        compile_model(model, data, config, batches.steps)
        steps = build_steps(model)
        for batch in batches.epoch(0):
            steps.step(batch)
        process = psutil.Process()
        children = process.children(recursive=True)

        def used() -> float:
            return sum(sum(p.cpu_times()[:2]) for p in (process, *children))

        began, cpu, inside = time.perf_counter(), used(), 0.0
        for number in range(1, 8):
            for batch in batches.epoch(number):
                since = time.perf_counter()
                float(steps.step(batch)["loss"])
                inside += time.perf_counter() - since
        wall = time.perf_counter() - began
        cores = (used() - cpu) / wall / (os.cpu_count() or 1)
        batches.close()
    share = inside / wall
    holds = share >= BUSY or cores >= BUSY
    print(
        f"a CNN on 128x128 images with medium: {share:.0%} of the time in its steps, {cores:.0%} "
        f"of {os.cpu_count()} cores used (bar {BUSY:.0%} of either): {verdict(holds)}\n"
    )
    return holds


def gains(folder: Path, seeds: int) -> None:
    """Accuracy with and without augmentation on the same splits."""
    import numpy as np
    from scipy import stats

    rows = []
    with tempfile.TemporaryDirectory() as out:
        for name, options in GAINS.items():
            data = data_file(folder, name)
            found: dict[str, list[float]] = {"none": [], "auto": []}
            count = 0
            for augment, accuracies in found.items():
                typed = [MLZOO, "train", "cnn", data, *options, *CNN, "--augment", augment]
                typed += ["--repeats", seeds]
                print(shown(typed), flush=True)
                where = f"{data.stem}-{augment}"
                run_well([*typed, "--out", out, "--name", where, "--json"])
                metrics = json.loads((Path(out) / where / "metrics.json").read_text("utf-8"))
                accuracies += metrics["repeats"]["summary"]["accuracy"]["values"]
                split = json.loads((Path(out) / where / "split.json").read_text("utf-8"))
                count = len(split["parts"]["train"]["indices"])
            gain = np.subtract(found["auto"], found["none"])
            half = stats.t.ppf(0.975, seeds - 1) * gain.std(ddof=1) / seeds**0.5
            means = {key: float(np.mean(values)) for key, values in found.items()}
            interval = f"[{gain.mean() - half:+.4f}, {gain.mean() + half:+.4f}]"
            rows.append([data.stem, count, means["none"], means["auto"], gain.mean(), interval])
    table(["data", "training", "none", "auto", "gain", "95 % interval"], rows)


def main() -> None:
    parser = arguments(__doc__, repeats=3, seeds=5)
    data_argument(parser)
    parser.add_argument("--tasks", nargs="+", default=["throughput", "busy", "gains"])
    parser.add_argument("--pace", choices=SIDES, help="print the pace of one way and end")
    parser.add_argument("--side", type=int, default=128, help="pixels a side, with --pace")
    args = parser.parse_args()
    if args.pace:
        pace(args.pace, args.side)
    holds = True
    if "throughput" in args.tasks:
        holds &= throughput(args.repeats)
    if "busy" in args.tasks:
        holds &= busy()
    if "gains" in args.tasks:
        gains(args.data, args.seeds)
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
