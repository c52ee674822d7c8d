"""Outcome of each path: where it ended, which kind of point that is, and the ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlzoo.checking.functions.descent import Path
from mlzoo.checking.functions.functions import Function

FAR = 1000.0
"""Widths of the view from the start beyond which a path counts as diverged."""
_CIRCLE = np.linspace(0, 2 * np.pi, 64, endpoint=False)


def judge(function: Function, path: Path, tolerance: float) -> dict[str, object]:
    """Return the facts of one path, as plain values.

    `outcome` is converged (the last point is within the tolerance of a global minimum), diverged
    (`diverged_at` is the first step that is not finite, or farther than `FAR` views away), stuck
    (at a point without gradient that is no global minimum), crawls (its values still fell over the
    last tenth of its steps) or wanders. `end` is what the end point is: minimum, maximum, saddle,
    or none where the gradient there is not zero. `steps_to_optimum` counts to the first step from
    which on the path stays within the tolerance.

    Args:
        function: what the path is on.
        path: the path.
        tolerance: distance to a minimum that counts as converged.
    """
    points, last = path.points, path.points[-1]
    steps = _steps_to_optimum(function, points, tolerance)
    away = _diverged_at(function, path)
    distance = function.distance(last[None])
    kind = end_kind(function, last, tolerance)
    if away is not None:
        outcome = "diverged"
    elif steps is not None:
        outcome = "converged"
    elif kind != "none":
        outcome = "stuck"
    else:
        outcome = "crawls" if _falls(path.values) else "wanders"
    return {
        "optimizer": path.optimizer,
        "learning_rate": path.rate,
        "outcome": outcome,
        "steps": len(points) - 1,
        "steps_to_optimum": steps,
        "diverged_at": away,
        "x": float(last[0]),
        "y": float(last[1]),
        "value": float(path.values[-1]),
        "distance": None if distance is None else float(distance[0]),
        "end": kind,
    }


def _steps_to_optimum(function: Function, points: np.ndarray, tolerance: float) -> int | None:
    distances = function.distance(points)
    if distances is None:
        return None
    outside = np.flatnonzero(~(distances <= tolerance))
    first = int(outside[-1]) + 1 if len(outside) else 0
    return first if first < len(points) else None


def _diverged_at(function: Function, path: Path) -> int | None:
    """Return the first step that is not finite or far away."""
    width = function.view[1] - function.view[0]
    apart = path.points - path.points[0]
    far = np.hypot(apart[:, 0], apart[:, 1]) > FAR * width
    if far.any():
        return int(far.argmax())
    return None if path.whole else len(path.points)


def _falls(values: np.ndarray) -> bool:
    tenth = max(1, len(values) // 10)
    if len(values) < 2 * tenth:
        return False
    return bool(values[-tenth:].mean() < values[-2 * tenth : -tenth].mean())


def end_kind(function: Function, point: np.ndarray, tolerance: float) -> str:
    """Return the kind of a point: minimum, maximum, saddle, or none if the gradient is not 0.

    The Hessian's eigenvalues tell; where one of them is zero, the values on a small circle do, less
    the gradient's part.

    Args:
        function: what the point is on.
        point: (2,).
        tolerance: gradient norm that counts as zero.
    """
    gradient = function.gradient(point[None])[0]
    hessian = function.hessian(point)
    if not (np.isfinite(hessian).all() and np.hypot(*gradient) <= tolerance):
        return "none"
    values = np.linalg.eigvalsh(hessian)
    if np.abs(values).min() <= 1e-6 * max(1.0, float(np.abs(values).max())):
        values = _on_circle(function, point, gradient)
    if values.min() >= 0:
        return "minimum"
    return "maximum" if values.max() <= 0 else "saddle"


def _on_circle(function: Function, point: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Return how much higher the function is around a point, without rounding errors."""
    steps = 0.01 * np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], axis=-1)
    higher = function.value(point + steps) - function.value(point[None]) - steps @ gradient
    return np.where(np.abs(higher) < 1e-12, 0.0, higher)


def ranked(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return the rows, best first: fewest steps to the optimum, then the lowest value.

    What diverged from a function that has an optimum is last.
    """

    def key(row: Mapping[str, object]) -> tuple[Any, ...]:
        steps, distance = row["steps_to_optimum"], row["distance"]
        lost = row["outcome"] == "diverged" and distance is not None
        return lost, steps is None, steps or 0, row["value"]

    return [{"rank": place, **row} for place, row in enumerate(sorted(rows, key=key), 1)]


def sentence(rows: Sequence[Mapping[str, object]], function: Function, steps: int) -> str:
    """Return a sentence that names the winner.

    Args:
        rows: ranked rows.
        function: what the paths are on.
        steps: number of steps of each path.
    """
    best = rows[0]
    if best["steps_to_optimum"] is not None:
        text = f"{best['optimizer']} is at the optimum after {best['steps_to_optimum']} steps"
    elif best["distance"] is not None:
        text = (
            f"no optimizer is at the optimum after {steps} steps; {best['optimizer']} is lowest, "
            f"at {best['value']:.4g}, {best['distance']:.3g} away"
        )
    elif best["outcome"] == "diverged":
        text = f"{function.name} falls without end; {best['optimizer']} fell the fastest"
    else:
        text = f"{best['optimizer']} is lowest, at {best['value']:.4g}"
    lost = [row for row in rows if row["outcome"] == "diverged" and row is not best]
    for row in lost:
        text += f"; {row['optimizer']} diverged in step {row['diverged_at']}"
    return text


def spans(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Return a line per optimizer: the rates at which it converges, crawls and diverges."""
    lines = []
    for name in dict.fromkeys(row["optimizer"] for row in rows):
        of_optimizer = [row for row in rows if row["optimizer"] == name]
        parts: list[list[Any]] = []
        for row in of_optimizer:
            if parts and parts[-1][0] == row["outcome"]:
                parts[-1][2] = row["learning_rate"]
            else:
                parts.append([row["outcome"], row["learning_rate"], row["learning_rate"]])
        shown = [
            f"{word} at {low:.2g}" if low == high else f"{word} from {low:.2g} to {high:.2g}"
            for word, low, high in parts
        ]
        lines.append(f"rates of {name}: {', '.join(shown)}")
    return lines
