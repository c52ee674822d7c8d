"""A signal stops each phase with a true word on how to continue."""

from __future__ import annotations

import gc
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlzoo.core.errors import Interrupted, terminable
from mlzoo.data import loading
from mlzoo.runs.config_loading import merge
from mlzoo.training import repeats, reproducing, train
from mlzoo.training.scoring import artifacts
from mlzoo.training.signals import AGAIN, stopping
from mlzoo.training.train import resume, train_merged
from tests.cli import world
from tests.cli.shell import run_mlzoo

RESUME = "resume with: mlzoo train --resume a"


@pytest.fixture(autouse=True)
def default_sigterm() -> Iterator[None]:
    """No handler of a library that another test has used, such as Ray's, which stays."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # none in the background
    monkeypatch.chdir(tmp_path)
    world.csv(tmp_path / "ok.csv", ["a", "b", "color", "y"], world.rows())
    yield {"model": "linear", "data": "ok.csv", "target": "y", "epochs": 1, "out": ".",
           "name": "a"}  # fmt: skip
    signal.signal(signal.SIGINT, before)


def sends(number: int) -> Any:
    """A function that gets a signal when it is called."""
    return lambda *_, **__: signal.raise_signal(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("place", [(loading, "read"), (train, "write_start")])
def test_before_training_nothing_is_left(
    number: int, place: tuple[Any, str], given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*place, sends(number))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted) as caught:
        train_merged(merge(given))
    assert str(caught.value) == f"stopped while reading the data; {AGAIN}"
    assert caught.value.signal == number
    assert [path.name for path in Path().iterdir()] == ["ok.csv"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_after_it_the_run_can_be_resumed(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, doing in (
        ((artifacts, "score"), "evaluating"),
        ((artifacts, "write_artifacts"), "drawing and saving"),
        ((artifacts, "complete"), "writing the report"),
    ):
        with monkeypatch.context() as patched, pytest.raises(Interrupted) as caught:
            patched.setattr(*place, sends(signal.SIGTERM))
            train_merged(merge(given)) if doing == "evaluating" else resume("a")
        assert str(caught.value) == f"stopped while {doing}; {RESUME}"
    with monkeypatch.context() as patched, pytest.raises(Interrupted) as caught:
        patched.setattr("mlzoo.runs.run_folder._remove_leftovers", sends(signal.SIGTERM))
        resume("a")
    assert str(caught.value) == "stopped while writing the report; the run is complete: a"
    assert resume("a").metrics["epochs"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_whose_scores_were_being_printed_is_complete(
    number: int, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlzoo_cli.train._summary", sends(number))
    flags = [f"--{name}={value}" for name, value in given.items() if name not in ("model", "data")]
    done = run_mlzoo("train", given["model"], given["data"], *flags)
    assert done.code == 128 + number
    assert done.cause == "stopped while printing the scores; the run is complete: a"
    assert Path("a/metrics.json").is_file()


def test_it_is_no_exception() -> None:
    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except Exception:
            pytest.fail("taken for an error")

    assert not issubclass(Interrupted, Exception)
    with pytest.raises(Interrupted), stopping("working"):
        work()


class Dropping:
    """Object that gets a signal as it ends, where Python drops exceptions."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


def test_a_signal_that_was_dropped_is_not_sent_after_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mlzoo.core.errors._AGAIN_AFTER", 3600)
    with pytest.raises(Interrupted), terminable():
        Dropping(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert not [each for each in threading.enumerate() if isinstance(each, threading.Timer)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("place", ["collection", "finalizer"])
def test_a_signal_is_not_lost_where_exceptions_are_dropped(
    number: int, place: str, given: dict[str, Any]
) -> None:
    def at_collection(*_: Any) -> None:
        gc.callbacks.remove(at_collection)
        signal.raise_signal(number)

    began = time.monotonic()
    with pytest.raises(Interrupted) as caught, stopping("working"):
        if place == "collection":
            gc.callbacks.append(at_collection)
            gc.collect()
        else:
            Dropping(number)
        threading.Event().wait(30)
        pytest.fail("the signal was lost")
    assert time.monotonic() - began < 20
    assert (str(caught.value), caught.value.signal) == (f"stopped while working; {AGAIN}", number)


def test_what_else_is_dropped_is_told_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", lambda dropped: told.append(dropped.exc_type))
    with stopping("working"):
        gc.callbacks.append(broken := lambda *_: 1 / 0)
        gc.collect()
        gc.callbacks.remove(broken)
    assert set(told) == {ZeroDivisionError}


def test_what_is_trained_to_compare_is_not_to_be_resumed(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path("a")
    folder.mkdir()
    (folder / "model.keras").touch()
    (folder / "config.yaml").write_text("model: linear\ndata: ok.csv\ntarget: y\nepochs: 1\n")
    for name, needed in reproducing._NEEDED.items():
        record = {n: {} if n == "reader" else 1 for n in needed}
        (folder / f"{name}.json").write_text(json.dumps(record))
    monkeypatch.setattr(artifacts, "score", sends(signal.SIGTERM))
    with pytest.raises(Interrupted) as caught:
        reproducing.reproduce(folder)
    assert str(caught.value) == f"stopped while evaluating; {AGAIN}"


def test_a_search_says_that_the_same_command_resumes_it(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlzoo.tuning import tune
    from mlzoo.tuning.trials import fitting

    merged = merge(given)
    plan = tune.make_plan(merged, ["learning_rate=0.1,0.01"], None, {"trials": 2, "fast": "off"})

    def stopped() -> str:
        with pytest.raises(Interrupted) as caught:
            tune.run_plan(plan, merged)
        assert caught.value.signal == signal.SIGTERM
        return str(caught.value)

    with monkeypatch.context() as patched:
        patched.setattr(loading, "read", sends(signal.SIGTERM))
        assert stopped() == f"stopped while reading the data; {AGAIN}"
        assert not Path("a").exists()
    again = "the same command resumes the search in a"
    done: list[int] = []

    def fit(*_: Any) -> fitting.FitResult:
        if done:
            signal.raise_signal(signal.SIGTERM)
        done.append(1)
        return fitting.FitResult(0.5, 1)

    monkeypatch.setattr(fitting, "fit_plainly", fit)
    assert stopped() == f"stopped after 2 fits; {again}"
    monkeypatch.setattr(repeats, "_train_once", sends(signal.SIGTERM))
    assert stopped() == f"stopped while training; {again}"
