"""`train auto` tries what fits, chooses without the test split, and keeps what is finished."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlzoo.core.errors import DivergedError, Interrupted, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Samples
from mlzoo.training.members import OUT_OF_FOLD
from mlzoo.training.starting.resume_checks import check_config
from mlzoo.tuning.families import auto, candidates
from mlzoo.tuning.families.leaderboard import Candidate, ranked, reason
from tests.cli.shell import run_mlzoo

FLAGS = {"data": "iris", "epochs": 2, "baselines": "none", "limit": 90}


@pytest.fixture(autouse=True)
def _few_folds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(candidates.FOLDS, "good", 2)
    monkeypatch.chdir(tmp_path)


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open()))


def test_families_that_fit_the_samples_are_tried() -> None:
    def tried(shape: tuple[int, ...], kind: str, targets: Any, task: str, **more: Any) -> list[str]:
        return candidates.families(Samples(np.zeros((4, *shape)), targets, task, kind=kind, **more))

    classes = np.zeros(4, "int32")
    assert tried((3,), "table", classes, "classification") == ["linear", "mlp"]
    assert tried((8, 8, 1), "image", classes, "classification") == ["cnn", "resnet"]
    masks = np.zeros((4, 8, 8), "uint8")
    assert tried((8, 8, 1), "image", masks, "segmentation") == ["unet", "unet_xception"]
    ahead = np.zeros((4, 2, 1), "float32")
    assert tried((5, 1), "sequence", ahead, "forecasting") == ["nlinear", "rnn", "tcn"]
    codes = np.zeros((4, 6), "int32")
    assert tried((8, 8, 1), "image", codes, "translation") == ["captioner"]
    assert tried((5,), "sequence", codes, "translation") == ["seq2seq"]
    assert tried((6,), "text", codes, "text") == ["rnn", "tcn"]


def test_the_best_out_of_fold_gets_the_name_and_the_leaderboard(tmp_path: Path) -> None:
    notes: list[str] = []
    listener = Listener()
    listener.note = notes.append  # type: ignore[method-assign]
    run = auto.train_auto({**FLAGS, "set": {}}, listener=listener)
    assert run.path.resolve() == tmp_path / "saved_models/auto-iris"
    rows = read(run.path / auto.LEADERBOARD)
    assert [(row["preset"], row["scored_on"]) for row in rows] == [
        *[("good", OUT_OF_FOLD)] * 2,
        *[("fast", "valid")] * 2,
    ]
    values = [float(row["value"]) for row in rows]
    assert values[0] >= values[1]
    assert values[2] >= values[3]
    assert [row["chosen"] for row in rows] == ["True", "False", "False", "False"]
    assert rows[0]["run"] == "saved_models/auto-iris"
    assert all(Path(row["run"], "model.keras").is_file() for row in rows)
    assert run.metrics["auto"]["reason"] in notes
    assert run.config.model == rows[0]["model"]
    assert run.config.folds == 2
    assert "Leaderboard" in (run.path / "report.html").read_text()
    assert run.config.out == "saved_models"
    check_config(run.path / "config.yaml")
    for page in ("report.html", "README.md"):
        assert "auto-iris" in (run.path / page).read_text()
    assert "candidates" not in (run.path / "README.md").read_text()
    assert run.outputs(np.zeros((3, 4), "float32")).shape == (3, 3)


def test_a_stopped_call_goes_on_with_what_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[str] = []
    real = candidates.train_merged

    def stops_once(merged: Any, **more: Any) -> Any:
        if merged.config.model == "mlp" and "mlp" not in trained:
            trained.append("mlp")
            raise Interrupted("stopped", 2)
        trained.append(merged.config.model)
        return real(merged, **more)

    monkeypatch.setattr(candidates, "train_merged", stops_once)
    flags = {**FLAGS, "preset": "fast"}
    with pytest.raises(Interrupted, match="run the same command again"):
        auto.train_auto(flags)
    run = auto.train_auto(flags)
    assert trained == ["linear", "mlp", "mlp"]
    assert [row["preset"] for row in read(run.path / auto.LEADERBOARD)] == ["fast", "fast"]
    assert auto.train_auto(flags).path.name == "auto-iris-2"


def test_what_does_not_fit_or_diverges_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = candidates.train_merged
    warnings: list[str] = []
    listener = Listener()
    listener.warn = warnings.append  # type: ignore[method-assign]

    def diverges(merged: Any, **more: Any) -> Any:
        if merged.config.model == "linear":
            raise DivergedError("the loss is NaN")
        return real(merged, **more)

    monkeypatch.setattr(candidates, "train_merged", diverges)
    run = auto.train_auto({**FLAGS, "preset": "fast"}, listener=listener)
    assert "linear is left out: the loss is NaN" in warnings
    assert run.metrics["auto"]["reason"] == "chosen: mlp, the only candidate"


def test_other_settings_need_another_name() -> None:
    (Path("saved_models") / "mine-candidates").mkdir(parents=True)
    with pytest.raises(UsageError, match="holds candidates of other settings"):
        auto.train_auto({**FLAGS, "name": "mine"})


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"set": {"hidden": 8}}, "--set: is for one model"),
        ({"preset": "none"}, "choose fast or good"),
        ({"train_on": "train+valid"}, "needs the validation split"),
        ({"repeats": 2}, "--repeats: is for one model"),
    ],
)
def test_settings_of_one_model_are_refused(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        auto.train_auto({"data": "iris", **flags})
    assert not Path("saved_models").exists()


def test_the_command_line_refuses_what_is_for_one_model() -> None:
    done = run_mlzoo("train", "auto", "iris", "--dry-run")
    assert done.code == 2
    assert "--dry-run: is for one model, and auto tries several" in done.err


def test_an_undefined_score_is_the_worst_and_errors_are_better_lower() -> None:
    def scored(value: float | None) -> Candidate:
        scores = {"headline": "rmse", "metrics": {"rmse": value}, "intervals": {}}
        run = SimpleNamespace(config=SimpleNamespace(model=f"m{value}"))
        return Candidate(run, "fast", "valid", scores)  # type: ignore[arg-type]

    best = ranked([scored(None), scored(3.0), scored(2.0)])
    assert [each.value for each in best] == [2.0, 3.0, None]
    assert reason(best) == "chosen: m2.0, which scored best (RMSE 2, m3.0 3)"


def test_a_choice_needs_scores() -> None:
    with pytest.raises(UsageError, match="--unscored: auto chooses by scores; name one model"):
        auto.train_auto({**FLAGS, "unscored": True, "fractions": "100/0/0"})
