"""Pages in a browser: what they show, that they ask for nothing, and that everyone can use them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mlzoo.core import files
from mlzoo.reporting.comparison import compare
from mlzoo.reporting.pages import charts, folder, network
from mlzoo.reporting.pages.folder import given_settings
from mlzoo.reporting.pages.report import write_report
from mlzoo.reporting.pages.several import comparison_page, write_comparison
from tests.browser import Browser, checks, needs_chromium
from tests.reporting.made_runs import run_folder

WIDTHS = (390, 1440)
TABS = ("summary", "data", "model", "training", "test", "explanations", "again")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_folder(tmp_path_factory.mktemp("runs"), pictures=50)


@pytest.fixture(scope="module")
def compared(run: Path) -> Path:
    other = run_folder(run.parent, "other", pictures=0, epochs=6)
    return write_comparison(run.parent / "compared.html", compare([str(run), str(other)]))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


def test_the_report_is_one_small_file_that_holds_what_the_folder_holds(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 3_000_000, "with 50 pictures of noise"
    assert page.count("data:image/webp") >= 25 + 12, "all plots, and the first maps of a method"
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"(?!data:)", page)
    assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page
    for text in (
        "0.95",
        "mlzoo train --config",
        "its maps beat random ones",
        "Sanity of gradcam by labels: pass",
        "Better than",
        "Conv2D",
    ):
        assert text in page, text
    given = {row["setting"] for row in given_settings(run)["given"]}
    assert {"model", "data", "--epochs", "--set hidden"} <= given and "--seed" not in given


def test_the_summary_tells_a_missed_class_and_the_scale_of_the_loss(tmp_path: Path) -> None:
    run = run_folder(tmp_path, pictures=0, epochs=12)
    metrics = files.read_json(run / "metrics.json")
    rows = metrics["test"]["metrics"]["per_class"]
    rows[0] |= {"support": 900, "recall": 0.99}
    rows[1] |= {"support": 20, "recall": 0.5}
    metrics["scales"] = {"loss": "mse of standardized target"}
    metrics["test"]["verdict"] = "worse"
    files.write_json(run / "metrics.json", metrics)
    page = write_report(run).read_text(encoding="utf-8")
    assert "No fault shows" not in page and "50% of the 20 test samples" in page
    assert '<p class="verdict bad">Clearly worse than the ' in page
    assert "loss (mse of standardized target)" in page


def test_a_chart_stands_where_its_numbers_say() -> None:
    line = charts.Line("<b>", [(1, 0.0), (2, 10.0)])
    drawn = charts.line_chart("loss & more", [line])
    spots = re.findall(r'points="([^"]+)"', drawn)[0].split()
    (x0, y0), (x1, y1) = (map(float, spot.split(",")) for spot in spots)
    assert x0 < x1 and y0 > y1, "up is more"
    assert "<b>" not in drawn and "loss &amp; more" in drawn
    assert charts.ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert charts.ticks(-3, 7) == [-2, 0, 2, 4, 6] and charts.ticks(2, 2) == [2]
    assert charts.log_ticks(0.001, 10) == [0.001, 0.01, 0.1, 1, 10]
    many = charts.line_chart("t", [charts.Line("a", [(i, i) for i in range(5000)])])
    assert len(re.findall(r'points="([^"]+)"', many)[0].split()) == charts.MOST_POINTS


def test_a_model_s_drawing_joins_layers_that_follow_each_other_and_shows_skips() -> None:
    from tests.reporting.made_runs import LAYERS

    names = ("name", "type", "output", "parameters", "inputs")
    layers = [dict(zip(names, layer, strict=True)) for layer in LAYERS]
    boxes = network.boxes(layers)
    kinds = [box.kinds for box in boxes]
    assert kinds == [
        ["InputLayer"],
        ["Conv2D", "Activation"],
        ["Conv2D"],
        ["Add"],
        ["Dense"],
    ]
    assert len(re.findall(r'<path d="M\d+,\d+ H', network.draw(layers))) == 1, "one skip"
    chain = [dict(layers[1], name=f"{i}", inputs=[f"{i - 1}"]) for i in range(2)]
    assert "2 × Conv2D" in network.draw([*chain])
    assert network.draw([dict(layers[0], name=str(i)) for i in range(200)]) == ""


def test_a_comparison_says_what_can_not_be_paired(run: Path, compared: Path) -> None:
    found = dict(compare([str(run), str(compared.with_name("other"))]))
    far = [row | {"data": "/far/away/photos"} for row in found["rows"]]
    page = comparison_page({**found, "rows": far, "notes": ["these can't be paired: why"]})
    assert '<td class="text">photos</td>' in page and "/far/away" not in page
    assert "Not every run can be paired with the best" in page
    assert "Not every run" not in comparison_page({**found, "notes": []})


def test_a_comparison_names_all_that_may_be_the_best(run: Path, compared: Path) -> None:
    record = dict(compare([str(run), str(compared.with_name("other"))]))
    first, second = record["rows"][0] | {"value": 1.0}, record["rows"][1] | {"value": 0.9}
    names = first["run"], second["run"]
    pair = {"first": names[0], "second": names[1], "metric": "accuracy", "samples": 35}
    pair |= {"units": 35, "unit": "samples", "difference": 0.1, "level": 0.99, "better": None}
    facts = {**record, "best": names[0], "rows": [first, second], "notes": []}
    tied = [pair | {"tied": True, "interval": [-0.1, 0.3]}]
    page = comparison_page({**facts, "pairs": tied})
    assert f"is 1, of {names[0]}; {names[1]} is statistically tied with {names[0]}." in page
    page = comparison_page({**facts, "rows": [first, second | {"value": 1.0}], "pairs": tied})
    assert f"is 1, of {names[0]} and {names[1]}." in page
    few = [pair | {"tied": None, "interval": None}]
    page = comparison_page({**facts, "pairs": few})
    assert f"is 1, of {names[0]}; no verdict on {names[1]}: too few samples." in page
    apart = [pair | {"tied": False, "better": "first", "interval": [0.05, 0.3]}]
    assert f"is 1, of {names[0]}." in comparison_page({**facts, "pairs": apart})


@needs_chromium
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", (False, True))
def test_pages_fit_and_ask_for_nothing(
    browser: Browser, run: Path, compared: Path, width: int, dark: bool
) -> None:
    for page in (run / "report.html", compared):
        browser.open(page, width=width, dark=dark)
        browser.run(checks())
        for tab in TABS if page.name == "report.html" else ("",):
            if tab:
                browser.run(f"document.getElementById('tab-{tab}').click()")
            wide = browser.run("document.documentElement.scrollWidth")
            assert wide <= width, f"{page.name} {tab} is {wide} wide"
            assert browser.run("faint()") == [], f"{page.name} {tab}"
        assert browser.run("nameless()") == []
        assert browser.requests == [page.resolve().as_uri()]
        assert browser.complaints == []


@needs_chromium
def test_tabs_and_plots_respond(browser: Browser, run: Path) -> None:
    browser.open(run / "report.html")
    shown = (
        "[...document.querySelectorAll('[role=tabpanel]')].filter(p => !p.hidden).map(p => p.id)"
    )
    assert browser.run(shown) == ["summary"]
    browser.run("document.getElementById('tab-summary').focus()")
    browser.key("ArrowLeft")
    assert browser.run(shown) == ["again"], "keys go round"
    browser.run("document.getElementById('tab-training').click()")
    assert browser.run(shown) == ["training"] and browser.run("location.hash") == "#training"

    box = browser.run(
        "(b => [b.left, b.top, b.width, b.height])"
        "(document.querySelector('#training [data-hover] svg').getBoundingClientRect())"
    )
    browser.point(box[0] + box[2] - 15, box[1] + box[3] / 2)
    readout = "document.querySelector('#training [data-hover] .readout').textContent"
    assert browser.run(readout) == "epoch 12: training 0.08333, validation 0.1"
    browser.run("document.querySelector('#training [data-hover] .key').click()")
    assert browser.run(readout) == "epoch 12: validation 0.1", "its line is off"
    browser.run("document.querySelector('#training [data-hover] svg').focus()")
    browser.key("ArrowLeft")
    assert browser.run(readout).startswith("epoch 11:")
    assert browser.complaints == []


@needs_chromium
def test_axe_finds_nothing_serious(browser: Browser, run: Path, compared: Path) -> None:
    for page in (run / "report.html", compared):
        for dark in (False, True):
            browser.open(page, width=390, dark=dark)
            browser.run(checks())
            for tab in TABS if page.name == "report.html" else ("",):
                if tab:
                    browser.run(f"document.getElementById('tab-{tab}').click()")
                serious = browser.run("serious()")
                assert serious == [], f"{page.name} {tab} dark={dark}"


def test_the_largest_errors_are_found_without_holding_all_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_HELD", 20)
    errors = np.random.default_rng(0).permutation(100) - 50
    rows = [("name", "target", "prediction"), *((f"s{i}", 1, 1 + e) for i, e in enumerate(errors))]
    path = tmp_path / "predictions.csv"
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    largest = sorted(range(100), key=lambda i: -abs(errors[i]))[: folder.MOST_ROWS]
    assert [row["name"] for row in folder.worst(tmp_path)] == [f"s{i}" for i in largest]
    path.write_text("name,target,prediction\na,1,2\nb,1,many\n")
    assert folder.worst(tmp_path) == []
