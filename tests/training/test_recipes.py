"""What a model recommends for its data stands below what the user gave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.contracts import Recipe
from mlzoo.models import linear
from mlzoo.runs.config_loading import merge, read_config
from mlzoo.training.starting.preparing import with_recipe
from mlzoo.training.train import train_merged
from tests.training import made

FIELDS = {"epochs": 7, "schedule": "cosine", "learning_rate": 0.5, "optimizer": "adamw"}


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    def recommended(data, config) -> Recipe:
        fields = {**FIELDS, "early_stopping": 3 if config.preset == "fast" else 0}
        return Recipe(fields, {"l2": 0.25}, f"{len(data.train)} rows", averages=True)

    monkeypatch.setattr(linear, "recipe", recommended, raising=False)


def merged(**flags):
    return merge({"model": "linear", "data": "iris", **flags})


@pytest.mark.usefixtures("recipe")
def test_what_was_not_given_is_recommended_and_told() -> None:
    given = merged(epochs=2)
    result, note = with_recipe(given, made.data())
    expected = {**FIELDS, "epochs": 2, "early_stopping": 3, "set": {"l2": 0.25}}
    assert {name: getattr(result.config, name) for name in expected} == expected
    assert result.given == given.given
    assert note.startswith("preset fast for 36 rows: --schedule cosine --learning-rate 0.5")
    assert "--set l2=0.25" in note
    assert "--epochs" not in note


@pytest.mark.usefixtures("recipe")
def test_a_preset_reaches_the_recipe_and_none_turns_it_off() -> None:
    good, _ = with_recipe(merged(preset="good"), made.data())
    assert (good.config.early_stopping, good.config.folds, good.config.baselines) == (0, 5, "all")
    seeds, _ = with_recipe(merged(preset="best", ensemble=2), made.data())
    assert (seeds.config.folds, seeds.config.ensemble) == (1, 2)
    assert with_recipe(merged(), made.data())[0].config.folds == 1
    unscored = merged(preset="good", unscored=True, fractions="100/0/0")
    alone, note = with_recipe(unscored, made.data())
    assert (alone.config.folds, alone.config.early_stopping) == (1, 0) and "baselines" not in note
    given = merged(preset="none")
    assert with_recipe(given, made.data()) == (given, "")


def test_good_compares_with_all_baselines_also_without_a_recipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(linear, "recipe")
    for preset in ("good", "best"):
        result, note = with_recipe(merged(preset=preset), made.data())
        assert (result.config.baselines, result.config.folds) == ("all", 1)
        assert note == f"preset {preset}: --baselines all"
    assert with_recipe(merged(), made.data()) == (merged(), "")
    assert with_recipe(merged(preset="good", baselines="none"), made.data())[1] == ""


@pytest.mark.usefixtures("recipe")
def test_settings_of_another_optimizer_are_left_out() -> None:
    result, _ = with_recipe(merged(optimizer="lbfgs"), made.data())
    assert (result.config.optimizer, result.config.schedule) == ("lbfgs", "constant")
    assert result.config.learning_rate is None


@pytest.mark.parametrize("preset", ["fast", "none"])
def test_an_optimizer_that_stops_by_itself_runs_until_it_has_converged(preset: str) -> None:
    given = merged(optimizer="lbfgs", preset=preset)
    assert with_recipe(given, made.data())[0].config.epochs == 15_000
    given = merged(optimizer="lbfgs", preset=preset, epochs=3)
    assert with_recipe(given, made.data())[0].config.epochs == 3


@pytest.mark.usefixtures("recipe")
def test_the_run_states_the_recipe_and_repeats_without_it(tmp_path: Path) -> None:
    notes: list[str] = []
    listener = Listener()
    listener.note = notes.append  # type: ignore[method-assign]
    run = train_merged(merged(out=str(tmp_path), name="run", epochs=1), listener=listener)
    assert any(note.startswith("preset fast") for note in notes)
    stated = read_config(run.path)
    assert (stated.schedule, stated.learning_rate, stated.set["l2"]) == ("cosine", 0.5, 0.25)
    again = merge({}, run.path / "config.yaml")
    assert with_recipe(again, made.data())[1] == ""


def test_a_run_from_before_recipes_repeats_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "# Repeats this run: mlzoo train --config <this file>\nmodel: mlp\ndata: wine\n"
    )
    assert merge({}, path).config.preset == "none"
    path.write_text("model: mlp\ndata: wine\n")
    assert merge({}, path).config.preset == "fast"


def test_a_search_refuses_models_of_several_members() -> None:
    from mlzoo.tuning.tune import make_plan

    for flags in ({"ensemble": 2}, {"folds": 2}):
        with pytest.raises(UsageError, match="a search trains one model at a time"):
            make_plan(merged(**flags), [], None, {"strategy": "random", "trials": 2})
    plan = make_plan(merged(), [], None, {"strategy": "random", "trials": 2})
    assert plan.run == replace(merged()).config.model_copy(update={"preset": "none"})


def test_what_a_training_without_scores_never_reads_is_refused() -> None:
    given = {"profile": True, "weight_ranges": True, "conformal": 0.2, "baselines": "all"}
    given["diagnose"] = "spectrum"
    with pytest.raises(UsageError) as caught:
        merged(unscored=True, fractions="100/0/0", **given)
    assert sorted(line.split(":")[0] for line in caught.value.problems) == [
        *("--baselines", "--conformal", "--diagnose", "--profile", "--weight-ranges"),
    ]
    idle = {"profile": False, "conformal": 0, "baselines": "none"}
    assert merged(unscored=True, fractions="100/0/0", **idle).warnings == ()
