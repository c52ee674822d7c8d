from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from mlzoo.core.validation.values import split_words
from mlzoo.data.quality.associations import cramers_v
from mlzoo.data.quality.inspection import inspect
from mlzoo.data.quality.remedies import remedies
from mlzoo.data.samples import Samples
from tests.data.pictures import config, folder, shared, tree_hash


def test_wine_as_plain_values() -> None:
    found = inspect(config(shared("tables/winequality-red.csv"), target="quality>=6"))
    assert json.loads(json.dumps(found)) == found
    assert found["source"] == "table"
    assert (found["samples"], found["shape"], found["dtype"]) == (1599, [11], "float32")
    assert found["bytes"] == 1599 * 11 * 4
    assert found["parts"] == {"train": 959, "valid": 320, "test": 320}
    assert [c["count"] for c in found["classes"]] == [744, 855]
    assert sum(c["share"] for c in found["classes"]) == pytest.approx(1)
    assert sum(found["classes"][0]["parts"].values()) == 744
    alcohol = next(c for c in found["columns"] if c["name"] == "alcohol")
    assert alcohol["mean"] == pytest.approx(10.422983, abs=1e-5)
    assert (alcohol["kind"], alcohol["missing"]) == ("numeric", 0)
    assert found["problems"] == found["suggestions"] == []


def test_bad_files_are_listed_not_raised_and_nothing_is_written(tmp_path: Path) -> None:
    root = folder(tmp_path, {"a": 9, "b": 9})
    (root / "a" / "empty.png").write_bytes(b"")
    before = tree_hash(root)
    found = inspect(config(root))
    assert found["problems"] == [{"name": "a/empty.png", "reason": "empty file"}]
    assert found["samples"] == 18
    assert found["warnings"] == ["1 of 19 images can't be used and are left out (a 1 of 10)"]
    assert tree_hash(root) == before


def test_leaks_and_impossible_splits_are_listed(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(20, 2))
    y = np.arange(20) % 2
    np.savez(tmp_path / "d.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    found = inspect(config(tmp_path / "d.npz"))
    assert any("exact duplicates" in warning for warning in found["warnings"])
    np.savez(tmp_path / "d.npz", x=x, y=np.array([0] * 18 + [1] * 2))
    found = inspect(config(tmp_path / "d.npz"))
    assert found["parts"] == {}
    assert "class '1' (2)" in found["problems"][0]["reason"]


def test_imbalance_suggests_weights(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(100, 2))
    np.savez(tmp_path / "d.npz", x=x, y=np.array([0] * 85 + [1] * 15))
    assert "85% of the samples are '0': consider --class-weights auto" in str(
        inspect(config(tmp_path / "d.npz"))["suggestions"]
    )


def test_categories_missing_values_and_regression(tmp_path: Path) -> None:
    rows = [f"{'' if i == 3 else i % 7},{'' if i < 2 else 'ab'[i % 2]},{i / 7}" for i in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["u,kind,y", *rows]))
    found = inspect(config(tmp_path / "t.csv"))
    u, kind = found["columns"]
    assert u["missing"] == 1
    assert kind == {
        "name": "kind",
        "kind": "categorical",
        "missing": 2,
        "categories": {"a": 14, "b": 14},
    }
    assert found["target"]["max"] == pytest.approx(29 / 7)
    assert found["classes"] == []


def test_associations_have_the_values_of_their_definitions(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    number, noise = random.normal(size=60), random.normal(size=60)
    kinds = np.array(["red", "blue", "green"])[random.integers(0, 3, 60)]
    target = 2 * number + 0.3 * noise
    rows = [f"{a},{b},{c}" for a, b, c in zip(number, kinds, target, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["a,kind,y", *rows]))
    strongest, other = inspect(config(tmp_path / "t.csv"))["associations"]
    assert strongest["measure"] == "Pearson's r"
    assert strongest["value"] == pytest.approx(np.corrcoef(number, target)[0, 1], abs=1e-5)
    means = {kind: target[kinds == kind].mean() for kind in kinds}
    between = np.mean([(means[kind] - target.mean()) ** 2 for kind in kinds])
    assert (other["column"], other["measure"]) == ("kind", "correlation ratio")
    assert other["value"] == pytest.approx(np.sqrt(between / target.var()), abs=1e-5)


def test_cramers_v_is_one_for_one_to_one_and_zero_for_independent_columns() -> None:
    a = np.tile([0, 1, 2], 20)
    assert cramers_v(a, (a + 1) % 3) == pytest.approx(1)
    assert cramers_v(a, np.repeat([0, 1], 30)) == pytest.approx(0)
    assert cramers_v(a, np.zeros(60, int)) == 0
    # Of two-by-two tables it is the absolute value of phi.
    first = np.repeat([0, 0, 1, 1], [10, 20, 30, 5])
    second = np.repeat([0, 1, 0, 1], [10, 20, 30, 5])
    assert cramers_v(first, second) == pytest.approx(
        (20 * 30 - 10 * 5) / (30 * 35 * 40 * 25) ** 0.5
    )


def test_problems_come_with_commands_that_solve_them(tmp_path: Path) -> None:
    root = folder(tmp_path, {"a": 9, "b": 9})
    (root / "a" / "empty.png").write_bytes(b"")
    [row] = inspect(config(root))["remedies"]
    assert row["problem"] == "1 file or row can't be used, such as a/empty.png: empty file"
    assert row["command"] == f"mlzoo train auto {root} --on-bad skip --max-bad 0.06"
    rows = [f"{i},{2 * i + 1},{i * 7 % 5},1,{'' if i % 3 else i % 4},{i % 2}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["a,twice,c,one,gaps,y", *rows]))
    [row] = inspect(config(tmp_path / "t.csv", target="y", task="classification"))["remedies"]
    assert "columns 'a' and 'twice' say the same (r = 1.000)" in row["problem"]
    assert "column 'gaps': 65% missing" in row["problem"]
    command = f"mlzoo train auto {tmp_path}/t.csv --target y --task classification --drop "
    assert row["command"].startswith(command)
    dropped = row["command"].removeprefix(command).split(",")
    assert sorted(dropped) == ["a", "gaps", "one", "twice"], "a counts the rows"


def test_what_keeps_data_from_training_is_solved_by_every_command(tmp_path: Path) -> None:
    rows = [f"{i * i % 7},{i * i % 11},1,{'pqrr'[max(i - 55, 0) // 2]}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,one,y", *rows]))
    found = inspect(config(tmp_path / "t.csv", target="y"))["remedies"]
    start = f"mlzoo train auto {tmp_path}/t.csv --target y --rare merge"
    ends = ["", " --class-weights auto", " --drop one"]
    assert [row["command"] for row in found] == [start + end for end in ends]
    solved = config(tmp_path / "t.csv", target="y", rare="merge", drop=["one"])
    assert inspect(solved)["problems"] == []


def test_commands_train_on_the_data_as_they_were_read(tmp_path: Path) -> None:
    rows = [f"{i % 7},{i % 11},{i},1,{i % 2}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,one,y", *rows]))
    given = {"drop": ["c"], "fractions": "70/15/15", "source_set": {"delimiter": ","}}
    [row] = inspect(config(tmp_path / "t.csv", source="table", **given))["remedies"]
    assert row["command"] == (
        f"mlzoo train auto {tmp_path}/t.csv --source table --source-set delimiter=, "
        "--fractions 70/15/15 --drop c,one"
    )


def test_a_column_that_gives_the_target_away_is_left_out_whatever_its_name(tmp_path: Path) -> None:
    rows = [f"{i / 7},{i % 2 + 3},{i % 2}" for i in range(40)]
    for name in ('it\'s "x"', "height, m"):
        quoted = '"' + name.replace('"', '""') + '"'
        (tmp_path / "t.csv").write_text("\n".join([f"a,{quoted},y", *rows]))
        inspected = inspect(config(tmp_path / "t.csv", task="classification"))
        [command] = [row["command"] for row in inspected["remedies"]]
        assert split_words(shlex.split(command)[-1]) == [name]
        assert inspected["remedies"][0]["problem"].endswith("leave it out if it is a copy")


def test_parts_of_one_date_are_no_columns_that_say_the_same(tmp_path: Path) -> None:
    dates = [f"{2020 + i // 30}-{1 + 11 * (i < 30):02d}-{1 + i % 28:02d}" for i in range(60)]
    rows = [f"{i % 7},{date},{(i * i) % 11 / 7}" for i, date in enumerate(dates)]
    (tmp_path / "t.csv").write_text("\n".join(["a,day,y", *rows]))
    inspected = inspect(config(tmp_path / "t.csv", source="table"))
    assert not [row for row in inspected["remedies"] if "say the same" in row["problem"]]


def test_decisions_come_with_their_certainty(tmp_path: Path) -> None:
    rows = [f"{i / 3},{i % 2}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["a,y", *rows]))
    by_name = {row["what"]: row for row in inspect(config(tmp_path / "t.csv"))["recognized"]}
    assert by_name["source"]["certainty"] == "certain"
    assert by_name["task"]["certainty"] == "likely"
    assert "whole numbers with 2 distinct values" in by_name["task"]["decision"]
    chosen = inspect(config(tmp_path / "t.csv", task="regression", source="table"))["recognized"]
    given = {row["what"]: row["certainty"] for row in chosen}
    assert (given["source"], given["task"]) == ("given", "given")


@pytest.mark.parametrize(
    ("kind", "task", "model"),
    [
        ("table", "classification", "auto"),
        ("text", "text", "auto"),
        ("image", "translation", "auto"),
        ("image", "segmentation", "unet"),
        ("image", "anomaly", "patchcore"),
        ("table", "reconstruction", "autoencoder"),
    ],
)
def test_commands_name_a_model_that_runs(kind: str, task: str, model: str) -> None:
    samples = Samples(np.zeros((4, 8, 8, 1)), np.zeros(4, "int32"), task, kind=kind)
    [row] = remedies(config("d"), samples, [], ["1 file is bad: --on-bad skip"])
    assert row["command"] == f"mlzoo train {model} d --on-bad skip"


def test_a_setting_that_a_warning_names_stands_in_the_command() -> None:
    samples = Samples(np.zeros((4, 8, 8, 1)), np.zeros((4, 8, 8), "uint8"), "segmentation")
    text = "11 has no name: leave it out with --source-set ignore=11; if it is a class, all is well"
    [row] = remedies(config("d"), samples, [], [text])
    assert row["command"] == "mlzoo train unet d --source-set ignore=11"
