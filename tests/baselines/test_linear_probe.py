"""Regression on features of a backbone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mlzoo.baselines import linear_probe
from mlzoo.baselines.linear_probe import ProbedBackbone, fit, left_out
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.data.specs import Outputs
from mlzoo.layers.input_scaling import input_spec
from mlzoo.training.starting.preparing import _left_out


def striped(count: int = 24) -> Data:
    """Small images with vertical stripes or, of the second class, horizontal ones."""
    random = np.random.default_rng(0)
    y = (np.arange(count) % 2).astype("int64")
    lines = 255 * (np.arange(16) // 4 % 2)
    x = np.stack([np.tile(lines, (16, 1)).T if each else np.tile(lines, (16, 1)) for each in y])
    x = np.clip(x + random.normal(0, 20, x.shape), 0, 255).astype("uint8")[..., None]
    samples = Samples(x, y, "classification", "image", ("across", "down"), maximum=255.0)
    parts = [Part(samples, piece) for piece in np.split(np.arange(count), [12, 12])]
    return Data(samples, *parts, input_spec(parts[0]), Outputs("classification", 1), "f")


def test_random_features_tell_stripes_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_probe, "PROBE", ProbedBackbone("mobilenet", "none", 0.25))
    monkeypatch.setattr(linear_probe, "SIDE", 32)
    data = striped()
    baseline = fit(data, 0)
    assert baseline is not None and baseline.note == "features of mobilenet"
    predicted = baseline.predict(data.test.inputs())
    assert predicted.shape == (12, 2)
    np.testing.assert_allclose(predicted.sum(axis=1), 1)
    assert (predicted.argmax(axis=1) == data.test.targets).all()


def test_without_weights_it_is_left_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    data = striped()
    assert fit(data, 0) is None
    assert "mlzoo weights pull mobilenet_v2" in left_out(data)
    assert _left_out(data) == [left_out(data)]
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / linear_probe._FILE).touch()
    assert left_out(data) == ""
