"""What is installed and what runs on a forge: locks, and commands of workflows, fit together."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
LINE = r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)"


def locked(name: str) -> dict[str, str]:
    """Versions by package."""
    return dict(re.findall(LINE, (ROOT / name).read_text("utf-8"), re.MULTILINE))


def test_the_base_lock_is_a_part_of_the_other() -> None:
    base, whole = locked("requirements-base.lock"), locked("requirements.lock")
    assert len(base) < len(whole) - 50 and base.items() <= whole.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {re.split(r"[\[<>=]", text)[0].lower() for text in project["dependencies"]}
    assert needed <= base.keys()
    assert {"jax", "openvino", "ray", "mypy"} & base.keys() == set()


def test_workflows_call_what_there_is_on_the_pythons_that_are_claimed() -> None:
    texts = {p.name: p.read_text("utf-8") for p in (ROOT / ".github" / "workflows").iterdir()}
    assert set(texts) == {"tests.yml", "wheels.yml"}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    steps = [
        step
        for text in texts.values()
        for job in yaml.safe_load(text)["jobs"].values()
        for step in job["steps"]
    ]
    runs = "\n".join(step.get("run", "") for step in steps)
    assert set(re.findall(r"make (\w+)", runs)) == {"demo", "wheel"} <= targets
    assert ".ci/run" in runs and (ROOT / ".ci" / "run").stat().st_mode & 0o100
    jobs = yaml.safe_load(texts["tests.yml"])["jobs"]
    pythons = {"3.11", *jobs["training"]["strategy"]["matrix"]["python"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    claimed = {text.rpartition(" ")[2] for text in project["classifiers"] if " :: 3." in text}
    assert pythons == claimed
