"""Learning curves: errors, spread, bias and variance, and the sentence that they give."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.checking.landscapes import learning
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError
from mlzoo.core.spaces import Dimension
from mlzoo.data.contracts import task
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.layers.input_scaling import input_spec


def cubic(count: int = 90) -> Data:
    """A cubic of one input with noise of 0.2."""
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, (count, 1)).astype("float32")
    y = 4 * x[:, 0] ** 3 - 2 * x[:, 0] + 0.2 * random.normal(size=count)
    samples = Samples(x, y.astype("float32"), "regression")
    parts = [Part(samples, p) for p in np.split(np.arange(count), [count // 3, count - 5])]
    return Data(
        samples, *parts, input_spec(parts[0]), task(samples.task).output_spec(parts[0]), "made"
    )


CONFIG = RunConfig(model="linear", data="made", optimizer="lbfgs", epochs=200, keep="last",
                   early_stopping=0)  # fmt: skip


@pytest.fixture(scope="module")
def degrees() -> learning.Curve:
    dimension = Dimension("degree", "choice", choices=(1, 3, 9))
    return learning.against_setting(cubic(), CONFIG, dimension, 3)


def test_capacity_shows_bias_and_variance(degrees) -> None:
    one, three, nine = degrees.rows
    assert degrees.error == "rmse"
    assert three["valid"] < one["valid"] and nine["train"] < one["train"]
    assert three["valid"] == pytest.approx(0.2, abs=0.08)
    assert one["bias"] > 2 * three["bias"] and nine["variance"] > three["variance"]
    # What the two parts sum to is the mean squared error over the repeats.
    for row in degrees.rows:
        mean_square = row["valid"] ** 2 + row["valid_spread"] ** 2 * 2 / 3
        assert row["bias"] + row["variance"] == pytest.approx(mean_square, rel=1e-3)
    assert degrees.sentence.startswith("the validation error is lowest at degree 3, ")
    assert "at 1 it is" in degrees.sentence and "(too stiff)" in degrees.sentence


def test_the_curve_is_drawn_with_both_panels(degrees) -> None:
    figure = learning.draw(degrees, "cubic")
    assert len(figure.axes) == 2
    assert [line.get_label() for line in figure.axes[0].lines] == ["train", "valid"]


def test_samples_are_drawn_in_growing_numbers(monkeypatch) -> None:
    monkeypatch.setattr(learning, "SIZES", 2)
    data = cubic()
    found = learning.against_samples(data, CONFIG.model_copy(update={"set": {"degree": 3}}), 2)
    sizes = [row["value"] for row in found.rows]
    assert sizes[0] == 8 and sizes[-1] == len(data.train) and len(sizes) == 2
    assert found.rows[0]["valid"] > found.rows[-1]["valid"]
    assert found.rows[0]["variance"] > found.rows[-1]["variance"] == 0


def rows(*triples, spread=0.01):
    return [
        {"value": v, "train": t, "valid": e, "train_spread": spread, "valid_spread": spread}
        for v, t, e in triples
    ]


def test_sentences() -> None:
    falling = learning._about_samples(rows((50, 0.0, 0.3), (100, 0.0, 0.2)))
    assert falling.endswith("more samples would help")
    apart = learning._about_samples(rows((50, 0.0, 0.2), (100, 0.0, 0.2)))
    assert "smaller or regularized" in apart
    level = learning._about_samples(rows((50, 0.19, 0.2), (100, 0.195, 0.2)))
    assert "would not help; a larger model" in level
    edge = learning._about_setting("units", rows((4, 0.3, 0.3), (8, 0.1, 0.1)))
    assert "the end of the range" in edge


def test_too_little_data_is_refused() -> None:
    data = cubic(24)
    with pytest.raises(DataError, match="8 training samples are too few"):
        learning.against_samples(data, CONFIG, 2)
