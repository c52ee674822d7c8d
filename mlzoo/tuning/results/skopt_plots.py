"""Plots of a search by scikit-optimize: evaluated points, and pairwise partial dependence.

Louppe and others, `skopt.plots` (evaluations, objective). The surrogate is a forest of
all finished trials, whatever strategy proposed them.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlzoo.core.spaces import Dimension, Space
from mlzoo.drawing import canvas
from mlzoo.tuning.results.figures import text
from mlzoo.tuning.trials.trial import TrialResult, as_loss

_LEAST = 8
_MOST = 5
_TREES = 50
_POINTS = 14
_SAMPLES = 60


def skopt_pictures(
    space: Space, trials: Sequence[TrialResult], metric: str, important: Sequence[str]
) -> list[tuple[str, str, bytes]]:
    """Return title, note and PNG of each plot; none below 8 trials.

    Args:
        space: of the search.
        trials: all trials; those that are done are drawn.
        metric: name of the score.
        important: names of dimensions, the most important first; the first 5 are drawn.
    """
    done = [trial for trial in trials if trial.state == "done"]
    chosen = [space[name] for name in important if _varies(space[name], done)][:_MOST]
    if len(done) < _LEAST or not chosen:
        return []
    from skopt import plots

    result = _result(chosen, done, metric)
    names = [dimension.name for dimension in chosen]
    lower = f"lower is better: {metric}" if as_loss(1.0, metric) > 0 else f"minus {metric}"
    more = "" if len(names) == len(space) else f" The {len(names)} that matter most."
    pictures = [
        (
            "Evaluations by skopt",
            "Where trials were: dark ones came first, the red star is the best; on the diagonal, "
            f"how often each value was tried.{more}",
            lambda: plots.plot_evaluations(result, bins=10, dimensions=names),
        ),
        (
            "Objective by skopt",
            f"Partial dependence of the loss ({lower}) on each dimension and on pairs, as a forest "
            f"of all trials sees it; dark is worse.{more}",
            lambda: plots.plot_objective(
                result, n_points=_POINTS, n_samples=_SAMPLES, dimensions=names, levels=8
            ),
        ),
    ]
    return [(title, note, _drawn(draw, names)) for title, note, draw in pictures]


def _varies(dimension: Dimension, trials: Sequence[TrialResult]) -> bool:
    """Return whether trials had more than one value, as skopt's plots require."""
    values = {repr(t.values[dimension.name]) for t in trials if dimension.name in t.values}
    return len(values) > 1


def _result(chosen: Sequence[Dimension], trials: Sequence[TrialResult], metric: str) -> Any:
    """Convert the trials to a result of skopt; absent dimensions get their first value."""
    from skopt.learning import RandomForestRegressor
    from skopt.space import Space as SkoptSpace
    from skopt.utils import create_result

    space = SkoptSpace([_dimension(dimension) for dimension in chosen])
    rows = [[_encoded(d, trial.values.get(d.name, d.at(0.0))) for d in chosen] for trial in trials]
    losses = [as_loss(trial.mean or 0.0, metric) for trial in trials]
    forest = RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=0, n_jobs=1)
    forest.fit(space.transform(rows), losses)
    return create_result(rows, losses, space=space, rng=np.random.RandomState(0), models=[forest])


def _dimension(dimension: Dimension) -> Any:
    from skopt.space import Categorical, Integer, Real

    name = dimension.name
    if dimension.kind == "choice":
        return Categorical([canvas.label(text(c), 10) for c in dimension.choices], name=name)
    prior = "log-uniform" if dimension.log else "uniform"
    if dimension.kind == "int":
        return Integer(int(dimension.low), int(dimension.high), prior=prior, name=name)
    return Real(dimension.low, dimension.high, prior=prior, name=name)


def _encoded(dimension: Dimension, value: Any) -> Any:
    return canvas.label(text(value), 10) if dimension.kind == "choice" else value


def _thin(panels: Sequence[Any]) -> None:
    """Shrink the labels, and drop those between powers of ten, so that panels don't overlap."""
    from matplotlib.ticker import NullFormatter

    for panel in panels:
        panel.tick_params(labelsize=8)
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_minor_formatter(NullFormatter())


def _drawn(draw: Any, names: Sequence[str]) -> bytes:
    """Render a plot of skopt as PNG, without changing pyplot's state."""
    import matplotlib as mpl

    before = mpl.get_backend()
    mpl.use("Agg")
    from matplotlib import pyplot

    stream = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about layouts and versions, which can't be fixed here
            pyplot.figure(figsize=(6, 4))
            drawn = draw()
            axes = drawn.flat[0] if isinstance(drawn, np.ndarray) else drawn
            figure = axes.figure
            if len(figure.axes) > 1:
                side = 2.6 * len(names) + 1
                figure.set_size_inches(side, side)
                _thin(figure.axes)
            figure.savefig(stream, format="png", dpi=80, bbox_inches="tight")
    finally:
        pyplot.close("all")
        mpl.use(before)
    return stream.getvalue()
