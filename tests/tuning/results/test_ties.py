"""Ties with the winner: paired comparisons of trials over their held-out samples."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlzoo.tuning.results.ties import UnitScores, find_ties, listed, unit_scores
from mlzoo.tuning.trials.journal import read
from mlzoo.tuning.trials.trial import TrialResult
from tests.scored import class_scorers, number_scorers
from tests.tuning import made

FOLDS = 3


class Rows:
    """A validation split, as far as it is read."""

    def __init__(self, count: int, groups: Any = None, windows: Any = None, horizon: int = 1):
        targets = SimpleNamespace(shape=(count, horizon))
        more = {"groups": groups, "windows": windows, "targets": targets}
        self.samples, self.indices = SimpleNamespace(task="regression", **more), np.arange(count)

    def __len__(self) -> int:
        return len(self.indices)


def units(values: np.ndarray, unit: str = "samples") -> dict[str, Any]:
    ones = np.ones(len(values), "float32")
    return UnitScores(values.astype("float32"), ones, unit, len(values)).record()


def trial(number: int, right: np.ndarray, unit: str = "samples") -> TrialResult:
    """A trial that is right (1) or wrong (0) on the samples of some folds."""
    folds = np.array_split(right.astype(float), FOLDS)
    keys = [(fold, 0) for fold in range(len(folds))]
    fits = {
        key: {"score": float(own.mean()), "error": None, "epochs": 1, "paired": units(own, unit)}
        for key, own in zip(keys, folds, strict=True)
    }
    return TrialResult(number, {}, keys, fits=fits)


def right(count: int, share: float, seed: int) -> np.ndarray:
    """Answers of which exactly a share is right."""
    answers = np.arange(count) < round(share * count)
    return np.random.default_rng(seed).permutation(answers)


def test_trials_far_behind_are_not_tied_with_the_winner_however_few_folds() -> None:
    shares = [0.96, 0.39, 0.97, 0.55]
    trials = [trial(n, right(143, share, n)) for n, share in enumerate(shares)]
    found = find_ties(trials, "accuracy")
    assert found.numbers == [2, 0]
    assert found.text == (
        "Trial 0 is statistically tied with the winner (paired bootstrap over 143 samples)."
    )
    alone = find_ties([trials[1], trials[2], trials[3]], "accuracy")
    assert alone.numbers == [2]
    assert alone.text.startswith("No other trial is statistically tied with the winner (paired")


def test_a_small_difference_on_the_same_samples_is_told_where_one_on_others_is_not() -> None:
    base = right(300, 0.9, 0)
    worse = base.copy()
    worse[np.flatnonzero(base)[:15]] = False
    assert find_ties([trial(0, base), trial(1, worse)], "accuracy").numbers == [0]
    other = right(300, 0.85, 1)
    assert find_ties([trial(0, base), trial(1, other)], "accuracy").numbers == [0, 1]


@pytest.mark.parametrize(("trials", "most"), [(2, 0.1), (8, 0.1)])
def test_equal_trials_are_seldom_told_apart(trials: int, most: float) -> None:
    random = np.random.default_rng(0)
    told = 0
    for _ in range(40):
        hard = random.random(45) < 0.3
        answers = [np.where(hard, random.random(45) < 0.5, True) for _ in range(trials)]
        found = find_ties([trial(n, own) for n, own in enumerate(answers)], "accuracy")
        told += len(found.numbers) < trials
    assert told / 40 <= most


def test_few_units_separate_nothing_and_that_is_said() -> None:
    good, bad = np.ones(5), np.zeros(5)
    found = find_ties([trial(0, good, "groups"), trial(1, bad, "groups")], "accuracy")
    assert found.numbers == [0, 1]
    assert found.text.startswith("5 groups are too few to separate trials (6 are needed)")
    noise = [trial(n, right(12, 0.75, n)) for n in range(4)]
    found = find_ties(noise, "accuracy")
    assert len(found.numbers) == 4
    assert "All 3 other trials are statistically tied" in found.text and "too few" in found.text


def test_trials_without_scores_of_the_same_samples_are_named_not_judged() -> None:
    own = [trial(n, right(60, 0.9 - n / 10, n)) for n in range(3)]
    for fit in own[2].fits.values():
        del fit["paired"]
    found = find_ties(own, "accuracy")
    assert 2 not in found.numbers and "1 trial could not be compared" in found.text
    for each in own[:2]:
        for fit in each.fits.values():
            del fit["paired"]
    assert find_ties(own, "accuracy").numbers == [0]
    assert "can't be compared" in find_ties(own, "accuracy").text


def test_samples_add_up_to_the_score_whatever_the_metric() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 90)
    chance = np.clip(random.normal(0.3 + 0.4 * truth, 0.3), 0.01, 0.99)
    known = class_scorers(truth, np.stack([1 - chance, chance], axis=1))
    known |= number_scorers(random.normal(size=90), random.normal(size=90))
    for name, scorer in known.items():
        found = unit_scores(scorer, Rows(90))
        assert found is not None and (found.unit, found.count) == ("samples", 90)
        whole = float(scorer(np.ones((1, 90)))[0])
        assert found.values.mean() == pytest.approx(whole, abs=0.1), name
        # Against a bootstrap of the metric itself.
        counts = random.multinomial(90, np.full(90, 1 / 90), 400).astype(float)
        spread = np.nanstd(scorer(counts))
        if name == "calibration_error":
            # An absolute value with a floor at 0: linearized, it varies more, never less.
            assert found.values.std() / 90**0.5 >= spread
            continue
        assert found.values.std() / 90**0.5 == pytest.approx(spread, rel=0.2), name
    exact = unit_scores(known["accuracy"], Rows(90))
    assert exact is not None
    np.testing.assert_allclose(exact.values, (chance > 0.5) == truth, atol=1e-6)


def test_units_are_groups_stretches_of_time_and_at_most_256() -> None:
    scorer = number_scorers(np.arange(600.0), np.zeros(600))["mae"]
    many = unit_scores(scorer, Rows(600))
    assert many is not None and (len(many.values), many.count) == (256, 600)
    assert np.average(many.values, weights=many.sizes) == pytest.approx(299.5, rel=1e-4)
    grouped = unit_scores(scorer, Rows(600, groups=np.arange(600) // 100))
    assert grouped is not None and (grouped.unit, grouped.count) == ("groups", 6)
    np.testing.assert_allclose(grouped.values, 49.5 + 100 * np.arange(6), rtol=1e-5)
    spans = np.stack([np.arange(600), np.arange(600) + 5], axis=1)
    timed = unit_scores(scorer, Rows(600, windows=SimpleNamespace(spans=spans), horizon=3))
    assert timed is not None and (timed.unit, timed.count) == ("stretches of time", 10)
    assert (np.diff(timed.values) > 0).all()
    few = unit_scores(scorer, Rows(600, windows=SimpleNamespace(spans=spans), horizon=100))
    assert few is not None and few.count == 2
    auc = class_scorers(np.array([0, 0, 1]), np.eye(2)[[0, 0, 1]])["roc_auc"]
    assert unit_scores(auc, Rows(3)) is None, "without its one positive sample it is not defined"


def test_what_a_comparison_needs_comes_back_from_the_journal(tmp_path: Path) -> None:
    answers = {n: right(60, share, n) for n, share in enumerate([0.5, 0.95, 0.93, 0.2])}

    def fit(unit: Any) -> dict[str, Any]:
        own = np.array_split(answers[unit.trial], FOLDS)[unit.fold].astype(float)
        return made.record(unit, score=float(own.mean()), paired=units(own))

    search, _ = made.search(tmp_path, made.plan("grid", folds=FOLDS, trials=4), fit)
    before = find_ties(search.trials, "accuracy")
    assert before.numbers == [1, 2]
    again, _ = made.search(tmp_path, made.plan("grid", folds=FOLDS, trials=4))
    assert find_ties(again.trials, "accuracy") == before
    [first, *_] = [r for r in read(tmp_path / "journal.jsonl") if r["kind"] == "fit"]
    assert set(first["paired"]) == {"unit", "count", "values"}
    assert "paired" not in (tmp_path / "fits.csv").read_text()


def test_numbers_are_listed_as_in_a_sentence() -> None:
    assert [listed(n) for n in ([3], [0, 2], [0, 2, 4])] == ["3", "0 and 2", "0, 2 and 4"]
    assert listed(list(range(10)), 8) == "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"
