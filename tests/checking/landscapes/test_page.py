"""Figures of landscapes show what can be compared, and turn."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlzoo.checking.landscapes.page import PageTable, Section, curves, progress, write_page
from mlzoo.checking.landscapes.pictures import Grid
from mlzoo.checking.landscapes.turning import SIDE, turning_surface
from mlzoo.reporting.pages.diagrams import Axis, parallel_chart
from tests.browser import Browser, checks, needs_chromium


def _path(*values: float, name: str = "sgd") -> Any:
    places = np.linspace(-2, 3, len(values))
    points = np.stack([places, places], axis=1)
    return SimpleNamespace(values=np.array(values), points=points, optimizer=name, rate=0.1)


def _grid(side: int = 121) -> Grid:
    ends = np.linspace(-2, 2, side)
    x, y = np.meshgrid(ends, ends)
    z = x**2 + 1e6 * (y > 1.9)
    z[0, 0] = np.nan
    return Grid(ends, ends, z, "valley", ("a<b", "b"), "loss")


def _data(chart: object, name: str) -> Any:
    found = re.search(rf'data-{name}="(.*?)"', str(chart))
    assert found
    return json.loads(html.unescape(found[1]))


def test_what_diverges_does_not_flatten_the_others() -> None:
    chart = progress([_path(20.0, 5.0, 0.0), _path(20.0, 1e9, 1e30), _path(3.0, np.nan)], "f")
    data = _data(chart, "hover")
    assert data["values"] == [["20", "5", "0"], ["20", "", ""], ["3", "", ""]]
    assert "f over steps" in chart and "1e+09" not in chart


def test_curves_take_numbers_and_names() -> None:
    data = _data(curves([1, 10, 100], {"train": [1.0, None, 3.0]}, ("size", "rmse"), True), "hover")
    assert data["at"] == ["size 1", "size 100"] and data["values"] == [["1", "3"]]
    middle = (data["x"][0] + data["x"][1]) / 2
    tens = _data(curves([1, 10, 100], {"a": [1.0, 2.0, 3.0]}, ("size", "rmse"), True), "hover")
    assert tens["x"][1] == pytest.approx(middle, abs=0.1), "a logarithmic axis"
    named = _data(curves(["relu", "elu"], {"a": [1.0, 2.0]}, ("activation", "rmse"), True), "hover")
    assert named["at"] == ["relu", "elu"]


def test_a_surface_keeps_its_holes_and_cuts_its_walls() -> None:
    data = _data(turning_surface(_grid(), [_path(4.0, 1.0, 9.0)]), "surface")
    z = np.array(data["z"], float)
    assert z.shape == (SIDE, SIDE) and np.isnan(z[0, 0]) and np.isnan(z).sum() == 1
    assert data["high"] == pytest.approx(np.nanmax(z)) and data["high"] < 1e6
    shade = np.array(data["shade"], float)
    assert shade[SIDE // 2, SIDE // 2] == 0 and np.nanmax(shade) == 1, "ranks, not heights"
    assert data["paths"] == [[[-2, 0.5, 3], [-2, 0.5, 3], [4, 1, None]]], "3, 3 is outside"
    assert len(str(turning_surface(_grid(), []))) < 150_000


@needs_chromium
def test_the_page_can_be_turned_and_read(tmp_path: Path) -> None:
    sections = [
        Section("Surface", turning_surface(_grid(21), [_path(4.0, 1.0), _path(9.0, 2.0)]), "Turn."),
        Section("Values", progress([_path(4.0, 1.0)], "loss")),
    ]
    page = tmp_path / "index.html"
    write_page(page, "A <b>valley</b>", ["it is flat"], sections, [PageTable("Ends", [{"x": 0.5}])])
    picture = "document.querySelector('canvas').toDataURL()"
    with Browser() as browser:
        for width, dark in ((390, True), (1280, False)):
            browser.open(page, width=width, dark=dark)
            browser.run(checks())
            assert browser.run("serious()") == browser.run("faint()") == []
            assert browser.run("nameless()") == []
            assert browser.run("document.documentElement.scrollWidth") <= width
            assert browser.requests == [page.as_uri()] and browser.complaints == []
        assert browser.run("document.querySelector('h1').textContent") == "A <b>valley</b>"
        seen = [browser.run(picture)]
        browser.run("document.querySelector('canvas').focus()")
        browser.key("ArrowLeft")
        seen.append(browser.run(picture))
        browser.run("document.querySelector('[data-line=\"1\"].key').click()")
        seen.append(browser.run(picture))
        browser.run("document.querySelector('[data-view=above]').click()")
        seen.append(browser.run(picture))
        assert len(set(seen)) == 4, "turned, a path hidden, seen from above"


def test_labels_of_the_first_axis_have_their_room() -> None:
    axes = [Axis("l2", 0, 1, {1.0: "0.000316228"}), Axis("score", 0, 1, {})]
    chart = str(parallel_chart("trials", axes, [((0.5, 0.5), 1.0, "trial 0")]))
    assert 'x1="91' in chart, "14 and 7 units a character"
