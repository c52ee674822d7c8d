"""The winner's configuration, and what workers elsewhere get, mean the same in every folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mlzoo.core.configs import RunConfig
from mlzoo.runs.config_loading import merge
from mlzoo.training.starting.folder import config_text
from mlzoo.tuning.executors.cluster import _anywhere
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.results.tables import best_yaml
from mlzoo.tuning.trials.trial import TrialResult
from tests.tuning import made

FILES = {"data": "t.csv", "exclude": "bad.csv", "relabel": "new.csv", "class_weights": "w.yaml"}


@pytest.fixture
def relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Files in the working directory, and a cache that is not there yet."""
    monkeypatch.chdir(tmp_path)
    for name in FILES.values():
        Path(name).write_text("a,y\n1,no\n2,yes\n")
    return {**FILES, "cache": "decoded"}


def trial() -> TrialResult:
    """Return a trial of one fit."""
    result = TrialResult(0, {"learning_rate": 0.1}, [(0, 0)])
    result.fits[0, 0] = {"score": 0.5, "epochs": 1, "error": None}  # type: ignore[typeddict-item]
    return result


def test_paths_are_absolute_wherever_they_are_read(
    relative: dict[str, str], tmp_path: Path
) -> None:
    absolute = {name: str(tmp_path / path) for name, path in relative.items()}
    files = {name: absolute[name] for name in FILES}  # a table has no images to be cached
    plan = Plan(RunConfig(model="linear", **relative), made.FINITE, made.plan().search)
    best = yaml.safe_load(best_yaml(plan, trial(), "accuracy"))
    assert {name: best.get(name) for name in FILES} == files
    assert (best["model"], best["learning_rate"]) == ("linear", 0.1)
    sent = _anywhere(plan)["run"]
    assert {name: sent[name] for name in absolute} == absolute
    whole = yaml.safe_load(config_text(merge({"model": "linear", **relative}, allow_unused=True)))
    assert {name: whole.get(name) for name in FILES} == files


def test_policies_and_generators_mean_the_same_in_every_folder(
    relative: dict[str, str], tmp_path: Path
) -> None:
    Path("policy.yaml").write_text("- Rotate: {limit: 20}\n- HorizontalFlip\n")
    Path("gan").mkdir()
    steps = [{"Rotate": {"limit": 20}}, {"HorizontalFlip": {}}]
    generator, digest = f"generated:{tmp_path / 'gan'}", "@0123456789abcdef"
    for given, fixed in (
        ("policy.yaml", steps),
        ("generated:gan", generator),
        (f"generated:gan{digest}", generator + digest),
        ("gone.yaml", "gone.yaml"),
        ("light", "light"),
        (steps, steps),
    ):
        run = RunConfig(model="linear", data="t.csv", augment=given)
        plan = Plan(run, made.FINITE, made.plan().search)
        sent = RunConfig(**_anywhere(plan)["run"])
        assert sent.augment == fixed
        assert yaml.safe_load(best_yaml(plan, trial(), "accuracy"))["augment"] == fixed


def test_what_is_no_path_stays_as_it_is() -> None:
    run = RunConfig(model="mlp", data="digits", class_weights="auto")
    sent = _anywhere(Plan(run, made.FINITE, made.plan().search))["run"]
    assert (sent["data"], sent["class_weights"], sent["cache"]) == ("digits", "auto", "auto")
    assert sent["exclude"] is None
