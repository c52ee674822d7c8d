"""Notebooks get short, escaped HTML without other files; plots draw on axes; results are tables."""

from __future__ import annotations

import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import mlzoo
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.drawing.canvas import new_figure
from mlzoo.explaining.explain_run import ExplanationResult
from mlzoo.notebooks.html import card, table
from mlzoo.notebooks.progress import NotebookProgress, listener_for
from mlzoo.runs import zoo
from mlzoo.runs.results import Predictions
from mlzoo.tuning.results.search_result import SearchResult
from mlzoo.tuning.search import SearchEnd
from mlzoo.tuning.trials.trial import TrialResult


def texts(html: str) -> list[str]:
    """The texts of HTML, whose tags must close in order and name nothing outside."""
    found: list[str] = []
    opened: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            assert not {name for name, _ in attrs} & {"src", "href", "onclick"} and tag != "script"
            opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

        def handle_data(self, data: str) -> None:
            found.append(data)

    Parser().feed(html)
    assert opened == [] and len(html) < 20_000
    return found


def test_text_is_escaped_and_long_tables_are_cut() -> None:
    rows = [{"<b>": i, "value": 1 / 3} for i in range(12)]
    said = texts(card("<script>alert(1)</script>", ["a & b", ""], [table(rows)]))
    assert said[:2] == ["<script>alert(1)</script>", "a & b"]
    assert "<b>" in said and said.count("0.3333") == 10 and said[-1] == "and 2 more"


class Kernel(ModuleType):
    """IPython with a kernel, as a notebook's process has it, and outputs that are replaced."""

    def __init__(self) -> None:
        super().__init__("IPython")
        self.display = SimpleNamespace(display=self._display)
        self.outputs: list[str] = []

    def get_ipython(self) -> Any:
        return SimpleNamespace(kernel=object())

    def _display(self, content: dict[str, str], *, raw: bool, display_id: bool) -> Any:
        assert raw and display_id and not self.outputs, "one output, which is replaced"
        self._update(content, raw=True)
        return SimpleNamespace(update=self._update)

    def _update(self, content: dict[str, str], *, raw: bool) -> None:
        assert raw and content["text/plain"]
        self.outputs.append(content["text/html"])


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "IPython.display", kernel.display)
    return kernel


@pytest.mark.slow
def test_a_training_shows_its_epochs_below_the_cell(kernel: Kernel, tmp_path: Path) -> None:
    lean = {"baselines": "none", "pictures": "none", "preset": "none"}
    mlzoo.train("linear", "iris", epochs=3, out=str(tmp_path), **lean)
    bars = [html for html in kernel.outputs if "epoch 3 of 3: loss " in html]
    top, done = re.findall(r'max="(\d+)" value="(\d+)"', bars[0])[0]
    assert top == done, "the bar is full"
    assert all(texts(html) for html in kernel.outputs)
    before = len(kernel.outputs)
    mlzoo.train(
        "linear", "iris", epochs=1, out=str(tmp_path), name="b", listener=Listener(), **lean
    )
    assert len(kernel.outputs) == before, "who listens is told instead"


def test_progress_of_a_search_and_warnings_are_shown(kernel: Kernel) -> None:
    listener = listener_for(None)
    assert isinstance(listener, NotebookProgress)
    listener.warn("2 < 3")
    assert texts(kernel.outputs[-1])[-1] == "warning: 2 < 3"
    listener.fitted({}, SimpleNamespace(number=4), SimpleNamespace(number=2, mean=0.98765))
    listener.end()
    assert texts(kernel.outputs[-1])[:2] == ["search", "best so far: trial 2, 0.9877"]
    listener.warn("long " * 100 + "with what to do")
    assert texts(kernel.outputs[-1])[-1].endswith("with what to do"), "nothing is cut"


def test_a_training_that_stops_early_fills_its_bar(kernel: Kernel) -> None:
    listener = NotebookProgress()
    listener.start("wine", 10, 5)
    listener.epoch({"epoch": 3, "loss": 0.5})
    listener.end()
    assert 'max="50" value="50"' in kernel.outputs[-1]
    assert texts(kernel.outputs[-1])[:2] == ["training wine", "epoch 3 of 10: loss 0.5"]
    listener.progress(3, 3, "predicting")
    assert texts(kernel.outputs[-1]) == ["predicting"]


def test_outside_of_notebooks_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert listener_for(None) is None
    terminal = SimpleNamespace(get_ipython=lambda: None)
    monkeypatch.setitem(sys.modules, "IPython", terminal)
    assert listener_for(None) is None


def test_a_run_shows_its_score_beside_baselines(tmp_path: Path) -> None:
    shutil.copytree(zoo.find("mlp-wine"), tmp_path / "a<b")
    said = texts(mlzoo.load(tmp_path / "a<b")._repr_html_())
    assert said[0] == "a<b: classification on tables"
    assert said[1] == "test accuracy 1 (0.9 to 1) over 35 samples"
    assert said[2] == "against the best baseline: not distinguishable"
    assert {"majority", "0.4", "boosting", "0.9429"} <= set(said)


def test_plots_are_drawn_on_axes() -> None:
    run = mlzoo.load(zoo.find("mlp-wine"))
    axes = run.plot.confusion()
    assert [text.get_text() for text in axes.texts] == ["12\n100%", "14\n100%", "9\n100%"]
    given = new_figure(4, 3).subplots()
    assert run.plot.curves("accuracy", ax=given) is given
    assert {"training", "validation"} <= {line.get_label() for line in given.lines}
    assert len(run.history) == len(given.lines[0].get_xdata())
    with pytest.raises(UsageError, match="no curve of 'f1'; it has accuracy, learning_rate, loss"):
        run.plot.curves("f1")
    with pytest.raises(UsageError, match="no residuals: it is a run of classification"):
        run.plot.residuals()


def test_residuals_are_drawn_of_numbers() -> None:
    run = mlzoo.load(zoo.find("mlp-stress-strain"))
    axes = run.plot.residuals("stress")
    assert axes.get_xlabel() == "stress, true"
    with pytest.raises(UsageError, match="no confusion matrix"):
        run.plot.confusion()
    with pytest.raises(UsageError, match="predicts no 'x', but stress"):
        run.plot.residuals("x")


def test_predictions_are_a_table() -> None:
    frame = Predictions(["a", "b"], ["x", "y"], np.array([[0.75, 0.25], [0.5, 0.5]])).to_frame()
    assert list(frame.columns) == ["name", "prediction", "p_0", "p_1"]
    assert frame.p_0.tolist() == [0.75, 0.5]


def test_runs_are_compared_in_a_table() -> None:
    folders = [str(zoo.find(name)) for name in ("cnn-digits", "linear-digits")]
    comparison = mlzoo.compare(folders)
    said = texts(comparison._repr_html_())
    assert said[0] == "2 runs" and any("digits" in text for text in said)
    assert comparison.to_frame()["model"].tolist() == ["cnn", "linear"]


def test_data_are_inspected_in_a_table() -> None:
    inspection = mlzoo.inspect(RunConfig(model="mlp", data="wine"))
    said = texts(inspection._repr_html_())
    assert said[0] == "wine: classification on tables"
    assert said[1] == "178 samples of 13 float32, read by bundled"
    assert inspection.to_frame()["count"].sum() == 178


def test_a_search_shows_its_best_trials_first() -> None:
    trials = []
    for number, score in enumerate((0.5, 0.25)):
        trial = TrialResult(number, {"learning_rate": 0.1 * (number + 1)}, [(0, 0)])
        fit: Any = {"score": score, "error": None}
        trial.fits[0, 0] = fit
        trials.append(trial)
    ties: Any = SimpleNamespace(numbers=[1, 0])
    plan: Any = None
    result = SearchResult(
        Path("search"), plan, "val_loss", trials, trials[1], ties, None, SearchEnd("done", True)
    )
    assert result.to_frame()["trial"].tolist() == [1, 0]
    said = texts(result._repr_html_())
    tied = "statistically tied with the winner: 0"
    assert said[:3] == ["Search by val_loss: 2 trials", "done", tied]


def test_explanations_are_a_table_of_their_evidence() -> None:
    explained: Any = SimpleNamespace(
        mapping=["gradcam"],
        explanations=[
            SimpleNamespace(
                name="a.png", method="gradcam", target="cat", predicted="cat 90 %", truth="dog",
                flag="", scores={"deletion": 0.125}, values=None,
            )
        ],
    )  # fmt: skip
    result = ExplanationResult(explained, {}, [])
    assert result.to_frame()["deletion"].tolist() == [0.125]
    assert {"Explanations by gradcam", "deletion", "0.125"} <= set(texts(result._repr_html_()))
