"""Pictures, pairing and cards of forecasts, labelled steps and texts."""

from __future__ import annotations

import csv
import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from mlzoo.data import contracts
from mlzoo.data.samples import Data
from mlzoo.evaluating.evaluate import evaluate, write_predictions
from mlzoo.reporting.card import pictures, render
from mlzoo.reporting.caveats import limits, residual_sentence
from mlzoo.reporting.comparison import compare, pair_sentence
from mlzoo.reporting.facts import Facts
from mlzoo.reporting.figures import forecasts as reporting
from mlzoo.reporting.figures import timelines as lines
from mlzoo.reporting.figures.forecasts import (
    ForecastCase,
    forecast_cases,
    horizon_errors,
    over_time,
    residual_correlation,
)
from mlzoo.reporting.figures.timelines import Timeline, timelines
from tests.reporting.test_card import cells, make_facts, tables
from tests.statistics.test_steps import before, labelled
from tests.tasks.made_forecasts import series_data
from tests.tasks.test_text import always, text_data

RNG = np.random.default_rng(0)
SERIES = [10 + np.sin(np.arange(120.0) / 2) + RNG.normal(0, 0.2, 120) for _ in range(2)]


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def drawn(path: Path) -> tuple[int, int]:
    """The size of a picture that holds more than one colour."""
    with Image.open(path) as image:
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 10
        return image.size


def last(shift: float, horizon: int):
    return lambda w: np.repeat(w[:, -1:, :1], horizon, axis=1) + shift


def forecasts(shift: float = 0.0, horizon: int = 3, **settings: Any) -> tuple[Any, Any, Data]:
    data = series_data(SERIES, window=4, horizon=horizon, **settings)
    return *evaluate(last(shift, horizon), data, "test"), data


# -- Pictures


@pytest.mark.parametrize("horizon", [1, 3])
def test_forecasts_are_drawn_with_their_numbers(tmp_path: Path, horizon: int) -> None:
    past, truth = np.arange(4.0)[:, None], np.arange(4.0, 4 + horizon)[:, None]
    said = truth + 0.5
    ends = np.stack([said - 1, said + 2])
    cases = [ForecastCase(t, "from $1", past, truth, said, ends) for t in ("best", "worst")]
    assert drawn(forecast_cases(tmp_path, cases, ["y"])) == (750, 520)
    found = [row for row in rows(tmp_path / "forecasts.csv") if row["case"] == "best"]
    assert [int(row["step"]) for row in found] == list(range(-3, horizon + 1))
    assert [row["forecast"] for row in found[:4]] == [""] * 4
    ahead = {n: float(found[4][n]) for n in ("truth", "forecast", "low", "high")}
    assert ahead == {"truth": 4, "forecast": 4.5, "low": 3.5, "high": 6.5}


def test_forecasts_without_inputs_of_their_own_and_without_a_band(tmp_path: Path) -> None:
    truth = np.arange(6.0).reshape(2, 3)
    cases = [ForecastCase("best", "sample 1", np.zeros((0, 0)), truth, truth)]
    assert drawn(forecast_cases(tmp_path, cases, ["a", "b", "c"])) == (1560, 260)
    assert set(rows(tmp_path / "forecasts.csv")[0]) == {
        "case", "window", "target", "step", "truth", "forecast"
    }  # fmt: skip


@pytest.mark.parametrize("stride", [1, 2])
def test_forecasts_over_time_are_of_one_series_at_its_steps(tmp_path: Path, stride: int) -> None:
    _, outcome, data = forecasts(0.25, stride=stride)
    assert drawn(over_time(tmp_path, outcome, data.samples)) == (950, 280)
    found = rows(tmp_path / "over_time.csv")
    half = len(outcome.indices) // 2
    assert len(found) == half
    assert [int(row["step"]) for row in found] == list(range(1, stride * half + 1, stride))
    np.testing.assert_allclose([float(r["truth"]) for r in found], outcome.targets[:half, 0, 0])
    np.testing.assert_allclose([float(r["forecast"]) for r in found], outcome.outputs[:half, 0, 0])
    far = [float(row["forecast of step 3 ahead"]) for row in found]
    np.testing.assert_allclose(far, outcome.outputs[:half, -1, 0])
    widths = [float(row["high"]) - float(row["low"]) for row in found]
    np.testing.assert_allclose(widths, (outcome.ends[1] - outcome.ends[0])[:half, 0, 0])


def test_forecasts_over_time_stand_at_their_times(tmp_path: Path, monkeypatch: Any) -> None:
    _, outcome, data = forecasts(0.25)
    labels = np.array([f"day {i}" for i in range(len(data.samples.windows.labels))], dtype=object)
    dated = replace(data.samples, windows=replace(data.samples.windows, labels=labels))
    figures = []
    monkeypatch.setattr(reporting, "save", lambda figure, path: figures.append(figure) or path)
    over_time(tmp_path, outcome, dated)
    axes = figures[0].axes[0]
    first = int(dated.windows.spans[outcome.indices[0], 1]) - outcome.targets.shape[1]
    formatter = axes.xaxis.get_major_formatter()
    assert formatter(1) == f"day {first}" and formatter(5) == f"day {first + 4}"
    assert axes.get_xlabel() == ""


def test_errors_by_step_ahead_and_residuals_are_drawn(tmp_path: Path) -> None:
    result, _, _ = forecasts()
    per_horizon = result["metrics"]["per_horizon"]
    assert drawn(horizon_errors(tmp_path, per_horizon)) == (600, 340)
    found = rows(tmp_path / "horizon.csv")
    assert [float(row["mae"]) for row in found] == [row["mae"] for row in per_horizon]
    assert "mae_linear" in found[0]
    correlation = result["metrics"]["autocorrelation"]
    assert drawn(residual_correlation(tmp_path, correlation)) == (600, 300)
    found = rows(tmp_path / "residual_correlation.csv")
    assert [float(row["correlation"]) for row in found] == correlation["lags"]
    residual_correlation(tmp_path, {**correlation, "stride": 3})
    steps = [int(row["lag"]) for row in rows(tmp_path / "residual_correlation.csv")]
    assert steps[:3] == [3, 6, 9]
    assert float(found[0]["bound"]) == correlation["bound"]


def test_the_channels_names_of_a_timeline_lie_on_no_signal(tmp_path: Path, monkeypatch) -> None:
    figures = []
    monkeypatch.setattr(lines, "save", lambda figure, path: figures.append(figure) or path)
    signal, labels = np.ones((20, 2)), np.repeat([0, 1], 10)
    timelines(tmp_path, [Timeline("best", "a", signal, labels, labels, 1.0)], "ab", ["u", "v"])
    figures[0].draw_without_rendering()
    axes = figures[0].axes[0]
    assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1 - 1


def test_timelines_list_their_segments(tmp_path: Path) -> None:
    truth, said = np.array([0, 0, 1, 255, 2, 2]), np.array([0, 1, 1, 1, 2, 2])
    case = Timeline("worst", "ride $3", RNG.normal(size=(6, 2)), truth, said, 0.8)
    names = ("standing", "driving", "crash")
    assert drawn(timelines(tmp_path, [case, case], names, ("x", "y"))) == (950, 590)
    found = [row for row in rows(tmp_path / "timelines.csv") if row["labels"] == "true"]
    spans = [(r["first step"], r["step after the last"], r["class"]) for r in found[:3]]
    assert spans == [("0", "2", "standing"), ("2", "3", "driving"), ("4", "6", "crash")]


# -- Pairing


def run_folder(folder: Path, task: str, result: Any, outcome: Any, data: Data) -> str:
    """A run folder with what a comparison reads."""
    folder.mkdir()
    name, mode = contracts.task(task).headline
    headline = {"name": name, "mode": mode, "value": result["metrics"][name], "interval": None}
    metrics = {"task": task, "headline": headline, "test": result, "data_fingerprint": "f"}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "config.yaml").write_text(yaml.safe_dump({"model": "rnn", "data": "x"}))
    write_predictions(folder / "predictions.csv", outcome, data.samples)
    return str(folder)


def test_forecasts_are_paired_by_windows_and_blocks(tmp_path: Path) -> None:
    data = series_data([np.random.default_rng(0).normal(size=800)], window=4, horizon=3)
    runs = [(*evaluate(last(shift, 3), data, "test"), data) for shift in (0.0, 4.0)]
    paths = [run_folder(tmp_path / f"r{i}", "forecasting", *run) for i, run in enumerate(runs)]
    (pair,) = compare(paths)["pairs"]
    assert pair["units"] == min(result["units"] for result, _, _ in runs) >= 6
    mase = [result["metrics"]["mase"] for result, _, _ in runs]
    assert pair["difference"] == pytest.approx(mase[0] - mase[1])
    assert (pair["metric"], pair["unit"]) == ("mase", "blocks of time")
    assert pair["samples"] == runs[0][0]["samples"] and pair["better"] == "first"
    low, high = pair["interval"]
    assert low < pair["difference"] < high < 0


def test_a_short_series_with_a_season_gives_no_verdict(tmp_path: Path) -> None:
    runs = [forecasts(0.0), forecasts(2.0)]
    paths = [run_folder(tmp_path / f"r{i}", "forecasting", *run) for i, run in enumerate(runs)]
    (pair,) = compare(paths)["pairs"]
    assert (pair["units"], pair["interval"], pair["better"]) == (2, None, None)
    assert "no verdict: only 2 blocks of time (6 are needed)" in pair_sentence(
        {"first": "a", "second": "b", **pair}
    )


def test_targets_keep_their_scales_when_runs_are_paired(tmp_path: Path) -> None:
    table = np.stack([SERIES[0], 1000 * SERIES[1]], axis=1)
    data = series_data([table], window=4, targets=2)
    runs = [evaluate(lambda w, s=s: w[:, -1:, :2] + [s, 0], data, "test") for s in (0.0, 5.0)]
    paths = [run_folder(tmp_path / f"r{i}", "forecasting", *r, data) for i, r in enumerate(runs)]
    (pair,) = compare(paths)["pairs"]
    mase = [result["metrics"]["mase"] for result, _ in runs]
    assert pair["difference"] == pytest.approx(mase[0] - mase[1])


def test_forecasts_of_other_windows_or_scales_are_not_paired(tmp_path: Path) -> None:
    result, outcome, data = forecasts()
    first = run_folder(tmp_path / "a", "forecasting", result, outcome, data)
    other = {**result, "metrics": {**result["metrics"], "scale": [9.0]}}
    second = run_folder(tmp_path / "b", "forecasting", other, outcome, data)
    (note,) = compare([first, second])["notes"]
    assert "their training splits differ, and with them what MASE divides by" in note
    third = run_folder(tmp_path / "c", "forecasting", *forecasts(stride=2))
    (note,) = compare([first, third])["notes"]
    assert "their test splits differ" in note


def test_labelled_steps_are_paired_by_sequences(tmp_path: Path) -> None:
    data = labelled(60)
    runs = [evaluate(p, data, "test") for p in (before, lambda x: before(x - 1))]
    paths = [run_folder(tmp_path / f"r{i}", "labeling", *r, data) for i, r in enumerate(runs)]
    (pair,) = compare(paths)["pairs"]
    f1 = [result["metrics"]["macro_f1"] for result, _ in runs]
    assert pair["difference"] == pytest.approx(f1[0] - f1[1]) and f1[0] == 1
    assert (pair["metric"], pair["unit"], pair["better"]) == ("macro_f1", "sequences", "first")


@pytest.mark.parametrize(("stride", "unit"), [(8, "windows"), (2, "blocks of text")])
def test_texts_are_paired_by_windows(tmp_path: Path, stride: int, unit: str) -> None:
    data = text_data("abbaaab" * 30, "ab", window=8, stride=stride, train=5)
    runs = [evaluate(always(*p), data, "test") for p in ((0.5, 0.5), (0.9, 0.1))]
    paths = [run_folder(tmp_path / f"r{i}", "text", *r, data) for i, r in enumerate(runs)]
    (pair,) = compare(paths)["pairs"]
    bits = [result["metrics"]["bits"] for result, _ in runs]
    assert pair["difference"] == pytest.approx(bits[0] - bits[1])
    assert (pair["metric"], pair["unit"], pair["better"]) == ("bits", unit, "first")


def test_a_file_without_forecasts_is_refused(tmp_path: Path) -> None:
    result, outcome, data = forecasts()
    paths = [run_folder(tmp_path / n, "forecasting", result, outcome, data) for n in "ab"]
    table = tmp_path / "b" / "predictions.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(Exception, match="holds no forecasts: some windows lack steps or targets"):
        compare(paths)


# -- Cards


def facts(task: str, test: dict[str, Any], kind: str = "sequence") -> Facts:
    found: Any = make_facts()
    name, mode = contracts.task(task).headline
    found["metrics"] |= {"task": task, "test": test}
    value, interval = test["metrics"][name], test["intervals"].get(name)
    found["metrics"]["headline"] = {"name": name, "mode": mode, "value": value} | {
        "interval": interval
    }
    classes = {"classes": {"low": 10, "high": 90}} if task == "labeling" else {}
    parts = {name: {"samples": 9, **classes} for name in ("train", "valid", "test")}
    names = ["low", "high"] if task == "labeling" else ["a", "b"] if task == "text" else []
    if task == "text":
        parts = {name: {"samples": 9, "classes": {"a": 90, "b": 3}} for name in parts}
    found["data"] |= {"task": task, "kind": kind, "class_names": names, "parts": parts}
    return found


def sound(text: str) -> None:
    assert "\n\n\n" not in text and "None" not in text and "{" not in text
    for table in tables(text):
        assert len({len(cells(line)) for line in table}) == 1, table


def test_the_card_of_forecasts() -> None:
    result, _, _ = forecasts(0.3)
    found = facts("forecasting", result)
    text = render(found, {})
    sound(text)
    metrics = result["metrics"]
    assert f"on {result['samples']} test windows that nothing was chosen on" in text
    near = f"| coverage of the 90 % band | near 0.9 | {metrics['coverage']:.4g} |"
    assert near in text
    row = result["relative_mae"]["persistence"]
    assert row["interval"] is None  # of two blocks of time
    assert f"| persistence | {row['value']:.4g} | – | {row['units']} |" in text
    horizon = next(t for t in tables(text) if t[0].startswith("| Steps ahead"))
    assert cells(horizon[0])[5:] == ["MAE of persistence", "MAE of linear"]
    assert [cells(line)[0] for line in horizon[2:]] == ["1", "2", "3"]
    assert (
        f"It is to hold 90 % of the true values, and held\n{100 * metrics['coverage']:.3g} %"
        in text
    )
    assert residual_sentence(metrics["autocorrelation"]) in text
    told = limits(found)
    assert any(s.startswith("The test split is one stretch of time right after") for s in told)
    assert any(s.startswith("The band is as wide at all times") for s in told)
    assert any("only 2 blocks of time" in s for s in told)
    assert not any("cameras" in s for s in told)


def test_many_steps_ahead_are_twelve_rows() -> None:
    result, _, _ = forecasts(horizon=20)
    table = next(
        t for t in tables(render(facts("forecasting", result), {})) if t[0].startswith("| Steps a")
    )
    steps = [int(cells(line)[0]) for line in table[2:]]
    assert len(steps) == 12 and (steps[0], steps[-1]) == (1, 20) and steps == sorted(set(steps))


@pytest.mark.parametrize(
    ("coverage", "ends", "told"),
    [
        (0.7, [0.6, 0.8], "The band holds fewer true values than it is to: 70.0% instead of 90%."),
        (0.99, [0.95, 1.0], "The band holds more true values than it is to: 99.0% instead of 90%."),
        (0.85, [0.8, 0.92], None),
    ],
)
def test_a_band_that_misses_its_level_is_a_limit(coverage: float, ends: Any, told: Any) -> None:
    result, _, _ = forecasts()
    result["metrics"]["coverage"], result["intervals"]["coverage"] = coverage, ends
    found = [s for s in limits(facts("forecasting", result)) if "than it is to" in s]
    assert found == ([] if told is None else [told])


def test_forecasts_without_a_band_say_so() -> None:
    result, _, _ = forecasts()
    result["metrics"]["band"] = None
    del result["metrics"]["coverage"], result["intervals"]["coverage"]
    found = facts("forecasting", result)
    assert "coverage" not in render(found, {}).replace("per_horizon", "").split("Steps ahead")[0]
    assert any("have no band" in s for s in limits(found))


def test_residuals_in_words() -> None:
    noise = {"stride": 1, "lags": [0.05, -0.1, 0.02], "bound": 0.2}
    assert residual_sentence(noise).endswith("they show nothing that could still be foreseen.")
    left = residual_sentence({"stride": 1, "lags": [0.6, 0.3, 0.02], "bound": 0.2})
    assert "at +0.6, and 2 of 3 lags lie beyond ±0.2" in left
    assert left.endswith("something that could be foreseen is left in them.")
    late = residual_sentence({"stride": 4, "lags": [0.0, 0.0, 0.9], "bound": 0.2})
    assert "is left in them" in late
    assert residual_sentence(None) == residual_sentence({"lags": [], "bound": 1.0}) == ""


def test_the_card_of_labelled_steps() -> None:
    result, _ = evaluate(lambda x: before(x - 0.5), labelled(60), "test")
    found = facts("labeling", result)
    text = render(found, {})
    sound(text)
    table = next(t for t in tables(text) if "Test segments" in t[0])
    row = result["metrics"]["per_class"][0]
    assert cells(table[2])[4:] == [f"{row['segment_f1']:.4g}", str(row["support"])] + [
        str(row["segments"])
    ]
    assert "| steps of class low | 10 |" in text and "| Sequences | 9 |" in text
    told = limits(found)
    assert any("90 training steps of high, 10 of low" in s for s in told)
    assert any(s == "The test split has only 44 sequences." for s in told)


def test_the_card_of_a_text() -> None:
    data = text_data("abbaaab" * 30, "ab", window=8, stride=8, train=5)
    result, _ = evaluate(always(0.5, 0.5), data, "test")
    found = facts("text", result)
    text = render(found, {}, sample=True)
    sound(text)
    sound(render(found, {}))
    assert "[plots/sample.txt](plots/sample.txt)" in text
    assert "sample.txt" not in render(found, {})
    assert "of class a" not in text and not any("imbalanced" in s for s in limits(found))
    assert any("other authors or subjects" in s for s in limits(found))


def test_every_new_picture_has_a_caption(tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    names = ["forecasts", "over_time", "horizon", "residual_correlation", "timelines"]
    for name in names:
        (tmp_path / "plots" / f"{name}.png").write_bytes(b"")
    assert set(pictures(tmp_path)) == {f"plots/{name}.png" for name in names}
