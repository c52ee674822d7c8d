"""Pictures of episodes: returns beside those of baselines, and values of the cells of a grid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mlzoo.data.environments.finite import FiniteEnvironment
from mlzoo.data.environments.state_maps import COLUMNS, panel_titles, state_maps
from mlzoo.drawing.canvas import BLUE, GRAY, new_figure, save, tidy, write_csv
from mlzoo.drawing.cells import draw_cells


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
    folder: Path,
    environment: FiniteEnvironment,
    outputs: np.ndarray,
    critic: np.ndarray | None = None,
) -> Path:
    """Draw values and best actions in the cells of a grid, beside the exact optimum.

    Args:
        folder: where `state_values.png` and `.csv` are written.
        environment: the grid.
        outputs: (S, A) of the model for the states.
        critic: (S, 1) values of the states, where the outputs are no values; else None.
    """
    maps = state_maps(environment, outputs, critic)
    figure = new_figure(8.4, 3.6 * len(maps))
    for row, each in zip(figure.subplots(len(maps), 2, squeeze=False), maps, strict=True):
        panels = zip(row, panel_titles(environment), each.values, each.moves, strict=True)
        for axes, name, values, moves in panels:
            draw_cells(axes, values, moves)
            tidy(axes, f"{name}; {each.title}")
            axes.grid(False)
    rows = [line for each in maps for line in each.table]
    write_csv(folder / "state_values.csv", COLUMNS, rows)
    return save(figure, folder / "state_values.png")
