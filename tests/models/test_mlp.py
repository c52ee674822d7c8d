from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.data.contracts import Recipe
from mlzoo.data.samples import Part
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.activations import TrainableExponent, TrainableSlope
from mlzoo.layers.input_scaling import input_spec
from mlzoo.models import linear, mlp
from tests.training import made

PAIRS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")


def _model(features: int = 3, units: int = 10, **settings: Any) -> keras.Model:
    config = mlp.Config(**settings)
    return mlp.build(config, Inputs((features,), "table"), Outputs("classification", units))


def _predict(model: keras.Model, x: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(np.asarray(x, "float32"), training=False))


@pytest.mark.backends
def test_forward_pass_of_the_2_3_2_3_network() -> None:
    model = _model(features=2, units=3, hidden=[3, 2])
    assert model.count_params() == 26
    hidden1 = np.array([[1, 0], [-1, 0], [0, 0.5]]), np.array([0, 0, 1])
    hidden2 = np.array([[1, 0, 0], [-1, -1, 0]]), np.array([1, -1])
    head = np.array([[1, 1], [0, 0], [-1, -1]]), np.array([1, 0, 0])
    for name, (weights, bias) in {"hidden1": hidden1, "hidden2": hidden2, "head": head}.items():
        model.get_layer(name).set_weights([weights.T, bias])
    expected = [
        [0.94649912, 0.04712342, 0.00637746],
        [0.84379473, 0.1141952, 0.04201007],
        [0.84379473, 0.1141952, 0.04201007],
    ]
    np.testing.assert_allclose(_predict(model, [[1, -1], [0, -1], [0, 1]]), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("bias", "weight", "expected"),
    [
        (-1, 2, [0.268941, 0.731059, 0.731059, 0.952574]),  # or
        (1, -2, [0.731059, 0.268941, 0.268941, 0.047426]),  # nor
        (-3, 2, [0.047426, 0.268941, 0.268941, 0.731059]),  # and
        (3, -2, [0.952574, 0.731059, 0.731059, 0.268941]),  # nand
    ],
)
def test_one_neuron_is_a_logic_gate(bias: float, weight: float, expected: list[float]) -> None:
    gate = linear.build(linear.Config(), Inputs((2,)), Outputs("classification", 1))
    gate.get_layer("head").set_weights([np.full((2, 1), weight), np.array([bias])])
    np.testing.assert_allclose(_predict(gate, PAIRS)[:, 0], expected, atol=1e-6)


def test_xor_of_two_hidden_gates() -> None:
    model = _model(features=2, units=1, hidden=2, activation="sigmoid")
    model.get_layer("hidden1").set_weights([np.array([[-2, 2], [-2, 2]]), np.array([1.5, -3])])
    model.get_layer("head").set_weights([np.array([[-2], [-2]]), np.array([1.5])])
    hidden = keras.Model(model.input, model.get_layer("hidden1_activation").output)
    nor, both = _predict(hidden, PAIRS).T
    np.testing.assert_allclose(nor, [0.817574, 0.377541, 0.377541, 0.075858], atol=1e-6)
    np.testing.assert_allclose(both, [0.047426, 0.268941, 0.268941, 0.731059], atol=1e-6)
    xor = _predict(model, PAIRS)[:, 0]
    np.testing.assert_allclose(xor, [0.442752, 0.551575, 0.551575, 0.471572], atol=1e-6)


def _xor_solved(build: Callable[[], keras.Model], copies: int) -> int:
    """How many copies of a model solve XOR, from N(0, 1) weights by gradient descent.

    The copies are trained side by side as one model, since a step costs the same for all of them.
    """
    generator = np.random.default_rng(0)
    tensor = keras.Input((2,))
    outputs = []
    for number in range(copies):
        model = build()
        model.name = f"copy{number}"
        model.set_weights([generator.normal(size=w.shape) for w in model.get_weights()])
        outputs.append(model(tensor))
    together = keras.Model(tensor, keras.layers.Concatenate()(outputs))
    # The loss is a mean over the copies, so the rate is theirs times their number.
    together.compile(keras.optimizers.SGD(5.0 * copies), "binary_crossentropy")
    wanted = np.repeat([[0.0], [1.0], [1.0], [0.0]], copies, axis=1)
    x, y = np.tile(PAIRS, (300, 1)), np.tile(wanted, (300, 1))
    together.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    return int(((_predict(together, PAIRS) > 0.5) == wanted).all(axis=0).sum())


@pytest.mark.slow
@pytest.mark.parametrize(("units", "least", "most"), [(2, 11, 22), (4, 22, 24)], ids=str)
def test_how_often_xor_is_solved(units: int, least: int, most: int) -> None:
    # Published for 200 seeds: 137 with 2 hidden units, 200 with 4.
    def build() -> keras.Model:
        return _model(features=2, units=1, hidden=units, activation="sigmoid", dropout=0)

    assert least <= _xor_solved(build, copies=24) <= most


@pytest.mark.slow
def test_one_neuron_never_solves_xor() -> None:
    def build() -> keras.Model:
        return linear.build(linear.Config(), Inputs((2,)), Outputs("classification", 1))

    assert _xor_solved(build, copies=20) == 0


@pytest.mark.parametrize(
    ("features", "units", "settings", "count"),
    [
        (784, 10, {"hidden": "400,256"}, 419_226),
        (1024, 6, {"hidden": 20}, 20_626),
        (9216, 6, {"hidden": [20]}, 184_466),
        (3, 10, {"hidden": "8,16,32,16,32,16", "skips": "2-4,4-6"}, 2_490),
    ],
)
def test_parameter_counts(features: int, units: int, settings: dict[str, Any], count: int) -> None:
    assert _model(features, units, **settings).count_params() == count


def test_images_are_flattened() -> None:
    config = mlp.Config(hidden=[5])
    model = mlp.build(config, Inputs((4, 3, 2), "image"), Outputs("regression", 1))
    assert model.get_layer("hidden1").kernel.shape == (24, 5)


def test_skips_add_what_they_say() -> None:
    # tanh: of few rectified units, all may be 0 for a sample.
    model = _model(hidden="8,16,32,16,32,16", skips="2-4,4-6", activation="tanh")
    outputs = {
        name: model.get_layer(name).output
        for name in ("hidden2_activation", "hidden4_activation", "hidden4_join")
    }
    values = keras.Model(model.input, outputs)(np.ones((2, 3), "float32"))
    a, before, b = (keras.ops.convert_to_numpy(values[name]) for name in outputs)
    np.testing.assert_allclose(b, before + a, atol=1e-6)
    assert np.ptp(a) > 0


def test_skips_can_concatenate() -> None:
    model = _model(hidden="8,16", skips="0-1,0-2", join="concatenate")
    assert model.get_layer("hidden1_join").output.shape == (None, 11)
    assert model.get_layer("hidden2_join").output.shape == (None, 19)
    assert model.get_layer("head").kernel.shape == (19, 10)


def test_skip_from_inputs_of_another_size_is_refused() -> None:
    with pytest.raises(UsageError, match="3 features.*8 units.*join=concatenate"):
        _model(hidden="8,8", skips="0-2")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"hidden": ""}, "names no layer"),
        ({"hidden": "64,x"}, "valid integer"),
        ({"hidden": "64,0"}, "greater than or equal to 1"),
        ({"activation": "rellu"}, "'relu', 'leaky_relu'"),
        ({"dropout": ".1,.2,.3"}, "dropout has 3 values for 2 hidden layers"),
        ({"activation": "relu,tanh,elu"}, "activation has 3 values for 2 hidden layers"),
        ({"dropout": 1}, "less than 1"),
        ({"exponent": 1.5}, "no effect without activation trainable_exponent"),
        ({"join": "concatenate"}, "join has no effect without skips"),
        ({"skips": "1"}, "'1' is no skip connection; write from-to"),
        ({"skips": "2-1"}, "'2-1' is no skip connection"),
        ({"skips": "0-1,0-1"}, "given twice"),
        ({"skips": "1-3"}, "ends at layer 3, but there are 2"),
        ({"hidden": "8,4", "skips": "1-2"}, "adds 8 units to 4"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        mlp.Config(**settings)


@pytest.mark.parametrize("given", [(64,), [64], "64", 64])
def test_lists_may_be_one_number_or_text(given: Any) -> None:
    assert mlp.Config(hidden=given).hidden == (64,)


def test_one_value_a_layer() -> None:
    model = _model(hidden="6,5,4", activation="tanh,selu,leaky_relu", dropout="0,.2,.3")
    names = [layer.name for layer in model.layers]
    assert "hidden1_dropout" not in names
    assert isinstance(model.get_layer("hidden2_dropout"), keras.layers.AlphaDropout)
    assert model.get_layer("hidden2_dropout").rate == 0.2
    assert type(model.get_layer("hidden3_dropout")) is keras.layers.Dropout
    assert model.get_layer("hidden1_activation").activation is keras.activations.tanh
    assert model.get_layer("hidden3_activation").negative_slope == 0.01


@pytest.mark.parametrize(
    ("activation", "initializer"),
    [
        ("relu", keras.initializers.HeNormal),
        ("trainable_exponent", keras.initializers.HeNormal),
        ("selu", keras.initializers.LecunNormal),
        ("tanh", keras.initializers.GlorotUniform),
        ("sigmoid", keras.initializers.GlorotUniform),
    ],
)
def test_automatic_initializers(activation: str, initializer: type) -> None:
    layer = _model(activation=activation).get_layer("hidden1")
    assert type(layer.kernel_initializer) is initializer


def test_activations_with_weights() -> None:
    model = _model(hidden="5,5,5", activation="prelu,trainable_exponent,trainable_slope")
    assert model.get_layer("hidden1_activation").count_params() == 5
    assert isinstance(model.get_layer("hidden2_activation"), TrainableExponent)
    assert isinstance(model.get_layer("hidden3_activation"), TrainableSlope)
    exponent = _model(hidden=5, activation="trainable_exponent", exponent=1.5)
    assert float(exponent.get_layer("hidden1_activation").exponent) == 1.5


def test_batch_normalization_replaces_the_bias() -> None:
    model = _model(hidden="6,5", batch_normalization=True)
    assert model.get_layer("hidden1").bias is None
    order = [layer.name for layer in model.layers][1:4]
    assert order == ["hidden1", "hidden1_norm", "hidden1_activation"]


def test_penalties_are_in_the_loss() -> None:
    model = _model(hidden=4, l1=0.1, l2=0.01)
    kernels = [model.get_layer(name).get_weights()[0] for name in ("hidden1", "head")]
    expected = sum(0.1 * np.abs(k).sum() + 0.01 * np.square(k).sum() for k in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.backends
@pytest.mark.parametrize("units", [1, 3])
def test_members_share_weights_and_the_model_is_their_mean(units: int) -> None:
    keras.utils.set_random_seed(0)
    model = _model(units=units, hidden=[5, 4], members=3)
    x = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    held = keras.Model(model.input, model.get_layer("members").output)
    each = _predict(held, x)
    assert each.shape == (6, 3, units)
    np.testing.assert_allclose(_predict(model, x), each.mean(axis=1), atol=1e-6)
    assert each.std(axis=1).max() > 1e-3
    trained = _predict(model.twin.model, x)
    np.testing.assert_allclose(trained, each.reshape(18, units), atol=1e-6)
    kernels = 3 * 5 + 5 * 4 + (4 * units + units)
    own = 3 * ((3 + 5 + 5) + (5 + 4 + 4) + 4 + 2 * units)
    assert model.count_params() == kernels + own


@pytest.mark.backends
def test_a_member_is_the_network_of_its_scales() -> None:
    model = _model(units=1, hidden=[4], members=2, activation="tanh")
    random = np.random.default_rng(1)
    for layer in model.layers:
        layer.set_weights([random.normal(size=w.shape) for w in layer.weights])
    x = random.normal(size=(5, 3)).astype("float32")
    kernel, r, s, b = model.get_layer("hidden1").get_weights()
    head, bias = model.get_layer("head").get_weights()
    [scale] = model.get_layer("head_scale").get_weights()
    last, shift = model.get_layer("head_bias").get_weights()
    held = keras.Model(model.input, model.get_layer("members").output)
    for member in range(2):
        hidden = np.tanh((x * r[member]) @ kernel * s[member] + b[member])
        logit = ((hidden * scale[member]) @ head + bias) * last[member] + shift[member]
        expected = 1 / (1 + np.exp(-logit))
        np.testing.assert_allclose(_predict(held, x)[:, member], expected, atol=1e-5)


def test_members_and_skips_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="members can't have skips"):
        mlp.Config(hidden=[4, 4], members=2, skips="0-2")


def test_the_recipe_is_for_tables_and_counts_steps() -> None:
    data = made.data(n=200)
    config = RunConfig(model="mlp", data="made")
    assert mlp.recipe(data, config) == Recipe()
    samples = made.as_table(data.samples, data.samples.inputs)
    train = Part(samples, data.train.indices)
    table = replace(data, samples=samples, train=train, inputs=input_spec(train))
    advice = mlp.recipe(table, config)
    assert advice.reason == "120 rows"
    assert advice.fields["epochs"] == 500  # of two steps
    assert mlp.recipe(table, config.model_copy(update={"batch_size": 8})).fields["epochs"] == 100
    whole = mlp.recipe(table, config.model_copy(update={"optimizer": "lbfgs"}))
    assert (whole.fields, whole.settings) == ({}, {"dropout": [0.0]})
    mlp.Config(**advice.settings)
    skipping = config.model_copy(update={"set": {"skips": "0-2"}})
    assert mlp.recipe(table, skipping).settings["members"] == 1
    assert advice.averages
