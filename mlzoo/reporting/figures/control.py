"""Pictures of episodes: returns beside those of baselines, and values of the cells of a grid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from mlzoo.data.environments.finite import FiniteEnvironment
from mlzoo.data.environments.grids import MOVES
from mlzoo.drawing.canvas import BLUE, GRAY, new_figure, save, tidy, write_csv


def returns(folder: Path, model: np.ndarray, baselines: Mapping[str, np.ndarray]) -> Path:
    """Draw the returns (n,) of test episodes, sorted, beside those of baselines.

    Args:
        folder: where `returns.png` and `.csv` are written.
        model: (n,) those of the model.
        baselines: (n,) those of each baseline, of the same episodes.
    """
    rows = {"model": model, **baselines}
    write_csv(folder / "returns.csv", list(rows), np.stack(list(rows.values()), axis=1).tolist())
    figure = new_figure(5.6, 3.8)
    axes = figure.subplots()
    styles = ("--", ":", "-.")
    for number, (name, values) in enumerate(rows.items()):
        axes.plot(
            np.sort(values),
            (np.arange(len(values)) + 1) / len(values),
            color=GRAY if number else BLUE,
            linestyle=styles[(number - 1) % len(styles)] if number else "-",
            label=f"{name}, mean {values.mean():.3g}",
        )
    axes.legend(fontsize=8, frameon=False)
    tidy(axes, "Returns of test episodes", "return", "share of episodes up to it")
    return save(figure, folder / "returns.png")


def state_values(
    folder: Path, environment: FiniteEnvironment, values: np.ndarray, actions: np.ndarray
) -> Path:
    """Draw values and best actions in the cells of a grid, beside the exact optimum.

    Args:
        folder: where `state_values.png` and `.csv` are written.
        environment: the grid.
        values: (S,) of the states, by the model.
        actions: (S,) best of them, by the model.
    """
    exact = environment.optimum
    limit = environment.limit
    pairs = {
        "model: value": (values, actions),
        f"optimum: return of {limit} steps": (exact.values[-1], exact.actions[-1]),
    }
    figure = new_figure(8.4, 3.6 * len(environment.maps))
    grid = figure.subplots(len(environment.maps), 2, squeeze=False)
    rows = []
    for row, (title, states) in zip(grid, environment.maps.items(), strict=True):
        places = environment.places[states]
        for axes, (name, (of, best)) in zip(row, pairs.items(), strict=True):
            _cells(axes, environment.cells, places, of[states], best[states])
            tidy(axes, f"{name}; {title}")
            axes.grid(False)
        columns = (places, values[states], actions[states], exact.values[-1][states])
        best = exact.actions[-1][states]
        names = environment.actions
        for place, mine, action, optimal, right in zip(*columns, best, strict=True):
            where = divmod(int(place), environment.cells[1])
            rows.append([title, *where, mine, names[action], optimal, names[right]])
    header = ["map", "row", "column", "value", "action", "optimum", "optimal_action"]
    write_csv(folder / "state_values.csv", header, rows)
    return save(figure, folder / "state_values.png")


def _cells(
    axes: Axes,
    size: tuple[int, int],
    places: np.ndarray,
    values: np.ndarray,
    actions: np.ndarray,
) -> None:
    """Draw a value and an arrow in each cell; cells without one stay white."""
    image = np.full(size[0] * size[1], np.nan)
    image[places] = values
    shown = axes.imshow(image.reshape(size), cmap="viridis")
    axes.figure.colorbar(shown, ax=axes)
    moves = np.array(list(MOVES.values()))[actions]
    rows, columns = np.divmod(places, size[1])
    axes.quiver(
        columns, rows, moves[:, 1], -moves[:, 0], color="white", pivot="mid", width=0.008, scale=14
    )
    axes.set_xticks([])
    axes.set_yticks([])
