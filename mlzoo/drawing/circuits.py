"""Diagrams of quantum circuits: a wire a qubit, gates from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from matplotlib.axes import Axes

from mlzoo.drawing.canvas import BLUE, GRAY, new_figure, save

_ACROSS = 20
"""Columns of gates in a line of the diagram."""
_COLUMN, _WIRE = 0.55, 0.6
"""Inches of a column, and between two wires."""


class DrawnGate(Protocol):
    """A gate, its qubits (of CNOT and CZ the control first), the position of its angle, if any."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def qubits(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def angle(self) -> int | None: ...  # noqa: D102


def circuit_diagram(
    path: Path, gates: Sequence[DrawnGate], qubits: int, angles: Sequence[str] = ()
) -> Path:
    """Draw a circuit, in as many lines as it needs.

    Args:
        path: of the PNG file.
        gates: in the order in which they are applied.
        qubits: number of wires; qubit 0 is on top.
        angles: names of the rotations' angles.
    """
    columns = _columns(gates, qubits)
    lines = max(columns, default=0) // _ACROSS + 1
    across = min(max(columns, default=0) + 1, _ACROSS)
    figure = new_figure(_COLUMN * (across + 1.5), lines * (qubits * _WIRE + 0.3))
    panels = figure.subplots(lines, 1, squeeze=False)[:, 0]
    for axes in panels:
        axes.set_xlim(-1.4, across)
        axes.set_ylim(qubits - 0.4, -0.6)
        axes.axis("off")
        for qubit in range(qubits):
            axes.plot([-0.8, across - 0.2], [qubit, qubit], color=GRAY, linewidth=0.8, zorder=0)
            axes.text(-1.3, qubit, f"q{qubit}", fontsize=8, va="center")
    for gate, column in zip(gates, columns, strict=True):
        name = "" if gate.angle is None else angles[gate.angle]
        _draw(panels[column // _ACROSS], gate, column % _ACROSS, name)
    return save(figure, path)


def _columns(gates: Sequence[DrawnGate], qubits: int) -> list[int]:
    """Return a column for each gate: the first that is free on all wires that it spans."""
    free = [0] * qubits
    columns = []
    for gate in gates:
        span = range(min(gate.qubits), max(gate.qubits) + 1)
        column = max(free[qubit] for qubit in span)
        columns.append(column)
        for qubit in span:
            free[qubit] = column + 1
    return columns


def _draw(axes: Axes, gate: DrawnGate, column: int, angle: str) -> None:
    """Draw a box on one wire, or the symbols of a gate of two qubits and the line between them."""
    if len(gate.qubits) == 1:
        text = f"{gate.name}\n{angle}" if angle else gate.name
        box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": BLUE}
        axes.text(column, gate.qubits[0], text, fontsize=7, ha="center", va="center", bbox=box)
        return
    first, second = gate.qubits
    axes.plot([column, column], [first, second], color=BLUE, linewidth=1.2, zorder=1)
    marks = {"CNOT": ("o", "$\\oplus$"), "CZ": ("o", "o"), "SWAP": ("x", "x")}[gate.name]
    for qubit, mark in zip(gate.qubits, marks, strict=True):
        size = 11 if mark.startswith("$") else 6
        axes.plot(column, qubit, marker=mark, markersize=size, color=BLUE, zorder=2)
