"""Whether a run came out the same again, by what it states of its determinism."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import mlzoo
from mlzoo.core import files
from mlzoo.runs.contents.folders import write_checksums
from mlzoo.training.reproducing import compared, reproduce

BITWISE, SEEDED = "bitwise: the same command ends with the same weights", "seeded only: a GPU"


def facts(determinism: str = BITWISE) -> dict[str, Any]:
    scores = {"accuracy": 0.9, "log_loss": 0.3, "per_class": []}
    return {
        "data": {"fingerprint": "ab"},
        "split": {"parts": {"train": {"indices": [0, 1]}, "test": {"indices": [2]}}},
        "environment": {"determinism": determinism, "versions": {"keras": "3.15"}, "seed": 0},
        "metrics": {
            "headline": {"name": "accuracy", "value": 0.9, "interval": [0.85, 0.95]},
            "epochs": 5,
            "kept": {"epoch": 4},
            "weights_sha256": "12",
            "test": {"metrics": scores, "baselines": {"linear": {"accuracy": 0.7, "note": ""}}},
            "repeats": None,
        },
    }


def again(determinism: str = BITWISE, score: float = 0.9, weights: str = "12") -> dict[str, Any]:
    changed = copy.deepcopy(facts(determinism))
    changed["metrics"]["weights_sha256"] = weights
    changed["metrics"]["headline"]["value"] = score
    changed["metrics"]["test"]["metrics"]["accuracy"] = score
    return changed


def wrong(result: dict[str, Any]) -> list[str]:
    return [check["what"] for check in result["checks"] if not check["same"] and check["counts"]]


def test_where_bits_are_stated_bits_count() -> None:
    assert compared(facts(), again())["reproduced"]
    found = compared(facts(), again(weights="13"))
    assert not found["reproduced"] and wrong(found) == ["weights sha256"]
    found = compared(facts(), again(score=0.9000001))
    assert wrong(found) == ["test scores"]
    assert found["scores"][0]["difference"] > 0


def test_baselines_are_compared_too() -> None:
    other = again()
    other["metrics"]["test"]["baselines"]["linear"]["accuracy"] = 0.7 + 1e-12
    found = compared(facts(), other)
    assert wrong(found) == ["baseline scores"] and not found["reproduced"]
    assert found["scores"][-1]["score"] == "accuracy of the linear baseline"


def test_where_only_the_seed_is_stated_the_score_s_interval_counts() -> None:
    assert compared(facts(SEEDED), again(SEEDED, 0.86, "13"))["reproduced"]
    found = compared(facts(SEEDED), again(SEEDED, 0.84, "13"))
    assert wrong(found) == ["accuracy within its interval"]


def test_other_data_another_split_and_another_environment_are_told() -> None:
    other = again(SEEDED)
    other["data"]["fingerprint"] = "cd"
    other["split"]["parts"]["test"]["indices"] = [1]
    other["environment"]["versions"]["keras"] = "3.16"
    found = compared(facts(SEEDED), other)
    assert wrong(found) == ["data fingerprint", "split"]
    assert found["environment"] == {"keras": ["3.15", "3.16"]}


def test_a_run_is_reproduced_to_the_bit_and_left_alone(tmp_path: Path) -> None:
    run = mlzoo.train(
        "mlp",
        "iris",
        epochs=2,
        repeats=2,
        set={"hidden": [4]},
        pictures="none",
        out=str(tmp_path),
        name="first",
    )
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    result = reproduce(run.path)
    assert result["reproduced"] and all(check["same"] for check in result["checks"])
    assert {row["difference"] for row in result["scores"]} == {0.0}
    assert len({row["score"] for row in result["scores"]}) == len(result["scores"])
    assert result["environment"] == {}
    assert before == {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    assert sorted(tmp_path.iterdir()) == [run.path]

    record = files.read_json(run.path / "metrics.json")
    record["weights_sha256"] = record["repeats"]["trainings"][0]["weights_sha256"] = "0" * 64
    files.write_json(run.path / "metrics.json", record)
    write_checksums(run.path, ["metrics.json"])
    assert wrong(reproduce(run.path)) == ["weights sha256"]
