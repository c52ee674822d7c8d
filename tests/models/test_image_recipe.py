"""Recipe of convolutional networks for images with a class."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.data.specs import Target
from mlzoo.models import cnn, resnet
from mlzoo.models._image_recipe import image_recipe


def recommended(images: int, target: Target | None = None, depth: int = 0, **flags):
    samples = SimpleNamespace(target=target or Target("classes"))
    inputs = SimpleNamespace(depth=depth)
    data = SimpleNamespace(samples=samples, train=range(images), inputs=inputs)
    return image_recipe(data, RunConfig(model="cnn", data="x", **flags))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("images", "size", "epochs"),
    [(1_078, "auto", 30), (320, "auto", 100), (64_000, "auto", 10), (3_200, 16, 30)],
)
def test_the_budget_follows_the_number_of_images(images, size, epochs) -> None:
    fields = recommended(images, batch_size=size).fields
    assert fields["epochs"] == epochs
    assert fields["augment"] == "auto"
    assert fields["schedule"] == "cosine"
    assert fields["early_stopping"] == 0


def test_other_targets_have_no_recipe() -> None:
    assert not recommended(100, Target("numbers")).fields
    assert not recommended(100, Target("classes", "pixel")).fields
    assert not recommended(100, optimizer="lbfgs").fields
    assert not recommended(100, depth=8).fields, "volumes"


def test_networks_of_images_have_it() -> None:
    assert cnn.recipe is resnet.recipe is image_recipe
