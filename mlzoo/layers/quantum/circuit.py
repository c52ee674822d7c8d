"""A circuit that encodes numbers in a state and turns it by trained angles, as a Keras layer."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import keras
from keras import ops

from mlzoo.layers.quantum.simulation import Gate, expectation_z, run, zero_state


def feature_map(qubits: int) -> list[Gate]:
    """Return gates that encode numbers x (qubits,) and their products in the phases of a state.

    H and RZ(x_i) on each qubit, then for each pair CNOT(i, j), RZ_j(x_i x_j), CNOT(i, j). Havlicek
    et al. 2019, "Supervised learning with quantum-enhanced feature spaces", with products in place
    of (pi - x_i)(pi - x_j). The angles are those of `encoded`.
    """
    gates = [Gate("H", (qubit,)) for qubit in range(qubits)]
    gates += [Gate("RZ", (qubit,), qubit) for qubit in range(qubits)]
    for number, (i, j) in enumerate(combinations(range(qubits), 2)):
        gates += [Gate("CNOT", (i, j)), Gate("RZ", (j,), qubits + number), Gate("CNOT", (i, j))]
    return gates


def encoded(x: Any) -> Any:
    """Return the angles of `feature_map` for x (batch, qubits): its numbers, then the products."""
    first, second = zip(*combinations(range(x.shape[-1]), 2), strict=True)
    products = ops.take(x, first, axis=-1) * ops.take(x, second, axis=-1)
    return ops.concatenate([x, products], axis=-1)


def variational(qubits: int, layers: int) -> list[Gate]:
    """Return layers of RY on each qubit and a ring of CNOTs; angle l * qubits + i is of qubit i."""
    gates = []
    for layer in range(layers):
        gates += [Gate("RY", (i,), layer * qubits + i) for i in range(qubits)]
        gates += [Gate("CNOT", (i, (i + 1) % qubits)) for i in range(qubits)]
    return gates


@keras.saving.register_keras_serializable(package="mlzoo")
class QuantumCircuit(keras.layers.Layer):
    """Expectation values of Z on each qubit after `feature_map` and `variational`.

    Input: (batch, qubits), angles in radians; 2 to 10 qubits. Output: (batch, qubits) from -1 to 1.
    It computes in float32 under every precision policy: angles lose too much in 16 bits.

    Args:
        depth: layers of trained rotations; each has one angle a qubit.
    """

    def __init__(self, depth: int = 2, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.depth = int(depth)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Draw the angles, uniformly from -pi to pi."""
        self.angles = self.add_weight(
            shape=(self.depth, input_shape[-1]),
            initializer=keras.initializers.RandomUniform(-math.pi, math.pi),
            name="angles",
        )

    def call(self, x: Any) -> Any:
        """Simulate the circuit for x (batch, qubits)."""
        qubits = x.shape[-1]
        state = run(feature_map(qubits), zero_state(qubits, self.compute_dtype), encoded(x))
        trained = ops.reshape(self.angles, (1, -1))
        return expectation_z(run(variational(qubits, self.depth), state, trained))

    def gates(self) -> tuple[list[Gate], list[str]]:
        """Return the gates of the built layer, and the names of the angles x and t they turn by."""
        qubits = self.angles.shape[-1]
        names = [f"x{i}" for i in range(qubits)]
        names += [f"x{i} x{j}" for i, j in combinations(range(qubits), 2)]
        known = len(names)
        names += [f"t{i}" for i in range(self.depth * qubits)]
        trained = (
            gate if gate.angle is None else gate._replace(angle=known + gate.angle)
            for gate in variational(qubits, self.depth)
        )
        return [*feature_map(qubits), *trained], names

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape unchanged."""
        return input_shape

    def get_config(self) -> dict[str, object]:
        """Return the argument."""
        return {**super().get_config(), "depth": self.depth}
