from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlzoo.core.errors import DataError, UsageError
from mlzoo.tuning.importing import read_keras_tuner


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A grid that keras-tuner itself has searched, and its scores by trial."""
    import keras_tuner

    root = tmp_path_factory.mktemp("keras_tuner")

    class Search(keras_tuner.GridSearch):
        def run_trial(self, trial: Any, *args: Any, **more: Any) -> dict[str, float]:
            values = trial.hyperparameters.values
            return {"val_accuracy": values["units"] / 100 - (values["activation"] == "tanh") / 50}

    def build(hp: Any) -> None:
        hp.Int("units", 10, 30, step=10)
        hp.Choice("activation", ["relu", "tanh"])

    tuner = Search(
        build,
        objective=keras_tuner.Objective("val_accuracy", "max"),
        directory=root,
        project_name="grid",
    )
    tuner.search(verbose=0)
    return root / "grid", {t.trial_id: t.score for t in tuner.oracle.trials.values()}


def test_a_project_is_read_whole(project: tuple[Path, dict[str, Any]]) -> None:
    folder, scores = project
    for path in (folder, folder.parent):
        found = read_keras_tuner(path)
        assert (found["metric"], found["direction"]) == ("val_accuracy", "max")
        assert {row["trial"]: row["score"] for row in found["trials"]} == scores
        assert found["trials"][0]["values"] == {"units": 30, "activation": "relu"}
        assert found["damaged"] == []


def test_empty_files_of_a_kill_cost_their_trial_only(
    project: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(project[0], folder)
    (folder / "oracle.json").write_text("")
    first = sorted(folder.glob("trial_*"))[0] / "trial.json"
    first.write_text("")
    found = read_keras_tuner(folder)
    assert len(found["trials"]) == len(project[1]) - 1
    assert found["damaged"] == [str(folder / "oracle.json"), str(first)]
    assert found["direction"] == "max"
    for path in folder.glob("trial_*/trial.json"):
        path.write_text("")
    with pytest.raises(DataError, match="no trial of"):
        read_keras_tuner(folder)


def test_what_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        read_keras_tuner(tmp_path / "absent")
    with pytest.raises(UsageError, match="holds no keras-tuner project"):
        read_keras_tuner(tmp_path)
