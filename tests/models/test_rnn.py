"""What is special to the recurrent network; the contract holds the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.gradients import GradientRecorder
from mlzoo.layers.recurrent import CELLS
from mlzoo.layers.scaling import SequenceScaling
from tests import contracts
from tests.contracts import ELSEWHERE, FORECAST, LABELS, NUMBERS, TEXT, ModelCase, outcome

VECTOR = Inputs((3,), "array")


def case(**settings: Any) -> ModelCase:
    return ModelCase("rnn", {"units": [5], **settings}, ((11, 2), (9, 3)), "sequence")


def scaled(shape: tuple[int, ...], **more: Any) -> Inputs:
    layer = SequenceScaling([0.1] * shape[-1], [2.0] * shape[-1], name="scaling")
    return Inputs(shape, "sequence", scaling=[keras.layers.serialize(layer)], **more)


def build(inputs: Inputs, outputs: Outputs, **settings: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    plugin = registry.load("model", "rnn")
    return plugin.build(plugin.Config(**settings), inputs, outputs)


def numbers(tensor: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def test_the_reference_network_has_its_weights() -> None:
    one = Outputs("regression", 1)
    model = build(scaled((7, 4)), one, cell="simple", units=(100,), head_bias=False)
    assert model.count_params() == 10_600
    assert model.get_layer("head").get_config()["activation"] == "linear"


@pytest.mark.parametrize(("cell", "matrices"), [("simple", 2), ("gru", 6), ("lstm", 8)])
def test_weight_matrices_of_a_layer(cell: str, matrices: int) -> None:
    layer = build(scaled((7, 4)), NUMBERS, cell=cell, units=(5,)).get_layer("rnn1")
    kernel, recurrent, _ = layer.get_weights()
    assert (len(kernel), len(recurrent)) == (4, 5)
    assert kernel.shape[1] / 5 + recurrent.shape[1] / 5 == matrices


VARIANTS: dict[str, dict[str, Any]] = {
    "simple": {"cell": "simple"},
    "gru": {"cell": "gru"},
    "lstm": {"cell": "lstm"},
    "bidirectional": {"cell": "gru", "bidirectional": True},
    "attention": {"cell": "simple", "pooling": "attention"},
    "mean": {"cell": "simple", "pooling": "mean"},
    "deep": {"cell": "lstm", "units": [4, 3], "layer_normalization": True, "bidirectional": True},
}

# JAX compiles each length: every kind of layer once, and every form of output.
ON_BACKENDS = {
    ("gru", "forecasting"),
    ("attention", "regression"),
    ("mean", "regression"),
    ("deep", "labeling"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "outputs"),
    [
        pytest.param(
            variant,
            outputs,
            marks=pytest.mark.backends if (variant, outputs.task) in ON_BACKENDS else (),
        )
        for variant, settings in VARIANTS.items()
        for outputs in (NUMBERS, LABELS, FORECAST)
        if outputs is not LABELS or "pooling" not in settings
    ],
)
def test_padding_changes_no_output(variant: str, outputs: Outputs) -> None:
    model = case(**VARIANTS[variant]).build(outputs)
    x = case().samples(4, outputs)
    together = outcome(model, x)
    for row, said in zip(x, together, strict=True):
        length = int((~np.isnan(row[:, 0])).sum())
        alone = outcome(model, row[None, :length])[0]
        np.testing.assert_allclose(said[: len(alone)], alone, atol=1e-5)
    assert {int((~np.isnan(row[:, 0])).sum()) for row in x} == {11, 9, 7, 5}


@pytest.mark.parametrize(("bidirectional", "earlier_change"), [(False, False), (True, True)])
def test_only_both_directions_see_the_future(bidirectional: bool, earlier_change: bool) -> None:
    model = case(bidirectional=bidirectional).build(LABELS)
    x = np.random.default_rng(0).normal(size=(1, 8, 2)).astype("float32")
    other = x.copy()
    other[:, 5] += 1
    changed = np.abs(outcome(model, x) - outcome(model, other)).max(axis=-1)[0] > 1e-6
    assert changed[:5].any() == earlier_change
    assert changed[5:].all()


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_one_output_a_sequence_comes_from_its_own_steps(pooling: str) -> None:
    model = case(cell="gru", pooling=pooling).build(NUMBERS)
    x = case().samples(4, NUMBERS)
    layer = model.get_layer("rnn1")
    steps = type(layer)(5, return_sequences=True)
    steps.build((None, None, 2))
    steps.set_weights(layer.get_weights())
    kernel, bias = model.get_layer("head").get_weights()
    for row, said in zip(x, outcome(model, x), strict=True):
        own = row[~np.isnan(row[:, 0])]
        states = numbers(steps((own[None] - 0.1) / 2))[0]
        state = states[-1] if pooling == "last" else states.mean(axis=0)
        expected = (state @ kernel + bias) * NUMBERS.std + NUMBERS.mean
        np.testing.assert_allclose(said, expected, atol=1e-5)


DECODER = ModelCase(
    "rnn",
    {"units": [5], "head": "decoder"},
    ((9, 2), (8, 3)),
    "sequence",
    tasks=("forecasting",),
    variant="-decoder",
)
ATTENTION = replace(DECODER, settings={"units": [5], **VARIANTS["attention"]}, variant="-attention")


@pytest.mark.slow
def test_variants_keep_the_contract(tmp_path: Path) -> None:
    for variant in (DECODER, ATTENTION):
        contracts.check_shapes(variant)
        contracts.check_gradients(variant)
    contracts.predict_in_new_process(tmp_path, [DECODER, ATTENTION])
    for variant in (DECODER, ATTENTION):
        contracts.check_saved(variant, tmp_path)


# Decoders


def decoder(cell: str, outputs: Outputs, inputs: Inputs | None = None, **more: Any) -> keras.Model:
    model = build(inputs or scaled((6, 2)), outputs, cell=cell, units=(4,), head="decoder", **more)
    noise = np.random.default_rng(1)
    model.set_weights([w + 0.3 * noise.normal(size=w.shape) for w in model.get_weights()])
    return model


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [FORECAST, ELSEWHERE], ids=["from_last", "elsewhere"])
@pytest.mark.parametrize(
    "cell", [pytest.param(c, marks=pytest.mark.backends if c == "lstm" else ()) for c in CELLS]
)
def test_a_free_decoder_is_one_taught_by_itself(cell: str, outputs: Outputs) -> None:
    model = decoder(cell, outputs)
    twin = model.twin
    assert twin.feeds == "targets"
    x = np.random.default_rng(0).normal(size=(3, 6, 2)).astype("float32")
    x[1, 4:] = np.nan
    said = outcome(model, x)
    np.testing.assert_allclose(numbers(twin.model([x, said])), said, atol=1e-5)


@pytest.mark.parametrize("outputs", [FORECAST, ELSEWHERE], ids=["from_last", "elsewhere"])
def test_teaching_reaches_the_steps_that_follow(outputs: Outputs) -> None:
    twin = decoder("gru", outputs).twin.model
    random = np.random.default_rng(0)
    x = random.normal(size=(1, 6, 2)).astype("float32")
    truth = random.normal(size=(1, outputs.horizon, 2)).astype("float32")
    before = numbers(twin([x, truth]))
    for step in range(outputs.horizon):
        other = truth.copy()
        other[:, step] += 2
        changed = np.abs(numbers(twin([x, other])) - before).max(axis=(0, 2)) > 1e-6
        # A truth is what the step after it is fed; the first one has no teacher.
        assert changed.tolist() == [later > step for later in range(outputs.horizon)]


def test_a_missing_truth_leaves_a_step_without_a_teacher() -> None:
    model = decoder("lstm", FORECAST)
    x = np.random.default_rng(0).normal(size=(2, 6, 2)).astype("float32")
    missing = np.full((2, 3, 2), np.nan, "float32")
    np.testing.assert_allclose(
        numbers(model.twin.model([x, missing])), outcome(model, x), atol=1e-6
    )


@pytest.mark.slow
def test_a_taught_decoder_has_the_weights_of_the_free_one_and_a_gradient_for_each() -> None:
    model = decoder("lstm", FORECAST)
    twin = model.twin.model
    assert {id(w) for w in twin.weights} == {id(w) for w in model.weights}
    recorder = GradientRecorder()
    twin.compile(recorder, "mse")
    x, truth = np.ones((2, 6, 2), "float32"), np.zeros((2, 3, 2), "float32")
    twin.train_on_batch([x, truth], truth)
    for variable, gradient in zip(twin.trainable_variables, recorder.gradients(), strict=True):
        assert gradient.any() and np.isfinite(gradient).all(), variable.path


def test_one_vector_becomes_a_sequence() -> None:
    model = decoder("gru", ELSEWHERE, VECTOR)
    x = np.random.default_rng(0).normal(size=(2, 3)).astype("float32")
    said = outcome(model, x)
    assert said.shape == (2, 4, 2)
    assert np.ptp(said, axis=1).min() > 1e-3, "each step differs"
    assert np.abs(said[0] - said[1]).min() > 1e-4, "the vector decides"


def test_without_teacher_forcing_there_is_no_twin() -> None:
    assert not hasattr(decoder("gru", FORECAST, teacher_forcing=False), "twin")


# States that are carried


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [FORECAST, TEXT], ids=lambda o: o.task)
@pytest.mark.parametrize(
    "more",
    [
        {"cell": "simple"},
        {"cell": "gru"},
        pytest.param({"units": (4, 3), "layer_normalization": True}, marks=pytest.mark.backends),
    ],
)
def test_pieces_with_carried_state_are_one_piece(more: dict[str, Any], outputs: Outputs) -> None:
    settings = {"units": (4,), **more}
    own = ModelCase("rnn", settings, ((4, 2), (4, 2)), "sequence")
    keras.utils.set_random_seed(0)
    inputs = replace(own.inputs(outputs), streams=2)
    model = build(inputs, outputs, **settings, carry_state=True)
    twin = model.twin
    assert twin.feeds == "goes_on"
    x = replace(own, shapes=((12, 2), (12, 2))).samples(2, outputs)
    x = np.nan_to_num(x)
    whole = outcome(model, x)
    for piece in range(3):
        goes_on = np.full((2, 1), float(piece > 0), "float32")
        said = numbers(twin.model([x[:, 4 * piece : 4 * piece + 4], goes_on]))
        if outputs.horizon:
            continue
        np.testing.assert_allclose(said, whole[:, 4 * piece : 4 * piece + 4], atol=1e-6)
    if outputs.horizon:
        np.testing.assert_allclose(said, whole, atol=1e-6)
    # A stream that starts anew forgets, the other one does not.
    last = x[:, 8:]
    again = numbers(twin.model([last, np.array([[0.0], [1.0]], "float32")]))
    fresh = outcome(model, last)
    np.testing.assert_allclose(again[0], fresh[0], atol=1e-6)
    assert np.abs(again[1] - fresh[1]).max() > 1e-4


def test_states_are_weights_of_the_twin_alone() -> None:
    inputs = replace(scaled((4, 2)), streams=3)
    model = build(inputs, FORECAST, units=(4, 2), carry_state=True)
    extra = [w for w in model.twin.model.weights if all(w is not own for own in model.weights)]
    assert sorted(tuple(w.shape) for w in extra) == [(3, 2), (3, 2), (3, 4), (3, 4)]
    assert not any(w.trainable for w in extra)
    ids = {id(w) for w in model.twin.model.trainable_weights}
    assert ids == {id(w) for w in model.trainable_weights}


# Settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"units": []}, "names no layer"),
        ({"teacher_forcing": False}, "no effect without head=decoder"),
        ({"carry_state": True, "bidirectional": True}, "exclude each other"),
        ({"carry_state": True, "head": "decoder"}, "exclude each other"),
        ({"dropout": 1.0}, "less than 1"),
    ],
)
def test_settings_that_do_not_fit_each_other(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        registry.load("model", "rnn").Config(**settings)


@pytest.mark.parametrize(
    ("settings", "outputs", "message"),
    [
        ({"head": "decoder"}, LABELS, "head=decoder has no effect on labeling"),
        ({"bidirectional": True}, TEXT, "bidirectional would see the characters"),
        ({"pooling": "mean"}, LABELS, "pooling has no effect on labeling"),
        ({"pooling": "attention"}, TEXT, "pooling has no effect on text"),
        ({"skip_last": False}, LABELS, "skip_last has no effect on labeling"),
        ({"carry_state": True}, NUMBERS, "carry_state has no effect on regression"),
    ],
)
def test_settings_that_do_not_fit_the_task(
    settings: dict[str, Any], outputs: Outputs, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        case(**settings).build(outputs)


def test_what_is_no_sequence_is_refused() -> None:
    with pytest.raises(UsageError, match="rnn needs sequences.*kind array and shape"):
        build(VECTOR, NUMBERS)
    with pytest.raises(UsageError, match="rnn needs sequences.*a folder with a table of each"):
        build(Inputs((4,), "table"), NUMBERS)
    with pytest.raises(UsageError, match="from one vector a sequence needs a decoder"):
        build(VECTOR, ELSEWHERE)


def test_a_vector_needs_no_encoder() -> None:
    with pytest.raises(UsageError, match="alone: dropout, pooling, several units"):
        build(VECTOR, ELSEWHERE, head="decoder", dropout=0.1, pooling="mean", units=(3, 4))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rnn", "tcn"])
def test_changes_need_a_last_value(name: str) -> None:
    with pytest.raises(UsageError, match="skip_last has no effect where the targets are not among"):
        ModelCase(name, {"skip_last": False}, ((11, 2), (9, 3)), "sequence").build(ELSEWHERE)
