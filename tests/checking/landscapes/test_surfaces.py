"""The loss around a model: planes, fast and plain surfaces, curvature, lines."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlzoo.checking.functions.descent import walk
from mlzoo.checking.landscapes import planes, surfaces
from mlzoo.checking.landscapes.columns import fast_surface
from mlzoo.checking.landscapes.curvature import eigenvalues, sentence
from mlzoo.checking.landscapes.losses import LossOf
from mlzoo.core.errors import UsageError

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(30, 6)).astype("float32")
Y = GENERATOR.integers(0, 3, 30)


def network(skip: bool = False, activation: str = "relu") -> keras.Model:
    keras.utils.set_random_seed(1)
    start = keras.Input((6,), name="input")
    x = keras.layers.Dense(5, name="one")(start)
    first = keras.layers.Activation(activation, name="act")(x)
    x = keras.layers.Dropout(0.5, name="drop")(first)
    x = keras.layers.Dense(5, activation="tanh", name="two")(x)
    x = keras.layers.Add(name="add")([x, first]) if skip else x
    return keras.Model(start, keras.layers.Dense(3, activation="softmax", name="head")(x))


def loss(model: keras.Model, chunk: int = 12) -> LossOf:
    return LossOf(model, keras.losses.SparseCategoricalCrossentropy(), X, Y, chunk)


@pytest.fixture(scope="module")
def plain() -> LossOf:
    return loss(network())


POINTS = np.array([[0.0, 0.0], [0.7, -1.0], [-2.0, 3.0]])


@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [
        ["one/kernel[2,1]", "one/kernel[4,3]"],
        ["one/kernel[2,1]", "one/kernel[4,1]"],
        ["one/kernel[2,1]", "one/bias[1]"],
        ["two/kernel[0,1]", "two/kernel[0,2]"],
        ["head/kernel[1,1]", "head/bias[0]"],
    ],
    ids=str,
)
def test_the_fast_surface_is_the_plain_one(plain, names) -> None:
    plane = planes.two_weights(plain.variables, plain.weights(), names)
    quick = fast_surface(plain, plane)
    assert quick is not None
    slow = [plain.value(plane.at(*point)) for point in POINTS]
    np.testing.assert_allclose(quick(POINTS), slow, rtol=2e-6)
    assert np.ptp(slow) > 1e-3
    own = network()
    own.compile(loss="sparse_categorical_crossentropy")
    assert slow[0] == pytest.approx(own.evaluate(X, Y, verbose=0), rel=1e-5)


@pytest.mark.parametrize(
    ("own", "names"),
    [
        (network(), ["one/kernel[0,0]", "two/kernel[0,0]"]),
        (network(skip=True), ["one/kernel[0,0]", "one/kernel[1,1]"]),
        (network(activation="softmax"), ["one/kernel[0,0]", "one/kernel[1,1]"]),
    ],
    ids=["two layers", "skip", "softmax"],
)
def test_what_is_not_so_simple_is_measured_as_well(own, names) -> None:
    found = loss(own)
    plane = planes.two_weights(found.variables, found.weights(), names)
    land = surfaces.OnPlane(found, plane)
    slow = [found.value(plane.at(*point)) for point in POINTS[:2]]
    np.testing.assert_allclose(land.value(POINTS[:2]), slow, rtol=2e-6)


def test_random_directions_have_the_filters_norms(plain) -> None:
    values = plain.weights()
    plane = planes.random_directions(values, seed=3)
    for value, direction in zip(values, plane.first, strict=True):
        if value.ndim == 1:
            assert not direction.any()
        else:
            np.testing.assert_allclose(
                np.linalg.norm(direction, axis=0), np.linalg.norm(value, axis=0), rtol=1e-5
            )
    again = planes.random_directions(values, seed=3)
    np.testing.assert_array_equal(plane.second[0], again.second[0])
    assert np.abs(plane.first[0] - plane.second[0]).max() > 0.01


def test_a_path_in_a_plane_is_found_whole() -> None:
    end = [np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0])]
    one = [np.eye(2), np.zeros(2)]
    two = [np.zeros((2, 2)), np.ones(2)]
    trail = [(4.0, 0.0), (2.0, 1.0), (0.5, 0.2), (0.0, 0.0)]
    snapshots = [
        [e + a * f + b * s for e, f, s in zip(end, one, two, strict=True)] for a, b in trail
    ]
    plane = planes.path_directions(snapshots, end)
    for place, snapshot in zip(plane.trail, snapshots, strict=True):
        for found, expected in zip(plane.at(*place), snapshot, strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-9)
    assert "100%" in plane.notes[0]
    for side, (low, high) in zip(plane.trail.T, plane.spans, strict=True):
        assert low < side.min() and side.max() < high


def test_wrong_weights_are_refused(plain) -> None:
    for name, cause in [
        ("one/kernle[0,0]", "did you mean 'one/kernel'"),
        ("one/kernel", "write LAYER/kernel[3,5]"),
        ("one/kernel[9,0]", "has shape (6, 5)"),
        ("one/bias[0,0]", "has shape (5,)"),
    ]:
        with pytest.raises(UsageError) as caught:
            planes.find(plain.variables, name)
        assert cause in str(caught.value)
    assert planes.split_names("a/kernel[1,2],b/bias[3]") == ["a/kernel[1,2]", "b/bias[3]"]


def test_eigenvalues_are_those_of_the_whole_hessian() -> None:
    keras.utils.set_random_seed(2)
    start = keras.Input((2,))
    own = keras.Model(start, keras.layers.Dense(3, activation="softmax")(start))
    found = LossOf(own, keras.losses.SparseCategoricalCrossentropy(), X[:, :2], Y)
    weights = found.weights()
    sizes = np.cumsum([w.size for w in weights])
    columns = []
    for flat in np.eye(int(sizes[-1])):
        parts = np.split(flat, sizes[:-1])
        vector = [p.reshape(w.shape) for p, w in zip(parts, weights, strict=True)]
        columns.append(np.concatenate([g.ravel() for g in found.product(weights, vector)]))
    hessian = np.array(columns)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-6)
    # Against differences of gradients, along one direction.
    direction = [np.ones_like(w) for w in weights]
    ends = [found.gradients([w + s * 1e-2 for w in weights]) for s in (1, -1)]
    slope = np.concatenate([((a - b) / 2e-2).ravel() for a, b in zip(*ends, strict=True)])
    flat = np.concatenate([d.ravel() for d in direction])
    np.testing.assert_allclose(hessian @ flat, slope, atol=1e-3)
    exact = np.linalg.eigvalsh(hessian)
    got = eigenvalues(found, weights, 3)
    np.testing.assert_allclose(got["largest"], exact[::-1][:3], rtol=1e-2)
    assert got["smallest"] == pytest.approx(exact[0], abs=1e-3)
    assert f"{2 / got['largest'][0]:.3g}" in sentence(got)


def test_optimisers_walk_on_the_surface() -> None:
    plain = loss(network(activation="tanh"))
    names = ["one/kernel[2,1]", "head/kernel[1,1]"]
    plane = planes.two_weights(plain.variables, plain.weights(), names)
    land = surfaces.OnPlane(plain, plane)
    assert not land.fast
    (sgd,) = walk(land, "sgd", [0.5], (0.5, 0.5), 2)
    slope = land.gradient(np.array([[0.5, 0.5]]))[0]
    np.testing.assert_allclose(sgd.points[1], 0.5 - 0.5 * slope, rtol=1e-6)
    ends = land.value(np.array([[0.51, 0.5], [0.49, 0.5]]))
    assert slope[0] == pytest.approx((ends[0] - ends[1]) / 0.02, abs=2e-4)
    (best,) = walk(land, "lbfgs", [], (0.5, 0.5), 6)
    assert best.values[-1] < sgd.values[-1] < sgd.values[0]


def test_a_budget_makes_the_grid_smaller(plain) -> None:
    plane = planes.two_weights(plain.variables, plain.weights(), [])
    land = surfaces.OnPlane(plain, plane)
    full = surfaces.measure(land, plane, 7, 1e9)
    assert full.z.shape == (7, 7) and full.note == ""
    assert full.z[3, 3] == pytest.approx(plain.value(plain.weights()), rel=1e-5)
    # Rows are the second weight, columns the first.
    assert full.z[0, 6] == pytest.approx(plain.value(plane.at(1.0, -1.0)), rel=1e-5)
    short = surfaces.measure(land, plane, 300, 1e-9)
    assert short.z.shape == (5, 5) and "5x5 points instead of 300x300" in short.note


def test_a_line_and_its_barrier(plain) -> None:
    values = plain.weights()
    other = [w + 1.0 for w in values]
    places = np.array([0.0, 0.5, 1.0])
    (found,) = surfaces.along([plain], other, values, places)
    assert found[2] == pytest.approx(plain.value(values), rel=1e-6)
    assert found[0] == pytest.approx(plain.value(other), rel=1e-6)
    assert surfaces.barrier([1.0, 5.0, 2.0], places) == 3.5
    assert surfaces.barrier([1.0, 1.0, 2.0], places) == 0.0
