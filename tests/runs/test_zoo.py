"""The zoo's models: small, complete, without a path of any machine, and made by their commands."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

import mlzoo
from mlzoo.core import files
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.messages import escape
from mlzoo.core.progress import Listener
from mlzoo.reporting.card import render
from mlzoo.reporting.comparison import compare
from mlzoo.reporting.facts import gather
from mlzoo.runs import zoo
from mlzoo.statistics.verdicts import verdict_of, verdict_sentence
from tests.cli.shell import run_mlzoo

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import zoo as making  # noqa: E402

NAMES = zoo.names()
OLDER = [  # from before the verdict had three words
    name
    for name in NAMES
    if "better_than_baseline" in files.read_json(zoo.find(name) / "metrics.json")["test"]
]
CHEAPEST = ("linear-digits", "mlp-wine", "mlp-breast-cancer")


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_and_holds_no_path(name: str) -> None:
    making.check(zoo.find(name))
    found = zoo.describe(name)
    assert found["bytes"] < 1_000_000
    assert found["command"].startswith("mlzoo train ") and found["seeds"]["std"] >= 0
    environment = (zoo.find(name) / "environment.json").read_text("utf-8")
    assert '"git_commit": null' in environment


@pytest.mark.parametrize("name", OLDER)
def test_runs_of_older_versions_open_with_a_verdict(name: str) -> None:
    facts = gather(zoo.find(name))
    verdict = verdict_of(facts["metrics"]["test"])
    assert (verdict == "better") == facts["metrics"]["test"]["better_than_baseline"]
    sentence = verdict_sentence(facts["metrics"]["test"])
    assert escape(sentence[1:]) in render(facts, {})


def test_data_computed_on_another_machine_may_round_differently(tmp_path: Path) -> None:
    shutil.copytree(zoo.find("rnn-mackey-glass"), tmp_path / "run")
    file = tmp_path / "run" / "data.json"
    record = files.read_json(file)
    warned: list[str] = []
    listener = Listener()
    listener.warn = warned.append  # type: ignore[method-assign]
    files.write_json(file, record | {"fingerprint": "0" * 64})
    assert len(mlzoo.load(tmp_path / "run").own_data(listener).samples) == record["samples"]
    assert any("machines round differently" in text for text in warned)
    record["parts"]["train"]["samples"] += 1
    files.write_json(file, record | {"fingerprint": "0" * 64})
    with pytest.raises(DataError, match="has changed since the run was trained"):
        mlzoo.load(tmp_path / "run").own_data()


def test_there_are_runs_of_older_versions() -> None:
    assert len(OLDER) >= 3


def test_runs_of_older_versions_are_compared_by_verdict() -> None:
    paths = [str(zoo.find(name)) for name in ("cnn-digits", "linear-digits")]
    cnn, linear = compare(paths)["rows"]
    assert (cnn["verdict"], linear["verdict"]) == ("better", "not distinguishable")
    assert linear["against_baseline"] == "not distinguishable from linear"


def test_together_they_are_small() -> None:
    assert sum(zoo.describe(name)["bytes"] for name in NAMES) < 10_000_000


def test_results_say_what_the_folders_say() -> None:
    text = (making.REPOSITORY / "RESULTS.md").read_text("utf-8")
    assert text == making.results([name for name in making.MODELS if name in NAMES])


@pytest.mark.slow
@pytest.mark.parametrize("name", CHEAPEST)
def test_one_more_seed_lands_in_its_interval(name: str, tmp_path: Path) -> None:
    words = shlex.split(zoo.describe(name)["command"])[2:]
    without = words[: words.index("--repeats")]
    done = run_mlzoo("train", *without, "--seed", 5, "--out", tmp_path, "--name", "again")
    assert done.code == 0, done.err
    run = mlzoo.load(tmp_path / "again")
    first = mlzoo.load(zoo.find(name))
    assert run.metrics["parameters"] == first.metrics["parameters"]
    headline = first.metrics["headline"]["name"]
    low, high = making.interval(headline, first.metrics["repeats"]["summary"][headline])
    assert low <= run.metrics["headline"]["value"] <= high


def test_a_pulled_model_is_a_run_like_any_other(tmp_path: Path) -> None:
    name = NAMES[0]
    place = zoo.pull(name, tmp_path)
    again = mlzoo.load(place).evaluate()
    headline = zoo.describe(name)["metric"]
    assert again["metrics"][headline] == pytest.approx(zoo.describe(name)["value"], abs=1e-6)
    with pytest.raises(UsageError, match="exists already"):
        zoo.pull(name, tmp_path)
    with pytest.raises(UsageError, match=re.escape(f"did you mean {name!r}")):
        zoo.pull(name + "x", tmp_path)


@pytest.mark.slow
def test_the_command_line_lists_and_shows() -> None:
    listed = run_mlzoo("zoo")
    assert listed.code == 0 and all(name in listed.out for name in NAMES)
    shown = run_mlzoo("zoo", "show", NAMES[0])
    assert shown.code == 0 and "baselines:" in shown.out and "mlzoo train" in shown.out
