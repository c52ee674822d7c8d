"""State vectors of up to 10 qubits and the gates that change them, differentiable and in batches.

Nielsen and Chuang 2010, "Quantum computation and quantum information", chapter 4. Real and
imaginary parts are kept apart, since optimizers and half of the backends know real numbers alone.
A circuit is a sequence of `Gate`s, so that what is simulated can also be drawn and counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

MOST_QUBITS = 10
"""A state of n qubits has 2**n amplitudes, and each gate changes them all."""


class StateVector(NamedTuple):
    """Amplitudes of the basis states, each part of shape (batch, 2**qubits).

    Basis states count in binary with qubit 0 as the first digit: of two qubits they are 00, 01, 10
    and 11. A batch of 1 stands for any batch.
    """

    real: Any
    imaginary: Any

    @property
    def qubits(self) -> int:
        """Return the number of qubits."""
        return int(self.real.shape[-1]).bit_length() - 1


class Gate(NamedTuple):
    """One operation of a circuit.

    Attributes:
        name: H, X, Y, Z, RX, RY, RZ, CNOT, CZ or SWAP.
        qubits: those that it acts on; of CNOT and CZ the control comes first.
        angle: position of a rotation's angle among those of the circuit.
    """

    name: str
    qubits: tuple[int, ...]
    angle: int | None = None


class _Matrix(NamedTuple):
    """Real and imaginary part of matrices (batch, 2, 2); None for a part that is zero."""

    real: Any = None
    imaginary: Any = None


_FIXED = {
    "H": _Matrix(np.array([[[1.0, 1.0], [1.0, -1.0]]]) / math.sqrt(2)),
    "X": _Matrix(np.array([[[0.0, 1.0], [1.0, 0.0]]])),
    "Y": _Matrix(None, np.array([[[0.0, -1.0], [1.0, 0.0]]])),
    "Z": _Matrix(np.array([[[1.0, 0.0], [0.0, -1.0]]])),
}


def _rx(cos: Any, sin: Any) -> _Matrix:
    zero = ops.zeros_like(cos)
    return _Matrix(_square(cos, zero, zero, cos), _square(zero, -sin, -sin, zero))


def _ry(cos: Any, sin: Any) -> _Matrix:
    return _Matrix(_square(cos, -sin, sin, cos))


def _rz(cos: Any, sin: Any) -> _Matrix:
    zero = ops.zeros_like(cos)
    return _Matrix(_square(cos, zero, zero, cos), _square(-sin, zero, zero, sin))


_ROTATIONS: dict[str, Callable[[Any, Any], _Matrix]] = {"RX": _rx, "RY": _ry, "RZ": _rz}
_ON_PAIRS = ("CNOT", "CZ", "SWAP")
GATES = (*_FIXED, *_ROTATIONS, *_ON_PAIRS)
"""Names of all gates."""


def zero_state(qubits: int, dtype: str = "float32") -> StateVector:
    """Return the state (1, 2**qubits) in which every qubit is 0.

    Raises:
        ValueError: there are no qubits, or more than 10.
    """
    if not 1 <= qubits <= MOST_QUBITS:
        raise ValueError(f"{qubits} qubits can't be simulated; use 1 to {MOST_QUBITS}")
    real = np.zeros((1, 2**qubits), dtype)
    real[0, 0] = 1
    return StateVector(ops.convert_to_tensor(real), ops.zeros((1, 2**qubits), dtype))


def run(circuit: Sequence[Gate], state: StateVector, angles: Any = None) -> StateVector:
    """Apply the gates of a circuit one after the other.

    Args:
        circuit: the gates.
        state: where it starts.
        angles: (batch or 1, angles), in radians; a rotation R has the matrix exp(-i angle R / 2).

    Raises:
        ValueError: a gate is not known, or names other qubits than there are.
    """
    for gate in circuit:
        angle = None if gate.angle is None else angles[:, gate.angle]
        state = apply(gate, state, angle)
    return state


def apply(gate: Gate, state: StateVector, angle: Any = None) -> StateVector:
    """Apply one gate to a state.

    Args:
        gate: the gate.
        state: what it changes.
        angle: (batch or 1,), of a rotation.

    Raises:
        ValueError: the gate is not known, or names other qubits than there are.
    """
    _check(gate, state.qubits, angle)
    if gate.name == "CZ":
        signs = ops.convert_to_tensor(_cz_signs(gate.qubits, state.qubits), state.real.dtype)
        return StateVector(state.real * signs, state.imaginary * signs)
    if gate.name in _ON_PAIRS:
        order = _permutation(gate, state.qubits)
        return StateVector(*(ops.take(part, order, axis=1) for part in state))
    if gate.name in _ROTATIONS:
        matrix = _ROTATIONS[gate.name](ops.cos(angle / 2), ops.sin(angle / 2))
    else:
        matrix = _FIXED[gate.name]
    return _multiply(matrix, state, gate.qubits[0])


def probabilities(state: StateVector) -> Any:
    """Return the probability of measuring each basis state, (batch, 2**qubits)."""
    return ops.square(state.real) + ops.square(state.imaginary)


def expectation_z(state: StateVector) -> Any:
    """Return the expectation value of Z on each qubit, (batch, qubits) from -1 to 1."""
    signs = 1.0 - 2.0 * _digits(state.qubits)
    return ops.matmul(probabilities(state), ops.convert_to_tensor(signs, state.real.dtype))


def _check(gate: Gate, qubits: int, angle: Any) -> None:
    """Raise ValueError for a gate that can't be applied to so many qubits."""
    if gate.name not in GATES:
        raise ValueError(f"{gate.name!r} is no gate; use one of {', '.join(GATES)}")
    owed = 2 if gate.name in _ON_PAIRS else 1
    if len(set(gate.qubits)) != owed or len(gate.qubits) != owed:
        raise ValueError(f"{gate.name} acts on {owed} different qubits, not on {gate.qubits}")
    if not all(0 <= qubit < qubits for qubit in gate.qubits):
        raise ValueError(f"{gate.name} names qubits {gate.qubits}, but there are {qubits}, from 0")
    if (gate.name in _ROTATIONS) != (angle is not None):
        raise ValueError(f"{gate.name} has {'no' if angle is not None else 'an'} angle")


def _square(a: Any, b: Any, c: Any, d: Any) -> Any:
    """Return the matrices (batch, 2, 2) with rows a, b and c, d, each (batch,)."""
    return ops.reshape(ops.stack([a, b, c, d], axis=-1), (-1, 2, 2))


def _multiply(matrix: _Matrix, state: StateVector, qubit: int) -> StateVector:
    """Multiply the amplitudes of one qubit's 0 and 1 by 2x2 matrices."""
    shape = (-1, 2**qubit, 2, 2 ** (state.qubits - qubit - 1))
    real, imaginary = (ops.reshape(part, shape) for part in state)

    def product(factor: Any, part: Any) -> Any:
        if factor is None:
            return 0.0
        # No batched matmul: oneDNN's of 2x2 matrices writes beyond its memory on some machines.
        columns = ops.cast(factor, part.dtype)[:, None, :, :, None]
        return ops.sum(columns * part[:, :, None], axis=3)

    changed = (
        product(matrix.real, real) - product(matrix.imaginary, imaginary),
        product(matrix.real, imaginary) + product(matrix.imaginary, real),
    )
    return StateVector(*(ops.reshape(part, (-1, 2**state.qubits)) for part in changed))


def _digits(qubits: int) -> np.ndarray:
    """Return the value of each qubit in each basis state, (2**qubits, qubits) of 0 and 1."""
    places = np.arange(qubits)[::-1]
    return np.arange(2**qubits)[:, None] >> places & 1


def _cz_signs(qubits: tuple[int, ...], count: int) -> np.ndarray:
    control, other = _digits(count)[:, qubits].T
    return 1.0 - 2.0 * control * other


def _permutation(gate: Gate, count: int) -> np.ndarray:
    """Return from which basis state each amplitude comes; both gates are their own inverse."""
    digits = _digits(count)
    first, second = gate.qubits
    moved = digits.copy()
    if gate.name == "CNOT":
        moved[:, second] ^= digits[:, first]
    else:
        moved[:, [first, second]] = digits[:, [second, first]]
    return moved @ (1 << np.arange(count)[::-1])
