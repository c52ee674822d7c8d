"""Commands on a run that acts in an environment, as a user gives them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mlzoo
from mlzoo.api import Run
from tests.cli.shell import run_mlzoo

WORLD = "map: |\n  X...S...G\nstep: -0.02\nlimit: 20\n"
SETTINGS = {
    "hidden": [32],
    "environments": 16,
    "steps": 1600,
    "rollout": 20,
    "passes": 4,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("control")


@pytest.fixture(scope="module")
def world(folder: Path) -> str:
    (folder / "world.yaml").write_text(WORLD)
    return str(folder / "world.yaml")


@pytest.fixture(scope="module")
def run(folder: Path, world: str) -> Run:
    fields = {"epochs": 3, "learning_rate": 1e-2, "batch_size": 64, "set": SETTINGS}
    return mlzoo.train("actor_critic", world, out=str(folder / "runs"), **fields)


@pytest.mark.slow
def test_a_run_is_scored_beside_the_optimum_and_random_actions(run: Run) -> None:
    test = run.metrics["test"]
    assert test["headline"] == "mean_return" and test["samples"] == 100
    assert test["metrics"]["mean_return"] == pytest.approx(0.94, abs=0.03)
    assert test["metrics"]["normalized_return"] == pytest.approx(1, abs=0.04)
    baselines = test["baselines"]
    assert baselines["value_iteration"]["mean_return"] == pytest.approx(0.94)
    assert baselines["uniform"]["mean_return"] < 0.4
    assert test["gain"]["baseline"] == "q_learning", "the optimum is no rival"
    card = (run.path / "README.md").read_text()
    assert "The scores hold for this environment" in card and "other cameras" not in card
    again = run.evaluate()
    assert again["metrics"] == test["metrics"]
    with (run.path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    returns = [float(row["return"]) for row in rows]
    assert np.mean(returns) == pytest.approx(test["metrics"]["mean_return"])
    assert len({row["seed"] for row in rows}) == 100


@pytest.mark.slow
def test_the_map_of_values_shows_the_way(run: Run) -> None:
    with (run.path / "plots" / "state_values.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["column"]) for row in rows] == list(range(1, 8))
    assert {row["optimal_action"] for row in rows} == {"right"}
    assert [row["action"] for row in rows].count("right") >= 5
    assert (run.path / "plots" / "state_values.png").stat().st_size > 5000


@pytest.mark.slow
def test_predict_plays_an_episode_and_films_it(run: Run, folder: Path) -> None:
    done = run_mlzoo("predict", run.path, "--seed", 3, "-o", folder / "film")
    assert done.code == 0, done.err
    with (folder / "film" / "steps.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["action"] for row in rows] == ["right"] * 4
    assert float(rows[-1]["return"]) == pytest.approx(0.94)
    assert "ended after 4 steps with a return of 0.94" in done.err
    film = Image.open(folder / "film" / "film.gif")
    assert film.n_frames == 4 and film.size == (9 * 24 + 1, 25)
    again = run_mlzoo("predict", run.path, "--json")
    assert json.loads(again.out)[0]["step"] == 1
    refused = {
        ("predict", run.path, "-o", folder / "film"): "holds files already",
        ("predict", run.path, "more.csv"): "takes no data",
        ("predict", run.path, "--features"): "--features: has no effect on control",
    }
    for command, cause in refused.items():
        done = run_mlzoo(*command)
        assert done.code == 2 and cause in done.err


@pytest.mark.slow
def test_commands_that_do_not_know_episodes_say_so(run: Run, world: str, folder: Path) -> None:
    for command in ("check", "export", "landscape", "serve"):
        done = run_mlzoo(command, run.path)
        assert done.code == 2
        assert f"error: {command}: {run.path} acts in an environment" in done.err
    for flags in (["--dry-run"], ["--find-rate"], ["--overfit", "8"]):
        done = run_mlzoo("train", "dqn", world, *flags)
        assert done.code == 2 and "learns from episodes that it plays" in done.err, flags
    done = run_mlzoo("train", "dqn", world, "--folds", 3)
    assert done.code == 2 and "--folds and --ensemble are not for control" in done.err
    done = run_mlzoo("train", "mlp", world)
    assert done.code == 2 and "choose actor_critic, dqn or reinforce" in done.err
    searches = folder / "searches"
    done = run_mlzoo("tune", "dqn", world, "--trials", 1, "--folds", 2, "--out", searches)
    assert done.code == 2 and "dqn draws what it is trained on anew" in done.err
    assert not list(searches.glob("*"))
    done = run_mlzoo("train", "dqn", world, "--train-on", "train+valid")
    assert done.code == 2 and "--train-on train+valid is not for control" in done.err


@pytest.mark.slow
def test_a_search_plays_every_trial_and_trains_the_winner(world: str, folder: Path) -> None:
    short = {"hidden": [8], "environments": 16, "steps": 800, "rollout": 20, "passes": 2}
    result = mlzoo.tune(
        "actor_critic",
        world,
        vary=["learning_rate=1e-6,1e-2"],
        search={"strategy": "grid"},
        epochs=2,
        batch_size=64,
        set=short,
        out=str(folder / "searches"),
    )
    assert result.metric == "mean_return" and len(result.trials) == 2
    assert result.best is not None and result.best.values["learning_rate"] == 1e-2
    assert result.run is not None
    assert result.run.config.train_on == "train" and result.run.config.epochs == 2
    assert result.run.metrics["test"]["headline"] == "mean_return"


@pytest.mark.slow
def test_explain_maps_the_values_of_the_critic(run: Run, folder: Path) -> None:
    flags = ("--method", "state_values", "--limit", 1)
    done = run_mlzoo("explain", run.path, *flags, "--out", folder / "values")
    assert done.code == 0, done.err
    with (folder / "values" / "model" / "state_values.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["optimal_action"] for row in rows] == ["right"] * 7
    with (run.path / "plots" / "state_values.csv").open() as file:
        plotted = list(csv.DictReader(file))
    for one, other in zip(rows, plotted, strict=True):
        assert (one["column"], one["action"]) == (other["column"], other["action"])
        assert float(one["value"]) == pytest.approx(float(other["value"]), abs=1e-4)


@pytest.mark.slow
def test_explain_asks_why_an_action_is_taken(run: Run, folder: Path) -> None:
    flags = ("--method", "occlusion,saliency", "--limit", 3)
    done = run_mlzoo("explain", run.path, *flags, "--out", folder / "why")
    assert done.code == 0, done.err
    record = json.loads((folder / "why" / "explain.json").read_text())
    for method in ("occlusion", "saliency"):
        assert {row["target"] for row in record["maps"] if row["method"] == method} == {"right"}
    assert all(name.startswith("episode ") for name in record["samples"])
    picture = Image.open(next((folder / "why" / "overlays" / "occlusion").glob("*.png")))
    agent = (np.asarray(picture.convert("RGB")) == (0, 114, 178)).all(axis=-1)
    assert agent.any(), "the agent is drawn as in the film"
    named = ("--target", "left", "--against", "right")
    done = run_mlzoo("explain", run.path, *flags, *named, "--out", folder / "named")
    assert done.code == 0, done.err
    assert "left against right" in (folder / "named" / "explain.json").read_text()
    done = run_mlzoo("explain", run.path, "--target", "true")
    assert done.code == 2 and "no action is known to be right" in done.err
