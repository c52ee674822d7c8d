"""Quantum circuits by hand, for `mlzoo circuit`: what each gate does to every qubit.

Nielsen and Chuang 2010, "Quantum computation and quantum information": Bell states in chapter
1.3.6, teleportation in 1.3.7, with the corrections as controlled gates in place of measurements
(deferred measurement, 4.4), Bloch vectors of parts of a system in 2.4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
from keras import ops

from mlzoo.core.errors import UsageError
from mlzoo.drawing.circuits import state_diagram
from mlzoo.layers.quantum.simulation import (
    MOST_QUBITS,
    Gate,
    StateVector,
    apply,
    probabilities,
    zero_state,
)

NAMED = {
    "bell": "H 0; CNOT 0 1",
    "ghz": "H 0; CNOT 0 1; CNOT 1 2",
    "superposition": "H 0",
    "swap": "RY 0 0.7; CNOT 0 1; CNOT 1 0; CNOT 0 1",
    "teleportation": (
        "RX 0 0.7; RZ 0 1.9; H 1; CNOT 1 2; CNOT 0 1; H 0; CNOT 1 2; CZ 0 2"
    ),
}  # fmt: skip
"""Circuits by name. Teleportation sends a state that two rotations prepare from qubit 0 to 2."""
_ROTATIONS = ("RX", "RY", "RZ")
_ON_PAIRS = ("CNOT", "CZ", "SWAP")
_SINGLE = ("H", "X", "Y", "Z", *_ROTATIONS)


class StateRow(TypedDict):
    """A basis state with its amplitude, its probability, and how often it was measured."""

    state: str
    real: float
    imaginary: float
    probability: float
    measured: int


class BlochRow(TypedDict):
    """Bloch vector of a qubit after a gate; its length is 1 where it is not entangled."""

    after: str
    qubit: int
    x: float
    y: float
    z: float
    length: float


class SimulatedCircuit(TypedDict):
    """Files that were written, and the state."""

    circuit: str
    qubits: int
    picture: str
    states: list[StateRow]
    bloch: list[BlochRow]


def read_circuit(text: str) -> tuple[list[Gate], list[float]]:
    """Return the gates of a circuit and the angles of its rotations, in radians.

    Args:
        text: its name, or gates with semicolons between them, as in `H 0; CNOT 0 1; RX 1 0.5`.

    Raises:
        UsageError: with a line for each gate that can't be read.
    """
    gates: list[Gate] = []
    angles: list[float] = []
    problems = []
    for part in NAMED.get(text, text).split(";"):
        words = part.split()
        if not words:
            continue
        try:
            gate, angle = _gate(words, len(angles))
        except ValueError as error:
            problems.append(f"{part.strip()!r}: {error}")
            continue
        gates.append(gate)
        angles += [] if angle is None else [angle]
    if not gates and not problems:
        problems.append("the circuit has no gates")
    if problems:
        known = ", ".join(NAMED)
        raise UsageError([*problems, f"write gates as in 'H 0; CNOT 0 1; RX 1 0.5', or {known}"])
    return gates, angles


def _gate(words: Sequence[str], position: int) -> tuple[Gate, float | None]:
    """Return the gate of words, and a rotation's angle, whose position among angles is given."""
    name, *rest = words
    name = name.upper()
    if name not in (*_SINGLE, *_ON_PAIRS):
        raise ValueError(f"unknown gate; there are {', '.join((*_SINGLE, *_ON_PAIRS))}")
    count = 2 if name in _ON_PAIRS else 1
    turned = name in _ROTATIONS
    if len(rest) != count + turned:
        what = "two qubits" if count == 2 else "a qubit and an angle" if turned else "a qubit"
        raise ValueError(f"{name} takes {what}")
    if not all(word.isdecimal() and int(word) < MOST_QUBITS for word in rest[:count]):
        raise ValueError(f"qubits are numbers from 0 to {MOST_QUBITS - 1}")
    qubits = tuple(int(word) for word in rest[:count])
    if len(set(qubits)) < count:
        raise ValueError(f"{name} acts on two different qubits")
    if not turned:
        return Gate(name, qubits), None
    try:
        angle = float(rest[-1])
    except ValueError:
        angle = math.nan
    if not math.isfinite(angle):
        raise ValueError("an angle is a number, in radians")
    return Gate(name, qubits, position), angle


def simulate(text: str, picture: Path, shots: int = 1000, seed: int = 0) -> SimulatedCircuit:
    """Simulate a circuit from the state in which all qubits are 0, and draw it.

    Args:
        text: its name, or its gates.
        picture: PNG to write: the circuit, the probabilities, and each qubit's Bloch vector after
            each gate.
        shots: measurements of all qubits that are drawn from the probabilities.
        seed: of these.

    Raises:
        UsageError: the text can't be read.
    """
    gates, angles = read_circuit(text)
    qubits = 1 + max(qubit for gate in gates for qubit in gate.qubits)
    state = zero_state(qubits)
    vectors = [bloch_vectors(state)]
    for gate in gates:
        angle = None if gate.angle is None else ops.convert_to_tensor([angles[gate.angle]])
        state = apply(gate, state, None if angle is None else ops.cast(angle, "float32"))
        vectors.append(bloch_vectors(state))
    chances = np.asarray(ops.convert_to_numpy(probabilities(state))[0], "float64")
    chances /= chances.sum()
    drawn = np.random.default_rng(seed).multinomial(shots, chances)
    names = [f"{k:0{qubits}b}" for k in range(2**qubits)]
    labels = [_label(gate, angles) for gate in gates]
    state_diagram(
        picture, gates, qubits, [f"{angle:g}" for angle in angles],
        dict(zip(names, chances, strict=True)), np.stack(vectors),
    )  # fmt: skip
    real, imaginary = (ops.convert_to_numpy(part)[0] for part in state)
    return {
        "circuit": "; ".join(labels),
        "qubits": qubits,
        "picture": str(picture),
        "states": [
            StateRow(
                state=name,
                real=round(float(real[k]), 5),
                imaginary=round(float(imaginary[k]), 5),
                probability=round(float(chances[k]), 5),
                measured=int(drawn[k]),
            )
            for k, name in enumerate(names)
            if chances[k] > 1e-9
        ],
        "bloch": [
            BlochRow(
                after="the start" if step == 0 else labels[step - 1],
                qubit=qubit,
                x=round(float(x), 4),
                y=round(float(y), 4),
                z=round(float(z), 4),
                length=round(math.hypot(x, y, z), 4),
            )
            for step, row in enumerate(vectors)
            for qubit, (x, y, z) in enumerate(row)
        ],
    }


def bloch_vectors(state: StateVector) -> np.ndarray:
    """Return the expectation values of X, Y and Z on each qubit, (qubits, 3), of one state."""
    real, imaginary = (ops.convert_to_numpy(part)[0].astype("float64") for part in state)
    amplitudes = (real + 1j * imaginary).reshape((2,) * state.qubits)
    vectors = []
    for qubit in range(state.qubits):
        halves = np.moveaxis(amplitudes, qubit, 0).reshape(2, -1)
        mixed = halves @ halves.conj().T
        vectors.append(
            (2 * mixed[1, 0].real, 2 * mixed[1, 0].imag, (mixed[0, 0] - mixed[1, 1]).real)
        )
    return np.array(vectors)


def _label(gate: Gate, angles: Sequence[float]) -> str:
    """Return a gate as it is typed."""
    turned = [] if gate.angle is None else [f"{angles[gate.angle]:g}"]
    return " ".join([gate.name, *map(str, gate.qubits), *turned])
