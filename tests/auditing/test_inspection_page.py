"""The page of an inspection: what it shows, and how it looks on phones and in the dark."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from mlzoo_cli.main import app
from typer.testing import CliRunner

from mlzoo.auditing.inspection.bars import bar_chart, histogram
from mlzoo.auditing.inspection.page import write_page
from mlzoo.core.errors import UsageError
from mlzoo.data.quality.inspection import inspected
from tests.browser import checks, needs_chromium, opened
from tests.data.pictures import config, folder


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("inspection")
    random = np.random.default_rng(0)
    names = ["red", "<script>alert(1)</script>", "blue"]
    rows = [
        f"{random.normal():.3f},{'' if i % 3 else i},{names[i % 3]},{i % 2 or 'x'}"
        for i in range(60)
    ]
    (place / "t.csv").write_text("\n".join(["size,gaps,kind,y", *rows]))
    inspection = inspected(config(place / "t.csv", target="y", task="classification"))
    write_page(inspection, place / "page.html")
    return place / "page.html"


def test_the_page_shows_problems_columns_and_samples(page: Path) -> None:
    text = page.read_text()
    assert "gaps: 66.7%" in text and "column &#39;gaps&#39;: 67% missing" in text
    assert "--drop gaps</pre>" in text
    assert "kind: 0.0" in text and "Cramer" in text
    assert "<script>alert" not in text and "&lt;script&gt;alert(1)" in text
    assert text.count("data:image/webp;base64,") == 1
    assert len(list(page.parent.iterdir())) == 2, "a page is one file"


def test_images_and_their_classes_are_drawn(tmp_path: Path) -> None:
    write_page(inspected(config(folder(tmp_path, {"a": 6, "b": 9}))), tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "a: 40.0%" in text and "b: 60.0%" in text and "Distributions" not in text
    assert text.count("data:image/webp;base64,") == 1


def test_bars_and_bins_are_as_long_as_their_values() -> None:
    widths = re.findall(
        r'width="([\d.]+)" height="9"', bar_chart("c", [("a", 2, ""), ("b", 1, "")])
    )
    assert float(widths[0]) == 2 * float(widths[1]) == 392
    heights = re.findall(r'height="([\d.]+)"><title>', histogram("h", np.array([1, 1, 2, 3.0])))
    assert float(heights[0]) == pytest.approx(2 * float(heights[1])) and len(heights) == 3
    assert len(re.findall("<rect", histogram("h", np.linspace(0, 1, 99)))) == 24
    for constant in (0.3, -7.0, 1e17):
        assert len(re.findall("<rect", histogram("h", np.full(5, constant)))) == 1


@needs_chromium
def test_the_page_fits_a_phone_and_can_be_read_in_the_dark(page: Path) -> None:
    with opened(page, width=390, dark=True) as browser:
        assert browser.run("document.documentElement.scrollWidth") == 390
        browser.run(checks())
        assert browser.run("serious()") == browser.run("faint()") == browser.run("nameless()") == []
        assert browser.complaints == []


def test_a_page_needs_a_name_and_a_folder() -> None:
    for path, reason in (("a.txt", "ends in .html"), ("no/a.html", "there is no folder no")):
        done = CliRunner().invoke(app, ["data", "inspect", "iris", "-o", path])
        assert isinstance(done.exception, UsageError) and reason in str(done.exception)
