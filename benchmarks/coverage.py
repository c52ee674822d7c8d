"""Coverage of intervals, and the rate at which equal models are called better or worse.

    python benchmarks/coverage.py [--trials 2000] [--part samples|groups|forecasts]

Prints a row a case: the share of trials with an interval, how many of those hold the true value
(95 % intervals), and the share of all trials in which two equally good models are told apart.
Samples: n = 10 to 500 independent errors. Groups: 2 to 50 groups of 8 samples that share a part of
their error. Forecasts: one step ahead, with AR(1) errors, in blocks of time. Errors are Gaussian or
Student's t with 5 degrees of freedom. The last line is the worst of the cases that are held to
.92 and .03, from 30 samples, 6 groups and 30 steps on, and how many of those are "not given": some
of their trials have no interval.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from scipy.signal import lfilter
from scipy.special import gamma

from mlzoo.data.sequences.sequences import Sequences
from mlzoo.statistics import intervals
from mlzoo.tasks._samples import sample_task
from mlzoo.tasks.forecasting import block_labels

if __name__ == "coverage":
    # Scripts of this folder come first where a library (numba) asks for the package of this name.
    raise ImportError("benchmarks/coverage.py is a script, not the package coverage")

Array = np.ndarray
BURN_IN = 300
SHARED = 0.5
"""Share of the variance that the errors of a group have in common."""


class Case(NamedTuple):
    """Kind, distribution, and how many samples or groups (forecasts: steps) of what correlation."""

    part: str
    errors: str
    count: int
    correlation: float = 0.0

    @property
    def held(self) -> bool:
        """Return whether the case is held to the bounds."""
        return self.count >= (6 if self.part == "groups" else 30)


def cases() -> Iterator[Case]:
    """Yield all cases."""
    for errors in ("normal", "t5"):
        yield from (Case("samples", errors, n) for n in (10, 20, 30, 50, 100, 200, 500))
        yield from (Case("groups", errors, n) for n in (2, 3, 4, 5, 6, 8, 12, 20, 50))
        for correlation in (0.0, 0.5, 0.8, 0.95):
            counts = (30, 100, 200, 500)
            yield from (Case("forecasts", errors, n, correlation) for n in counts)


def draw(case: Case, rng: np.random.Generator, size: int) -> Array:
    """Errors (size,) of variance 1 (normal) or 5/3 (t5)."""
    return rng.standard_t(5, size) if case.errors == "t5" else rng.normal(size=size)


def one_model(case: Case, rng: np.random.Generator) -> Array:
    """The errors of a model on the samples of a case."""
    if case.part == "groups":
        shared = draw(case, rng, case.count).repeat(8)
        return SHARED**0.5 * shared + (1 - SHARED) ** 0.5 * draw(case, rng, 8 * case.count)
    if case.part == "forecasts":
        noise = draw(case, rng, case.count + BURN_IN)
        return lfilter([1], [1, -case.correlation], noise)[BURN_IN:]
    return draw(case, rng, case.count)


def truths(case: Case, rng: np.random.Generator) -> dict[str, float]:
    """The true values of the metrics: of the formula where there is one, else of many samples."""
    if case.errors == "normal":
        spread = (1 - case.correlation**2) ** -0.5
        return {"rmse": spread, "mae": spread * (2 / np.pi) ** 0.5}
    if case.part == "samples":
        mean = 2 * 5**0.5 * gamma(3) / (np.pi**0.5 * gamma(2.5) * 4)
        return {"rmse": (5 / 3) ** 0.5, "mae": mean}
    many = one_model(case._replace(count=200_000), rng)
    rmse = (5 / 3 / (1 - case.correlation**2)) ** 0.5
    return {"rmse": rmse, "mae": float(np.abs(many).mean())}


def labels_of(case: Case, *errors: Array) -> Array | None:
    """Groups, or the blocks of time that the errors make; None for single samples."""
    if case.part == "groups":
        return np.arange(case.count).repeat(8)
    if case.part == "samples":
        return None
    steps = np.arange(case.count)
    targets = Sequences(np.zeros((case.count, 1)), steps, np.ones_like(steps))
    spans = np.stack([steps - 1, steps + 1], axis=1)
    windows = SimpleNamespace(spans=spans, history=steps)
    samples: Any = SimpleNamespace(windows=windows, targets=targets)
    rows: Any = SimpleNamespace(samples=samples, indices=steps)
    return block_labels(rows, *(each.reshape(-1, 1, 1) for each in errors))


def measure(case: Case, trials: int) -> dict[str, dict[str, float]]:
    """Shares of trials by metric: `given`, `covered` (of those), `false` claims, `units`."""
    rng = np.random.default_rng(0)
    true = truths(case, rng)
    given, covered, false = ({name: 0 for name in true} for _ in range(3))
    units = 0
    for trial in range(trials):
        first, second = one_model(case, rng), one_model(case, rng)
        shared = one_model(case, rng)
        # Two models of the same samples err alike in part.
        first, second = (0.6**0.5 * shared + 0.4**0.5 * own for own in (first, second))
        alone = one_model(case, rng)
        count, zeros = len(alone), np.zeros(len(alone))
        labels = labels_of(case, alone)
        units += intervals.count_units(count, labels)
        interval_of = (
            intervals.series_intervals if case.part == "forecasts" else intervals.intervals
        )
        scorers = sample_task("regression").scorers
        scores = scorers(alone, zeros)
        ends = interval_of(scores, count, labels, trial)
        both = labels_of(case, first, second)
        pair = [scorers(each, zeros) for each in (first, second)]
        for name, value in true.items():
            interval = ends[name]
            given[name] += interval is not None
            covered[name] += interval is not None and interval[0] <= value <= interval[1]
            _, gap = intervals.difference(pair[0][name], pair[1][name], count, both, trial)
            false[name] += gap is not None and not gap[0] <= 0 <= gap[1]
    return {
        name: {
            "given": given[name] / trials,
            "covered": covered[name] / given[name] if given[name] else np.nan,
            "false": false[name] / trials,
            "units": units / trials,
        }
        for name in true
    }


def main() -> None:
    """Print the table and the worst of the cases that are held to the bounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--part", choices=("samples", "groups", "forecasts"))
    options = parser.parse_args()
    print("part       errors  AR(1)    n  units  metric  given  covered  false claims")
    worst, held, missing = {"covered": 1.0, "false": 0.0}, 0, 0
    for case in cases():
        if options.part not in (None, case.part):
            continue
        for name, row in measure(case, options.trials).items():
            print(
                f"{case.part:9}  {case.errors:6}  {case.correlation:5.2f}  {case.count:3}  "
                f"{row['units']:5.1f}  {name:6}  {row['given']:5.3f}  {row['covered']:7.3f}  "
                f"{row['false']:12.3f}",
                flush=True,
            )
            if not case.held:
                continue
            held += 1
            worst["false"] = max(worst["false"], row["false"])
            worst["covered"] = min(worst["covered"], row["covered"])
            missing += row["given"] < 1
    print(
        f"held to .92 and .03: coverage {worst['covered']:.3f}, false {worst['false']:.3f}; "
        f"of {held} rows {missing} not given"
    )


if __name__ == "__main__":
    main()
