from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlzoo.tuning import compare
from mlzoo.tuning.results import compare_page
from mlzoo.tuning.results.compare_page import write_comparison
from mlzoo.tuning.trials.journal import read
from mlzoo.tuning.trials.trial import FitJob, from_records, paid
from tests.strategies.contracts import SPACE
from tests.tuning import made


def test_every_strategy_gets_the_same_budget_and_equal_candidates_are_fitted_once(
    tmp_path: Path,
) -> None:
    fitted: list[FitJob] = []

    def fit(job: FitJob) -> dict[str, object]:
        fitted.append(job)
        return made.record(job)

    plan = made.plan("random", made.FINITE, folds=2)
    shared = compare.SharedFits(fit)
    names = ["grid", "random", "hyperband"]
    found = compare.compare(plan, names, 36, 2, "accuracy", lambda name: shared, tmp_path)
    assert {standing.strategy for standing in found} == set(names)
    assert all(len(s.finals) == 2 and len(s.curve) == 36 for s in found)
    plain = [job for job in fitted if job.epochs is None]
    assert len(plain) == 36 * 2, "grid and random try the same 36 candidates"
    by_name = {standing.strategy: standing for standing in found}
    assert by_name["grid"].finals == by_name["random"].finals, "both tried all of them"


def test_short_trainings_cost_their_share_of_the_budget(tmp_path: Path) -> None:
    plan = made.plan("random", SPACE, folds=1)
    names = ["hyperband", "keras_tuner_hyperband"]
    compare.compare(plan, names, 9, 1, "accuracy", lambda name: made.record, tmp_path)
    for name in names:
        trials = from_records(read(tmp_path / f"{name}-0.jsonl"), [(0, 0)])
        assert 0.8 * 9 * 50 < paid(trials, 50) <= 9 * 50
        promoted = [trial for trial in trials if trial.continues is not None]
        assert promoted and len(trials) > 9
        for trial in promoted:
            before = trials[trial.continues or 0]
            assert trial.values == before.values
            assert (trial.epochs or 0) > (before.epochs or 0)


def test_the_better_strategy_wins_with_an_interval(tmp_path: Path) -> None:
    plan = made.plan("random", SPACE, folds=1)
    shared = compare.SharedFits(made.record)
    found = compare.compare(
        plan, ["random", "evolution"], 36, 6, "accuracy", lambda name: shared, tmp_path
    )
    first, last = found
    assert first.strategy == "evolution" and first.behind == 0
    assert last.behind == pytest.approx(first.mean - last.mean)
    assert last.behind_interval is not None and first.behind_interval is None
    assert first.curve == sorted(first.curve), "the best so far never falls"
    assert all(
        low <= mean <= high for mean, (low, high) in zip(first.curve, first.band, strict=True)
    )
    again = compare.compare(
        plan,
        ["random", "evolution"],
        36,
        6,
        "accuracy",
        lambda name: lambda job: pytest.fail("all is in the journals"),
        tmp_path,
    )
    assert again == found


def test_a_verdict_needs_an_interval_off_zero() -> None:
    curves = {"a": [[0.9], [0.8], [0.85]], "b": [[0.91], [0.79], [0.84]], "c": [[0.5]] * 3}
    found = compare.standings(curves, "accuracy")
    assert [standing.strategy for standing in found] == ["a", "b", "c"]
    assert compare.verdict(found) == "a came first, statistically tied with b"
    assert compare.verdict([found[0], found[2]]) == "a won against all others"
    assert [standing.is_tied for standing in found] == [False, True, False]
    alone = compare.standings({"a": [[0.9]], "b": [[0.4]]}, "accuracy")
    assert compare.verdict(alone).startswith("a came first; one seed gives no verdict")
    assert not alone[1].is_tied


def test_the_page_of_a_comparison_holds_its_curves_bands_and_verdict(tmp_path: Path) -> None:
    curves = {"a": [[0.8, 0.9], [0.7, 0.8], [0.8, 0.85]], "b": [[0.3, 0.5]] * 3}
    found = compare.standings(curves, "accuracy")
    write_comparison(tmp_path / "report.html", made.plan("random"), found, "accuracy")
    page = (tmp_path / "report.html").read_text()
    assert "A won against all others." in page
    assert found[0].curve == pytest.approx([0.7667, 0.85], abs=1e-4)
    assert "a ends at 0.85; b ends at 0.5" in page
    heights = [
        float(spot.split(",")[1])
        for spot in re.findall(r'class="band" points="([^"]+)"', page)[0].split()
    ]
    low, high = heights[:2], heights[2:][::-1]
    widths = [top - bottom for bottom, top in found[0].band]
    assert all(bottom > top for bottom, top in zip(low, high, strict=True)), "y grows downwards"
    assert (low[0] - high[0]) / (low[1] - high[1]) == pytest.approx(widths[0] / widths[1], rel=0.01)
    assert compare_page.rows(found)[1]["behind"] == pytest.approx(0.35)
    assert f"{found[0].interval[0]:.4g}" in page
