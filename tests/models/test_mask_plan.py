"""Plan of networks for masks: what sizes and classes of the images decide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.data.samples import Part, Samples
from mlzoo.models._mask_plan import mask_plan
from mlzoo.runs.config_loading import merge
from mlzoo.runs.datasets import load
from mlzoo.training.starting.preparing import with_recipe
from tests.training.masks import folder


def split_of(sizes: list[tuple[int, int]], rarest: float) -> Part:
    """A training split of images of these sizes, whose second class has a share of each."""
    height, width = np.max(sizes, axis=0)
    areas = np.prod(sizes, axis=1)
    rare = np.round(areas * rarest).astype(int)
    samples = Samples(
        np.broadcast_to(np.uint8(0), (len(sizes), height, width, 1)),
        np.broadcast_to(np.uint8(0), (len(sizes), height, width)),
        "segmentation",
        "image",
        class_names=("background", "object"),
        sizes=np.array(sizes),
        pixels=np.stack([areas - rare, rare], axis=1),
    )
    return Part(samples, np.arange(len(sizes)))


@pytest.mark.parametrize(
    ("sizes", "rarest", "flags", "fields", "depth"),
    [
        # 14 of 512x512 in 4 crops each: 56 views; 4 of 256x256 are 2^18 pixels, the most of a step.
        ([(512, 512)] * 14, 0.22, {}, {"tile": 256, "batch_size": 4, "epochs": 37}, 4),
        ([(512, 512)] * 14, 0.04, {}, {"sampler": "balanced", "tile": 256}, 4),
        # Whole images: no crops, so none to center; 16 a step so that an epoch has 8.
        ([(128, 128)] * 128, 0.04, {}, {"batch_size": 16, "epochs": 64}, 3),
        ([(128, 128)] * 128, 0.04, {"preset": "best"}, {"epochs": 200}, 3),
        ([(128, 128)] * 128, 0.04, {"tile": 64}, {"tile": 64, "sampler": "balanced"}, 2),
        ([(512, 300)] * 9, 0.04, {"tile": "none"}, {"batch_size": 2}, 4),
        ([(24, 20)] * 9, 0.3, {}, {"batch_size": 2, "epochs": 200}, 1),
        ([(96, 96)] * 20_000, 0.3, {}, {"batch_size": 28, "epochs": 3}, 2),
    ],
)
def test_sizes_and_classes_decide(sizes, rarest, flags, fields, depth) -> None:
    config = RunConfig(**{"model": "unet", "data": "x", "preset": "good", **flags})
    plan = mask_plan(split_of(sizes, rarest), config)
    assert {name: plan.fields[name] for name in fields} == fields
    # Nobody can tell a black image from its mirror images.
    assert plan.settings == {"depth": depth, "mirrors": "both"}
    assert ("tile" in plan.fields, "sampler" in plan.fields) == (
        "tile" in fields,
        "sampler" in fields,
    )
    assert plan.averages and plan.fields["augment"] == "auto"


def test_the_plan_and_its_reasons_are_told(tmp_path: Path) -> None:
    flags = {"data": str(folder(tmp_path / "d", height=96, width=96)), "tile": 64}
    given = merge({"model": "unet", "preset": "good", **flags})
    result, note = with_recipe(given, load(given.config))
    assert (result.config.folds, result.config.set) == (5, {"depth": 2, "mirrors": "both"})
    assert note.startswith("preset good for 9 images of 96x96, rarest class 1")
    assert "--batch-size 4" in note and "--tile" not in note
    assert "--batch-size 4: 9 steps an epoch of at most 262,144 pixels" in note
    assert "--set depth=2: 64 pixels are halved to no less than 16" in note
    assert "--set mirrors=both: mirror images can't be told from images (area" in note
    # 9 images in 4 crops of 64x64 each, 200 times.
    assert "--epochs 200: about 29 million pixels" in note
    quick = merge({"model": "unet", **flags})
    assert with_recipe(quick, load(quick.config)) == (quick, "")
