"""Layers are known to Keras once the package is imported, so that every model file can be read."""

from __future__ import annotations

import ast
from pathlib import Path

from mlzoo import layers

ROOT = Path(layers.__file__).parent


def _imports(file: Path) -> set[str]:
    """Modules of this package that a file imports at its top level, as paths below it."""
    names: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mlzoo.layers"):
            inner = (node.module or "").removeprefix("mlzoo.layers").strip(".").replace(".", "/")
            names |= {inner, *(f"{inner}/{alias.name}".strip("/") for alias in node.names)}
    return {name for name in names if name}


def test_every_layer_is_registered_by_importing_the_package() -> None:
    known, pending = set(), [ROOT / "__init__.py"]
    while pending:
        for name in _imports(pending.pop()) - known:
            known.add(name)
            files = [ROOT / f"{name}.py", ROOT / name / "__init__.py"]
            pending += [file for file in files if file.is_file()]
    owed = {
        file.relative_to(ROOT).with_suffix("").as_posix()
        for file in ROOT.rglob("*.py")
        if "@keras.saving.register_keras_serializable" in file.read_text()
    }
    assert not owed - known
