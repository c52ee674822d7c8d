"""The two locks: what a training needs is a part of all, in the same versions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

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
