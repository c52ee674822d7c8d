"""What is there before anything is trained in earnest."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest
import yaml
from mlzoo_cli.demos import DEMOS

from tests.cli.shell import Mlzoo, python

SMALL = ("mlp", "d/ok.csv", "--target", "y", "--set", "hidden=8", "--batch-size", 8)


def test_mlzoo_alone_says_what_it_can_do(mlzoo: Mlzoo) -> None:
    done = mlzoo()
    assert done.code == 0
    for name in DEMOS:
        assert f"mlzoo train --demo {name}" in done.out
    assert "--dry-run" in done.out and "--install-completion" in done.out


def test_a_demo_is_a_whole_configuration_that_flags_change(mlzoo: Mlzoo) -> None:
    for name, demo in DEMOS.items():
        done = mlzoo("train", "--demo", name, "--print-config", "--seed", 3)
        assert done.code == 0, done.err
        found = yaml.safe_load(done.out)
        assert found["model"] == demo.settings["model"] and found["data"] == demo.settings["data"]
        assert found["epochs"] == demo.settings["epochs"] and found["seed"] == 3
    assert (
        yaml.safe_load(mlzoo("train", "--demo", "cnn", "--print-config", "--epochs", 2).out)[
            "epochs"
        ]
        == 2
    )


def test_what_is_printed_repeats_the_run(mlzoo: Mlzoo) -> None:
    text = mlzoo("train", *SMALL, "--epochs", 3, "--print-config").out
    Path("run.yaml").write_text(text)
    assert mlzoo("train", "--config", "run.yaml", "--print-config").out.replace(
        "  # default", ""
    ) == text.replace("  # default", "")
    assert "epochs: 3\n" in text and "batch_size: 8\n" in text and "seed: 0  # default" in text
    assert not Path("saved_models").exists()


@pytest.mark.parametrize(
    ("flags", "cause"),
    [
        (("--demo", "cn"), "unknown demo 'cn' (did you mean 'cnn'?); choose mlp, cnn"),
        (("--demo", "cnn", "mlp", "digits"), "leave out MODEL and DATA"),
        (("mlp", "digits", "--dry-run", "--find-rate"), "exclude each other"),
        (("--resume", "x", "--overfit", 8), "--overfit is for a new run"),
        (("mlp", "digits", "--find-rate", "--learning-rate", 0.1), "leave out --learning-rate"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(
    mlzoo: Mlzoo, flags: tuple[object, ...], cause: str
) -> None:
    done = mlzoo("train", *flags)
    assert done.code == 2 and any(cause in line for line in done.errors), done.err
    assert not Path("saved_models").exists()


def test_a_dry_run_tells_the_plan_and_writes_nothing(mlzoo: Mlzoo) -> None:
    done = mlzoo("train", *SMALL, "--epochs", 7, "--dry-run", "--json")
    plan = json.loads(done.out)
    assert plan["parts"] == {"train": 36, "valid": 12, "test": 12}
    assert (plan["steps"], plan["batch_size"], plan["epochs"]) == (5, 8, 7)
    assert sum(layer["parameters"] for layer in plan["layers"]) == plan["parameters"]
    assert plan["seconds"]["all"] == pytest.approx(7 * 5 * plan["seconds"]["step"])
    assert plan["seconds"]["first_step"] > plan["seconds"]["step"] > 0, "the first compiles"
    weights = plan["parameters"] * 4 / 2**20
    assert plan["memory"]["weights"] == pytest.approx(weights, rel=1e-6)
    assert plan["memory"]["optimizer"] == pytest.approx(3 * weights, rel=0.2), "Adam has two slots"
    assert plan["memory"]["activations"] > 0
    assert plan["run"] == "saved_models/mlp-ok" and not Path("saved_models").exists()


def test_a_rate_is_found_and_drawn(mlzoo: Mlzoo) -> None:
    done = mlzoo("train", *SMALL, "--find-rate", "--json")
    found = json.loads(done.out)
    folder = Path(found["folder"])
    assert folder == Path("saved_models/mlp-ok-rate")
    assert {path.name for path in folder.iterdir()} == {"rate.csv", "rate.png"}
    rows = list(csv.DictReader((folder / "rate.csv").open()))
    assert len(rows) == found["steps"] and float(rows[0]["learning_rate"]) == 1e-6
    assert 1e-4 < found["suggestion"] < found["least"] <= 10


def test_overfit_learns_a_few_samples_or_fails(mlzoo: Mlzoo) -> None:
    done = mlzoo("train", *SMALL[:-2], "--overfit", 8, "--learning-rate", 0.05)
    assert done.code == 0 and "8 samples learned by heart in" in done.out, done.err
    done = mlzoo("train", *SMALL[:-2], "--overfit", 8, "--learning-rate", 1e-8, "--epochs", 3)
    assert done.code == 1 and "not learned by heart" in done.cause
    assert not Path("saved_models").exists()


def test_completion_installs_and_completes(tmp_path: Path) -> None:
    start = "import sys; sys.argv[0] = 'mlzoo'; from mlzoo_cli.main import run; run()"
    home = {"HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = python("-c", start, "--install-completion", "bash", cwd=tmp_path, **home)
    assert done.code == 0, done.err
    script = next(tmp_path.rglob("mlzoo.sh"))
    assert "_MLZOO_COMPLETE" in script.read_text()
    asked = {"_MLZOO_COMPLETE": "complete_bash", "COMP_WORDS": "mlzoo trai", "COMP_CWORD": "1"}
    assert python("-c", start, cwd=tmp_path, **home, **asked).out.split() == ["train"]
    assert os.environ.get("_MLZOO_COMPLETE") is None
