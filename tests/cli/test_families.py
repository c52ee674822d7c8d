"""`mlzoo explain RUN` works for every family: the method follows from the task and the model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mlzoo.runs import zoo
from tests.cli.shell import run_mlzoo

METHODS = {
    "rnn-mackey-glass": "integrated_gradients",
    "conv_lstm-moving-spots": "integrated_gradients",
    "unet-flow-fields": "integrated_gradients",
    "autoencoder-digits": "integrated_gradients",
    "vae-digits": "integrated_gradients",
    "mlp-stress-strain": "integrated_gradients",
    "unet-shapes": "gradcam",
}
"""Runs that come along, and what explains them where no method is named."""


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_chosen_for_every_family(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(zoo.find(name), name)
    done = run_mlzoo("explain", name, "--limit", 1, "--no-evidence")
    assert done.code == 0, done.err
    method = METHODS[name]
    assert f"method: {method} (--method" in done.err
    folder = Path(name) / "explanations" / method
    record = json.loads((folder / "explain.json").read_text())
    assert list(record["methods"]) == [method] and len(record["maps"]) == 1
    assert len(list((folder / "overlays" / method).glob("*.png"))) == 1


@pytest.mark.slow
def test_solved_equations_are_explained_by_their_residuals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    few = ("--epochs", 1, "--set", "lbfgs=0", "--pictures", "none", "--out", ".", "--name", "run")
    assert run_mlzoo("train", "pinn", "exponential-decay", *few).code == 0
    done = run_mlzoo("explain", "run")
    assert done.code == 0, done.err
    assert "method: residuals (--method" in done.err
    assert (Path("run") / "explanations" / "residuals" / "index.html").is_file()
