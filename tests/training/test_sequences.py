"""Training on sequences: exact resume, weights of steps, memory, and what is refused."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import mlzoo
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.core.validation.consistency import check_fit
from mlzoo.data.samples import Data
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.sequences.signals import delayed_xor
from mlzoo.training import checkpoints, full_batch
from mlzoo.training.building import build_model
from mlzoo.training.compiling import compile_model, measure
from mlzoo.training.loop.batches import build_batches, class_weights, padding_note, validation
from mlzoo.training.loop.bucketing import ByLength
from mlzoo.training.loop.early_stopping import Fitted
from mlzoo.training.loop.training import Training
from mlzoo.training.signals import Stop
from tests.contracts import outcome
from tests.training import made, sequences
from tests.training.test_resume import CopyAt, Cut, CutAt

LENGTHS = np.random.default_rng(0).integers(3, 12, 60)
RNN = {"cell": "gru", "units": [4]}
# JAX compiles each length, which takes long.
TENSORFLOW = keras.backend.backend() == "tensorflow"
UNEVEN = {"xla": "off", "buckets": 6} if TENSORFLOW else {"buckets": 2}


@functools.cache
def data(kind: str) -> Data:
    if kind == "windows":
        return sequences.data(sequences.windows(200, 5, 3, 5))
    return sequences.data(sequences.samples(LENGTHS, kind))


def config(**more: Any) -> RunConfig:
    base = {"model": "rnn", "set": RNN, "batch_size": 8, "epochs": 4, "early_stopping": 0}
    return made.config(**{**base, **more})


def fit(
    folder: Path, own: Data, listener: Listener | None = None, **more: Any
) -> tuple[Fitted, list[np.ndarray], Training]:
    """Only the training of a run: its history and all that a checkpoint would hold at its end."""
    chosen = config(**more)
    model = build_model(chosen, own, chosen.seed)
    training = Training(model, own, chosen, folder, chosen.seed, listener or Listener(), Stop())
    fitted = training.fit()
    return fitted, checkpoints.values(checkpoints.variables(training.trained)), training


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "uneven": (
        "classification",
        {"set": {**RNN, "dropout": 0.2, "recurrent_dropout": 0.2}, **UNEVEN},
    ),
    "labeling": (
        "labeling",
        {"set": {**RNN, "bidirectional": True}, "class_weights": "auto", "buckets": 2},
    ),
    "tcn": (
        "labeling",
        {"model": "tcn", "set": {"filters": 4, "blocks": 1, "dropout": 0.2}, "buckets": 2},
    ),
    "forecasting": ("windows", {"set": {**RNN, "pooling": "attention"}, "schedule": "cosine"}),
    "decoder": ("windows", {"set": {**RNN, "head": "decoder"}, "clip_norm": 1.0}),
    "carried": (
        "windows",
        {"set": {"units": [4, 3], "carry_state": True, "dropout": 0.2}, "batch_size": 3},
    ),
}


# What differs between backends: dropout's seeds, states, and a twin that is trained.
ON_BACKENDS = {"uneven", "decoder", "carried"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.backends if case in ON_BACKENDS else ())
        for case in CASES
    ],
)
def test_a_cut_changes_no_bit(case: str, tmp_path: Path) -> None:
    kind, more = CASES[case]
    own = data(kind)
    steps = build_batches(config(**more), own, 0).steps
    cut = 3 * steps + 2  # within the last epoch, after shapes that the first one did not have
    assert cut < 4 * steps
    (tmp_path / "whole").mkdir()
    copies = CopyAt(tmp_path / "whole", {cut})
    whole, state, _ = fit(tmp_path / "whole", own, copies, checkpoint_every=0, **more)
    found = checkpoints.newest(tmp_path / f"cut-{cut}")
    assert found is not None and (found.state["epoch"], found.state["step"]) == (4, 1)
    again, resumed, _ = fit(tmp_path / f"cut-{cut}", own, **more)
    assert again.history == whole.history
    assert len(state) == len(resumed)
    for one, other in zip(state, resumed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_later_epochs_of_these_sequences_have_new_shapes() -> None:
    """So that the cut above comes after shapes that the first epoch did not have."""
    chosen = config(buckets=6)
    batches = build_batches(chosen, data("classification"), 0)
    assert isinstance(batches.feed, ByLength)
    epochs = [{x.shape for x, _, _ in batches.epoch(epoch)} for epoch in range(3)]
    assert 1 < len(epochs[0]) < len(set.union(*epochs))


@pytest.mark.slow
@pytest.mark.backends
def test_states_that_are_carried_are_in_the_checkpoint(tmp_path: Path) -> None:
    kind, more = CASES["carried"]
    with pytest.raises(Cut):
        fit(tmp_path, data(kind), CutAt(3), checkpoint_every=0, **more)
    found = checkpoints.newest(tmp_path)
    assert found is not None
    states = [array for array in found.arrays if array.shape in {(3, 4), (3, 3)}]
    assert len(states) >= 4 and all(array.any() for array in states[:4])


@pytest.mark.slow
@pytest.mark.backends
def test_states_begin_empty_in_every_epoch(tmp_path: Path) -> None:
    """Without a change of weights the loss of each epoch is the same, and not that of no state."""
    own = data("windows")
    more = {"optimizer": "sgd", "learning_rate": 1e-12, "batch_size": 3}
    carried, _, _ = fit(tmp_path / "a", own, set={**RNN, "carry_state": True}, **more)
    losses = [row["loss"] for row in carried.history]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert losses[0] == pytest.approx(losses[2], rel=1e-6)
    chosen = config(set=RNN, **more)
    plain = build_model(chosen, own, 0)
    compile_model(plain, own, chosen, 1)
    fed = build_batches(config(set={**RNN, "carry_state": True}, **more), own, 0).epoch(0)
    alone = measure(plain, ((x, y) for x, y, _ in fed))["loss"]
    assert abs(alone - losses[0]) > 1e-4


def test_class_weights_of_labels_count_steps_and_scale_the_loss() -> None:
    own = data("labeling")
    steps = np.concatenate([own.train.target(i) for i in range(len(own.train))])
    counts = np.array([(steps == c).sum() for c in (0, 1)])
    weights = class_weights("auto", own)
    assert weights is not None and counts.sum() == LENGTHS[:36].sum() - 1
    np.testing.assert_allclose(weights, counts.sum() / (2 * counts))
    model = build_model(config(), own, 0)
    x, y = own.valid.inputs(), own.valid.targets
    said = outcome(model, x)
    there = np.arange(y.shape[1]) < LENGTHS[36:48, None]
    own_class = np.where(there, y, 0).astype(int)
    losses = -np.log(np.take_along_axis(said, own_class[..., None], -1)[..., 0])
    for choice, factor in (("none", np.ones(2)), ("auto", weights)):
        each = np.where(there, losses * factor[own_class], 0).sum(axis=1) / there.sum(axis=1)
        compile_model(model, own, config(class_weights=choice), 1)
        assert measure(model, validation(own))["loss"] == pytest.approx(each.mean(), rel=1e-5)


def test_how_much_is_padding_is_told() -> None:
    own = data("classification")
    feed = build_batches(config(buckets=3), own, 0).feed
    assert isinstance(feed, ByLength)
    share, longest = feed.padding()
    told = padding_note(config(buckets=3), own, 0)
    assert told.startswith(f"padding: {share:.0%} of the steps in batches of up to ")
    assert f"{longest:.0%} if all were padded to the longest" in told
    assert padding_note(config(), data("windows"), 0) == ""


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["simple", "gru", "lstm"])
def test_every_cell_remembers_what_was_five_steps_ago(cell: str) -> None:
    x, y = delayed_xor(256, 5, np.random.default_rng(0))
    keras.utils.set_random_seed(0)
    samples = sequences.samples([7] * 256)
    samples = type(samples)(Sequences.of(list(x)), y, "classification", "sequence", ("no", "yes"))
    own = sequences.data(samples, (0.8, 0.1))
    chosen = config(set={"cell": cell, "units": [16]})
    model = build_model(chosen, own, 0)
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    # An epoch costs more than its seven steps: 40 of them are trained as one.
    x, y = (
        np.tile(a, (40, *(1 for _ in a.shape[1:]))) for a in (own.train.inputs(), own.train.targets)
    )
    model.fit(x, y, batch_size=32, verbose=0)
    said = outcome(model, own.test.inputs())[:, 0] > 0.5
    assert (said == own.test.targets).mean() > 0.95


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "memory"), [("gru", 50), ("simple", 0)])
def test_gates_remember_fifty_steps_where_a_simple_cell_does_not(
    cell: str, memory: int, tmp_path: Path
) -> None:
    """Bengio, Simard and Frasconi 1994: gradients of simple cells vanish with the lag."""
    run = mlzoo.train(
        "rnn",
        "delayed-xor",
        out=str(tmp_path),
        source_set={"lag": 50, "samples": 2000},
        set={"cell": cell, "units": 24, "memory": memory},
        learning_rate=0.01,
        batch_size=32,
        clip_norm=1,
        epochs=8,
        early_stopping=0,
        **made.LEAN,
    )
    accuracy = run.metrics["test"]["metrics"]["accuracy"]
    if cell == "gru":
        assert accuracy > 0.98
    else:
        # Four standard deviations about chance over 400 test sequences.
        assert abs(accuracy - 0.5) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("windows", {"set": {**RNN, "head": "decoder"}}, "add --set teacher_forcing=false"),
        ("windows", {"set": {**RNN, "carry_state": True}}, "add --set carry_state=false"),
        ("labeling", {"set": {**RNN, "recurrent_dropout": 0.1}}, "take out rnn1"),
        (
            "labeling",
            {"set": {**RNN, "recurrent_dropout": 0.1, "bidirectional": True}},
            "take out rnn1",
        ),
        ("labeling", {"model": "tcn", "set": {"blocks": 1, "dropout": 0.1}}, "take out block1"),
    ],
)
def test_lbfgs_refuses_what_is_not_the_model_s_own_loss(
    kind: str, more: dict[str, Any], message: str
) -> None:
    chosen = config(optimizer="lbfgs", **more)
    model = build_model(chosen, data(kind), 0)
    with pytest.raises(UsageError, match=message):
        full_batch.fit(model, data(kind), chosen, Listener(), Stop())


@pytest.mark.slow
@pytest.mark.backends
def test_lbfgs_weighs_the_classes_of_steps() -> None:
    own = data("labeling")
    fitted = {}
    for choice in ("none", "auto"):
        chosen = config(optimizer="lbfgs", epochs=2, class_weights=choice)
        fitted[choice] = full_batch.fit(
            build_model(chosen, own, 0), own, chosen, Listener(), Stop()
        )
        losses = [row["loss"] for row in fitted[choice].history]
        assert losses[-1] < losses[0]
    assert fitted["none"].history != fitted["auto"].history


@pytest.mark.parametrize(
    ("task", "more", "message"),
    [
        ("labeling", {"loss": "dice", "class_weights": "auto"}, "has no effect on --loss dice"),
        ("forecasting", {"class_weights": "auto"}, "no effect on forecasting"),
        ("text", {"class_weights": "auto"}, "no effect on text"),
        ("labeling", {"sampler": "balanced"}, "no effect on labeling"),
        ("labeling", {"loss": "boundary"}, "--loss boundary does not fit labeling"),
        ("forecasting", {"loss": "crossentropy"}, "does not fit forecasting; choose mse"),
    ],
)
def test_what_does_not_fit_the_task_is_refused(
    task: str, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        check_fit(config(**more), task)
    check_fit(config(class_weights="auto", loss="dice+crossentropy"), "labeling")
