"""Averages of the weights: by hand, validated and kept, and exact after a cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mlzoo.core.progress import Listener
from mlzoo.core.validation.consistency import inert
from mlzoo.training import checkpoints
from mlzoo.training.building import build_model
from mlzoo.training.loop.training import Training
from mlzoo.training.signals import Stop
from tests.training import made
from tests.training.test_resume import CopyAt

DECAY = 0.8
GIVEN = {"epochs": 3, "batch_size": 8, "learning_rate": 0.05, "keep": "last", "early_stopping": 0}


class Watched(Training):
    """A training that notes the weights after each step."""

    def _step(self, batch) -> None:
        super()._step(batch)
        self._settle()
        self.steps.sync()
        self.seen = [*getattr(self, "seen", []), checkpoints.values(self.model.weights)]


def fitted(folder: Path, listener: Listener | None = None, **more):
    data, config = made.data(), made.config(**{**GIVEN, **more})
    model = build_model(config, data, 0)
    training = Watched(model, data, config, folder, 0, listener or Listener(), Stop())
    return training, training.fit()


@pytest.mark.backends
def test_the_average_of_the_weights_is_validated_and_saved(tmp_path: Path) -> None:
    training, fit = fitted(tmp_path, ema_momentum=DECAY)
    average, steps = training.seen[0], 5  # 36 samples, 8 a step
    expected = []
    for step, weights in enumerate(training.seen[1:], start=2):
        pairs = zip(average, weights, strict=True)
        average = [DECAY * mean + (1 - DECAY) * own for mean, own in pairs]
        if step % steps == 0:
            expected.append(average)
    plain, without = fitted(tmp_path / "plain")
    for ours, theirs in zip(training.seen, plain.seen, strict=True):
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6)  # the steps are the same
    for saved, mean in zip(checkpoints.values(training.model.weights), average, strict=True):
        np.testing.assert_allclose(saved, mean, rtol=1e-5, atol=1e-7)
    model, data = training.model, training.data
    for row, weights in zip(fit.history, expected, strict=True):
        checkpoints.assign(model.weights, weights)
        logs = model.evaluate(data.valid.inputs(), data.valid.targets, verbose=0, return_dict=True)
        assert row["val_loss"] == pytest.approx(logs["loss"], rel=1e-4)
    assert fit.history[0]["loss"] == pytest.approx(without.history[0]["loss"], rel=1e-5)
    assert fit.history[0]["val_loss"] != pytest.approx(without.history[0]["val_loss"], rel=1e-3)


@pytest.mark.backends
def test_the_end_of_a_training_is_averaged_in_equal_parts(tmp_path: Path) -> None:
    training, fit = fitted(tmp_path, swa_share=2 / 3)
    last = training.seen[5:]  # 2 of 3 epochs, of 5 steps each
    for saved, each in zip(
        checkpoints.values(training.model.weights), zip(*last, strict=True), strict=True
    ):
        np.testing.assert_allclose(saved, np.mean(each, axis=0), rtol=1e-5, atol=1e-6)
    model, data = training.model, training.data
    checkpoints.assign(model.weights, training.seen[4])  # of the epoch before, as they are
    logs = model.evaluate(data.valid.inputs(), data.valid.targets, verbose=0, return_dict=True)
    assert fit.history[0]["val_loss"] == pytest.approx(logs["loss"], rel=1e-4)


def test_averages_of_two_kinds_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="ema_momentum and swa_share exclude each other"):
        made.config(ema_momentum=0.9, swa_share=0.5)


@pytest.mark.parametrize("average", [{"ema_momentum": DECAY}, {"swa_share": 0.7}])
def test_a_cut_changes_no_bit(tmp_path: Path, average: dict[str, float]) -> None:
    (tmp_path / "whole").mkdir()
    copies = CopyAt(tmp_path / "whole", {7})
    best = {**average, "keep": "best", "checkpoint_every": 0}
    whole, _ = fitted(tmp_path / "whole", copies, **best)
    again, _ = fitted(tmp_path / "cut-7", **best)
    assert checkpoints.weights_sha256(again.model) == checkpoints.weights_sha256(whole.model)


def test_who_has_no_steps_has_no_average() -> None:
    assert "ema_momentum" in inert(
        {"model": "mlp", "optimizer": "lbfgs", "ema_momentum": 0.9}, {"ema_momentum"}
    )


def test_micro_batches_average_as_whole_steps_do() -> None:
    from mlzoo.training.optimizers import build_optimizer

    optimizer = build_optimizer(made.config(ema_momentum=0.9), 5, micro=2)
    assert optimizer.use_ema and optimizer.ema_momentum**2 == pytest.approx(0.9)
    assert not build_optimizer(made.config(), 5).use_ema
