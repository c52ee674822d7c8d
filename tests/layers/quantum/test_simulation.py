"""States of small circuits against matrices, and gradients against the parameter-shift rule."""

from __future__ import annotations

import math
import re
from functools import reduce
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.layers.gradients import GradientRecorder
from mlzoo.layers.quantum.circuit import QuantumCircuit, encoded, feature_map, variational
from mlzoo.layers.quantum.simulation import (
    GATES,
    Gate,
    StateVector,
    apply,
    expectation_z,
    probabilities,
    run,
    zero_state,
)

ONE = np.eye(2)
X, Y, Z = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])
H = (X + Z) / math.sqrt(2)
NAMED = {"H": H, "X": X, "Y": Y, "Z": Z}
AXES = {"RX": X, "RY": Y, "RZ": Z}
ON_PAIRS = {
    "CNOT": np.eye(4)[[0, 1, 3, 2]],
    "CZ": np.diag([1, 1, 1, -1]),
    "SWAP": np.eye(4)[[0, 2, 1, 3]],
}
BELL = [Gate("H", (0,)), Gate("CNOT", (0, 1))]


def vector(state: StateVector) -> np.ndarray:
    """The amplitudes as complex numbers, (batch, 2**qubits)."""
    real, imaginary = (keras.ops.convert_to_numpy(part) for part in state)
    return np.asarray(real + 1j * imaginary)


def drawn_state(qubits: int, batch: int = 3) -> StateVector:
    values = np.random.default_rng(qubits).normal(size=(2, batch, 2**qubits))
    values /= np.sqrt((values**2).sum(axis=(0, 2), keepdims=True))
    return StateVector(*(keras.ops.convert_to_tensor(part, "float32") for part in values))


def matrix(gate: Gate, qubits: int, angle: float) -> np.ndarray:
    """The whole matrix of a gate, (2**qubits, 2**qubits), from Kronecker products."""
    if gate.name in ON_PAIRS:
        # Qubits are moved to the front, changed, and moved back.
        order = [*gate.qubits, *(q for q in range(qubits) if q not in gate.qubits)]
        axes = np.arange(2**qubits).reshape((2,) * qubits).transpose(order).reshape(-1)
        moved = np.eye(2**qubits)[axes]
        return moved.T @ np.kron(ON_PAIRS[gate.name], np.eye(2 ** (qubits - 2))) @ moved
    if gate.name in AXES:
        own = math.cos(angle / 2) * ONE - 1j * math.sin(angle / 2) * AXES[gate.name]
    else:
        own = NAMED[gate.name]
    return reduce(np.kron, [own if q == gate.qubits[0] else ONE for q in range(qubits)])


@pytest.mark.parametrize("name", GATES)
def test_a_gate_is_its_matrix(name: str) -> None:
    state, angles = drawn_state(3), np.array([0.3, -1.1, 2.5], "float32")
    turned = name in AXES
    for qubits in [(0, 1), (2, 0), (1, 2)] if name in ON_PAIRS else [(0,), (1,), (2,)]:
        gate = Gate(name, qubits, 0 if turned else None)
        found = vector(apply(gate, state, keras.ops.convert_to_tensor(angles) if turned else None))
        expected = [matrix(gate, 3, a) @ v for a, v in zip(angles, vector(state), strict=True)]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_bell_and_ghz_states() -> None:
    half = 1 / math.sqrt(2)
    np.testing.assert_allclose(vector(run(BELL, zero_state(2))), [[half, 0, 0, half]], atol=1e-7)
    ghz = [*BELL, *(Gate("CNOT", (i, i + 1)) for i in range(1, 9))]
    state = run(ghz, zero_state(10))
    expected = np.zeros((1, 1024))
    expected[0, [0, -1]] = 0.5
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(probabilities(state)), expected, atol=1e-6
    )
    np.testing.assert_allclose(keras.ops.convert_to_numpy(expectation_z(state)), 0, atol=1e-6)


def test_the_bell_state_of_the_walk() -> None:
    page = (Path(__file__).parents[3] / "docs" / "course.md").read_text("utf-8")
    [block] = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    exec(block, names)
    chances = keras.ops.convert_to_numpy(names["chances"])
    np.testing.assert_allclose(chances, [[0.5, 0, 0, 0.5]], atol=1e-6)


def test_a_state_is_teleported() -> None:
    """Qubit 0 is measured with qubit 1, and qubit 2 corrected by what each measurement says."""
    angles = keras.ops.convert_to_tensor([[0.7, 1.9]], "float32")
    prepared = [Gate("RX", (0,), 0), Gate("RZ", (0,), 1)]
    sent = vector(run(prepared, zero_state(1), angles))[0]
    measured = [Gate("H", (1,)), Gate("CNOT", (1, 2)), Gate("CNOT", (0, 1)), Gate("H", (0,))]
    amplitudes = vector(run([*prepared, *measured], zero_state(3), angles)).reshape(2, 2, 2)
    for first in range(2):
        for second in range(2):
            received = amplitudes[first, second]
            assert np.vdot(received, received).real == pytest.approx(0.25, abs=1e-6)
            corrected = np.linalg.matrix_power(Z, first) @ np.linalg.matrix_power(X, second)
            fidelity = abs(np.vdot(sent, corrected @ received)) ** 2 / 0.25
            assert fidelity == pytest.approx(1, abs=1e-5)


@pytest.mark.backends
def test_norms_stay_1() -> None:
    rng = np.random.default_rng(0)
    x = keras.ops.convert_to_tensor(rng.normal(size=(5, 4)), "float32")
    angles = keras.ops.convert_to_tensor(rng.normal(size=(1, 8)), "float32")
    state = run(variational(4, 2), run(feature_map(4), zero_state(4), encoded(x)), angles)
    total = keras.ops.convert_to_numpy(probabilities(state)).sum(axis=1)
    np.testing.assert_allclose(total, np.ones(5), atol=1e-5)


def test_the_feature_map_is_its_phases() -> None:
    """All its gates behind H are diagonal: exp(-i/2 (sum x_i z_i + sum x_i x_j z_i z_j))."""
    x = np.array([[0.4, -1.3, 0.8], [2.0, 0.1, -0.6]], "float32")
    found = vector(run(feature_map(3), zero_state(3), encoded(keras.ops.convert_to_tensor(x))))
    z = 1 - 2 * np.array([[int(digit) for digit in f"{k:03b}"] for k in range(8)])
    pairs = [(0, 1), (0, 2), (1, 2)]
    phases = x @ z.T + sum(np.outer(x[:, i] * x[:, j], z[:, i] * z[:, j]) for i, j in pairs)
    np.testing.assert_allclose(found, np.exp(-0.5j * phases) / math.sqrt(8), atol=1e-6)


@pytest.mark.backends
def test_expectation_values_are_those_of_pennylane() -> None:
    """Printed by `default.qubit` of PennyLane 0.45.1 for the same gates."""
    layer = QuantumCircuit(2)
    layer.build((None, 3))
    layer.set_weights([np.array([[0.1, 0.9, -2.0], [1.3, -0.4, 0.6]])])
    found = keras.ops.convert_to_numpy(layer(np.array([[0.4, -1.3, 0.8]], "float32")))
    np.testing.assert_allclose(found, [[0.29627322, -0.16799861, -0.67115055]], atol=1e-6)


@pytest.mark.parametrize(
    ("gate", "angle", "message"),
    [
        (Gate("T", (0,)), None, "'T' is no gate; use one of H, X"),
        (Gate("CNOT", (1, 1)), None, "CNOT acts on 2 different qubits"),
        (Gate("H", (2,)), None, r"there are 2, from 0"),
        (Gate("RX", (0,)), None, "RX has an angle"),
        (Gate("X", (0,)), 0.5, "X has no angle"),
    ],
)
def test_wrong_gates_are_refused(gate: Gate, angle: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        apply(gate, zero_state(2), angle)
    with pytest.raises(ValueError, match="11 qubits can't be simulated; use 1 to 10"):
        zero_state(11)


@pytest.mark.backends
def test_gradients_follow_the_parameter_shift_rule() -> None:
    """d<Z>/dt = (<Z>(t + pi/2) - <Z>(t - pi/2)) / 2 for each trained angle (Schuld et al. 2019)."""
    keras.utils.set_random_seed(1)
    layer = QuantumCircuit(2, name="circuit")
    tensor = keras.Input((3,))
    model = keras.Model(tensor, layer(tensor))
    x = np.random.default_rng(2).normal(size=(4, 3)).astype("float32")
    start = layer.get_weights()[0]

    def total(shift: float, place: tuple[int, ...]) -> float:
        angles = start.copy()
        angles[place] += shift
        layer.set_weights([angles])
        return float(keras.ops.convert_to_numpy(model(x)).astype("float64").mean())

    expected = np.zeros_like(start)
    for place in np.ndindex(*start.shape):
        expected[place] = (total(math.pi / 2, place) - total(-math.pi / 2, place)) / 2
    layer.set_weights([start])
    recorder = GradientRecorder()
    model.compile(recorder, loss=lambda true, said: keras.ops.mean(said))
    model.train_on_batch(x, np.zeros((4, 3)))
    (gradient,) = recorder.gradients()
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(gradient, expected, atol=1e-5)
