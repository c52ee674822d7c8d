"""Where the time of a training goes."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.core.validation.consistency import check_fit
from mlzoo.training import checkpoints
from mlzoo.training.building import build_model
from mlzoo.training.loop.profiling import (
    CHECKPOINTS,
    COMPILING,
    READING,
    REST,
    STEPS,
    VALIDATION,
    ProfiledTraining,
    TimedPart,
    advise,
    write_profile,
)
from mlzoo.training.loop.training import Training
from mlzoo.training.signals import Stop
from tests.training import made


@pytest.mark.backends
def test_a_profiled_training_has_the_same_weights_and_tells_all_its_time(tmp_path: Path) -> None:
    config, data = made.config(epochs=3, early_stopping=0, batch_size=16), made.data()
    digests = []
    for kind in (Training, ProfiledTraining):
        model = build_model(config, data, 0)
        training = kind(model, data, config, tmp_path / kind.__name__, 0, Listener(), Stop())
        began = time.perf_counter()
        training.fit()
        spent = time.perf_counter() - began
        digests.append(checkpoints.weights_sha256(model))
    assert digests[0] == digests[1]
    assert isinstance(training, ProfiledTraining)
    parts = {part.name: part for part in training.parts()}
    # Three epochs of 16 + 16 + 4 samples; the first step of each size and validation compile.
    assert parts[STEPS].calls == 9 - 2
    assert parts[COMPILING].calls == 2 + 1
    assert parts[VALIDATION].calls == 3 - 1
    assert parts[READING].calls == 9 + 3
    assert parts[CHECKPOINTS].calls == 1
    assert all(part.seconds >= 0 for part in parts.values())
    total = sum(part.seconds for part in parts.values())
    assert 0.9 * spent <= total <= spent

    write_profile(tmp_path, training.parts(), config)
    rows = list(csv.DictReader((tmp_path / "profile.csv").open()))
    assert [row["part"] for row in rows] == list(parts)
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1, abs=1e-3)
    assert (tmp_path / "plots" / "profile.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ({READING: 5.0, STEPS: 5.0}, ["smaller images"]),
        ({COMPILING: 9.0, STEPS: 9.0}, ["50% is compiling"]),
        ({VALIDATION: 4.0, STEPS: 6.0}, ["--fractions"]),
        ({CHECKPOINTS: 1.0, STEPS: 9.0}, ["--checkpoint-every"]),
        ({STEPS: 0.1, REST: 0.1}, ["--batch-size"]),
        ({STEPS: 9.0, REST: 1.0}, ["--devices"]),
    ],
)
def test_advice_goes_with_what_takes_the_time(seconds: dict[str, float], words: list[str]) -> None:
    parts = [TimedPart(name, spent, 100) for name, spent in seconds.items()]
    advice = advise(parts, made.config())
    assert len(advice) == len(words)
    assert all(word in text for word, text in zip(words, advice, strict=True))


def test_augmentation_is_named_where_it_is_waited_for() -> None:
    parts = [TimedPart(READING, 5.0, 10), TimedPart(STEPS, 5.0, 10)]
    assert "--augment-workers" in advise(parts, made.config(augment="light"))[0]


def test_what_can_not_be_profiled_is_refused() -> None:
    with pytest.raises(ValueError, match="profile is of one training"):
        RunConfig(model="mlp", data="iris", profile=True, folds=3)
    with pytest.raises(UsageError, match="--profile is not for control"):
        check_fit(RunConfig(model="dqn", data="grid-snake", profile=True), "control")
    assert np.isfinite(TimedPart(STEPS, 1.0, 0).each)
