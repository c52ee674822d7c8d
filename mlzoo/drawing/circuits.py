"""Diagrams of quantum circuits: a wire a qubit, gates from left to right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mlzoo.drawing.canvas import BLUE, COLORS, GRAY, new_figure, save, tidy

_ACROSS = 20
"""Columns of gates in a line of the diagram."""
_PANELS = 4
"""Panels of a state in a row."""
_OUTCOMES = 16
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
    lines, across = _size(columns)
    figure = new_figure(_COLUMN * (across + 1.5), lines * (qubits * _WIRE + 0.3))
    _draw_gates(figure.subplots(lines, 1, squeeze=False)[:, 0], gates, columns, qubits, angles)
    return save(figure, path)


def state_diagram(
    path: Path,
    gates: Sequence[DrawnGate],
    qubits: int,
    angles: Sequence[str],
    probabilities: Mapping[str, float],
    bloch: np.ndarray,
) -> Path:
    """Draw a circuit, the probabilities of its outcomes, and Bloch vectors after each gate.

    Args:
        path: of the PNG file.
        gates: in the order in which they are applied.
        qubits: number of wires; qubit 0 is on top.
        angles: names of the rotations' angles.
        probabilities: of the outcomes; the 16 most likely are drawn.
        bloch: (gates + 1, qubits, 3), x, y and z of each qubit.
    """
    columns = _columns(gates, qubits)
    lines, across = _size(columns)
    above = lines * (qubits * _WIRE + 0.3)
    down = -(-(qubits + 1) // _PANELS)
    figure = new_figure(max(9.0, _COLUMN * (across + 1.5)), above + 2.3 * down)
    parts = figure.add_gridspec(2, 1, height_ratios=[above, 2.3 * down])
    top, bottom = figure.add_subfigure(parts[0, 0]), figure.add_subfigure(parts[1, 0])
    _draw_gates(top.subplots(lines, 1, squeeze=False)[:, 0], gates, columns, qubits, angles)
    panels = np.ravel(bottom.subplots(down, min(_PANELS, qubits + 1), squeeze=False))
    likely = sorted(probabilities, key=lambda name: -probabilities[name])[:_OUTCOMES]
    shown = [name for name in sorted(likely) if probabilities[name] > 1e-9 or len(likely) <= 8]
    panels[0].bar(shown, [probabilities[name] for name in shown], color=BLUE)
    panels[0].set_ylim(0, 1)
    tidy(panels[0], "Outcomes", "", "probability")
    panels[0].tick_params(axis="x", rotation=90 if qubits > 2 else 0)
    for qubit, axes in enumerate(panels[1 : qubits + 1]):
        for name, values, color in zip("xyz", bloch[:, qubit].T, COLORS, strict=False):
            axes.plot(values, marker="o", markersize=3, label=name, color=color)
        axes.set_ylim(-1.1, 1.1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        tidy(axes, f"Bloch vector of q{qubit}", "gates")
    panels[1].legend(fontsize=7, frameon=False)
    for axes in panels[qubits + 1 :]:
        axes.set_axis_off()
    return save(figure, path)


def _size(columns: Sequence[int]) -> tuple[int, int]:
    """Return the number of lines of a diagram, and the columns in each."""
    last = max(columns, default=0)
    return last // _ACROSS + 1, min(last + 1, _ACROSS)


def _draw_gates(
    panels: Iterable[Axes],
    gates: Sequence[DrawnGate],
    columns: Sequence[int],
    qubits: int,
    angles: Sequence[str],
) -> None:
    """Draw wires and gates, a line on each of the axes."""
    across = _size(columns)[1]
    panels = list(panels)
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
