"""Runs on the Hub: uploaded with a valid card, downloaded whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from mlzoo.core.errors import ResourceError
from mlzoo.runs import zoo
from mlzoo.sharing.hub import _hub_errors
from tests.sharing.hub_server import Hub

COMMAND = "from mlzoo_cli.main import run; run()"


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    yield server
    server.close()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return zoo.pull("linear-digits", tmp_path)


def mlzoo(
    hub: Hub, folder: Path, *words: str, token: str = "secret"
) -> subprocess.CompletedProcess[str]:
    """Run the command line: the library reads where the Hub is when it is imported."""
    variables = os.environ | {
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(folder / "home"),
        "HF_TOKEN": token,
    }
    command = [sys.executable, "-c", COMMAND, *words]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)


def test_a_run_goes_up_with_a_card_and_comes_back_the_same(
    hub: Hub, run: Path, tmp_path: Path
) -> None:
    (run / "notes.pkl").write_bytes(b"not a part of a run")
    (tmp_path / "key.txt").write_text("of this machine")
    (run / "notes.txt").symlink_to(tmp_path / "key.txt")
    done = mlzoo(hub, tmp_path, "push", str(run), "hf://me/digits", "--license", "mit")
    assert done.returncode == 0, done.stderr
    assert "next: mlzoo pull hf://me/digits" in done.stderr and "secret" not in done.stderr
    assert "left out" in done.stderr and "notes.pkl" in done.stderr
    files = hub.repositories["me/digits"]
    assert {"model.keras", "config.yaml", "plots/confusion_matrix.png"} <= set(files)
    assert not {"notes.pkl", "notes.txt"} & set(files)
    assert "links lead out of the run folder: notes.txt" in done.stderr

    _, head, text = files["README.md"].decode().split("---\n", 2)
    card = yaml.safe_load(head)
    assert (card["license"], card["library_name"]) == ("mit", "keras")
    assert card["pipeline_tag"] == "image-classification" and "mlzoo" in card["tags"]
    [index] = card["model-index"]
    by_type = {metric["type"]: metric for metric in index["results"][0]["metrics"]}
    scores = json.loads((run / "metrics.json").read_text())["test"]
    assert by_type["accuracy"]["value"] == scores["metrics"]["accuracy"]
    assert by_type["accuracy"]["args"]["interval"] == scores["intervals"]["accuracy"]
    assert by_type["accuracy"]["args"]["samples"] == scores["samples"]
    assert text.startswith("# ") and "](plots/confusion_matrix.png)" in text

    done = mlzoo(hub, tmp_path, "pull", "hf://me/digits", "--out", "back")
    assert done.returncode == 0, done.stderr
    back = tmp_path / "back" / "digits"
    kept = {str(p.relative_to(back)) for p in back.rglob("*") if p.is_file()}
    assert kept == set(files) and (back / "model.keras").read_bytes() == files["model.keras"]
    assert [p.name for p in back.parent.iterdir()] == ["digits"], "nothing is left beside it"
    again = mlzoo(hub, tmp_path, "zoo", "pull", "hf://me/digits", "--out", "back")
    assert again.returncode == 2 and "exists already" in again.stderr


def test_without_what_shows_the_data(hub: Hub, run: Path, tmp_path: Path) -> None:
    done = mlzoo(hub, tmp_path, "push", str(run), "hf://me/small", "--model-only")
    assert done.returncode == 0, done.stderr
    files = hub.repositories["me/small"]
    assert not {path for path in files if path.startswith("plots")} | {"split.json"} & set(files)
    assert "](plots/" not in files["README.md"].decode()


def test_what_is_no_run_is_not_downloaded(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["me/other"] = {"weights.bin": b"x", "config.yaml": b"", "README.md": b""}
    hub.repositories["me/text"] = {"README.md": b"nothing"}
    for name, words in (("other", "weights.bin"), ("text", "lacks model.keras")):
        done = mlzoo(hub, tmp_path, "pull", f"hf://me/{name}")
        assert done.returncode == 3 and words in done.stderr
    done = mlzoo(hub, tmp_path, "pull", "hf://me/none")
    assert done.returncode == 2 and "no repository me/none" in done.stderr
    done = mlzoo(hub, tmp_path, "pull", "me/none")
    assert done.returncode == 2 and "hf://user/name" in done.stderr
    assert not (tmp_path / "saved_models").exists()


def test_refusals_and_a_network_that_fails(hub: Hub, run: Path, tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="can't be reached"), _hub_errors("me/run"):
        raise httpx.ConnectError("refused")
    with pytest.raises(ZeroDivisionError), _hub_errors("me/run"):
        _ = 1 / 0
    done = mlzoo(hub, tmp_path, "push", str(run), "hf://me/digits", token="wrong")
    assert done.returncode == 2 and "hf auth login" in done.stderr and "wrong" not in done.stderr
