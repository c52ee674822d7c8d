from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest

from mlzoo.tuning.results import figures
from mlzoo.tuning.results.analysis import effects
from mlzoo.tuning.results.hparams import write_hparams
from mlzoo.tuning.results.page import write_page
from mlzoo.tuning.search import Search
from mlzoo.tuning.trials.trial import FitJob
from tests.browser import Browser, checks, needs_chromium
from tests.strategies.contracts import SPACE
from tests.tuning import made


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Search:
    def fit(job: FitJob) -> dict[str, object]:
        if job.trial == 3:
            error = "ValueError: <no> good"
            return made.record(job, score=None, error=error, traceback="Traceback: x")
        return made.record(job)

    plan = made.plan("random", SPACE, trials=40, folds=3)
    search, _ = made.search(tmp_path_factory.mktemp("search"), plan, fit)
    return search


@pytest.fixture(scope="module")
def report(found: Search, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the search; it is not changed."""
    test = {"name": "accuracy", "value": 0.8123, "interval": [0.75, 0.86]}
    test |= {"units": 70, "interval_unit": "samples"}
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(path, found.plan, found.trials, "accuracy", test)
    return path


def test_the_page_is_one_file_whose_figures_hold_the_journal_s_numbers(
    found: Search, report: Path
) -> None:
    page = report.read_text()
    body = page[page.index("</head>") :]
    fetched = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)=(?!"data:)', page)
    assert not fetched, "nothing is fetched"
    assert body.count("<img alt=") == 2, "skopt's evaluations and objective"
    assert body.count('<polyline class="trial"') == 39 and body.count('<rect class="span') == 118
    assert len(page) < 1_000_000
    assert "0.8123, 95 % interval 0.75 to 0.86 over 70 samples." in body
    assert "&lt;no&gt; good" in body and "<no> good" not in body
    best = found.best
    assert best is not None and f"The winner is trial {best.number}" in body


@needs_chromium
def test_the_page_works_in_a_browser(report: Path) -> None:
    with Browser() as browser:
        for width in (390, 1440):
            browser.open(report, width=width)
            assert browser.run("document.documentElement.scrollWidth") <= width
            assert browser.run("document.querySelectorAll('.chart svg').length") >= 11
            assert browser.requests == [report.resolve().as_uri()] and browser.complaints == []
        for dark in (False, True):
            browser.open(report, width=390, dark=dark)
            browser.run(checks())
            assert browser.run("serious()") == [] and browser.run("faint()") == [], dark


def read_out(chart: str) -> dict[str, list[str]]:
    """The values of each line of a chart as its readout gives them."""
    data = json.loads(html.unescape(re.findall(r'data-hover="([^"]+)"', chart)[0]))
    return dict(zip(data["names"], data["values"], strict=True)) | {"at": data["at"]}


def test_the_figures_show_every_trial_that_is_done(found: Search) -> None:
    done = [trial for trial in found.trials if trial.state == "done"]
    means = [trial.mean or 0.0 for trial in done]
    shown = read_out(figures.convergence(found.trials, "accuracy"))
    assert shown["at"] == [f"trial {trial.number}" for trial in done] and len(done) == 39
    assert [float(value) for value in shown["trial"]] == pytest.approx(means, rel=1e-3)
    best = [float(value) for value in shown["best so far"]]
    assert best == pytest.approx(np.maximum.accumulate(means), rel=1e-3)

    lines = re.findall(r'points="([^"]+)"', figures.parallel(SPACE, found.trials, "accuracy"))
    heights = np.array([[float(spot.split(",")[1]) for spot in line.split()] for line in lines])
    assert heights.shape == (39, len(SPACE.names) + 1)
    place = SPACE.names.index("momentum")
    absent = sum("momentum" not in trial.values for trial in done)
    assert 0 < absent < 39 and (heights[:, place] == heights[:, place].max()).sum() == absent
    assert np.argmin(heights[:, -1]) == 38, "the best trial is drawn last and highest"

    front = [
        float(v)
        for v in read_out(figures.cost(found.trials, "accuracy"))["not beaten in both"]
        if v
    ]
    assert max(front) == pytest.approx(max(means), rel=1e-3)
    spans = re.findall(r"<rect", figures.timeline(found.trials))
    assert len(spans) == 39 * 3 + 1


def test_what_matters_is_found(found: Search) -> None:
    seen = {effect.name: effect for effect in effects(SPACE, found.trials)}
    assert next(iter(seen)) in ("rate", "activation")
    assert seen["rate"].importance > 0.2 > seen["momentum"].importance
    assert sum(effect.importance for effect in seen.values()) <= 1.05
    curve = seen["rate"]
    best = curve.values[int(np.argmax(curve.scores))]
    assert 2e-3 < best < 5e-2, "the loss has its least value at a rate of 1e-2"
    assert effects(SPACE, found.trials[:5]) == []


def test_tensorboard_reads_every_trial_s_values_and_score(found: Search, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write_hparams(tmp_path / "hparams", found.trials, "accuracy")
    folders = sorted((tmp_path / "hparams").iterdir())
    done = [trial for trial in found.trials if trial.state == "done"]
    assert len(folders) == len(done) == 39
    log = EventAccumulator(str(folders[0])).Reload()
    assert log.Scalars("accuracy")[0].value == pytest.approx(done[0].mean)
    content = log.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    for name in done[0].values:
        assert name.encode() in content
