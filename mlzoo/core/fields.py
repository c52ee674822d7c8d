"""The settings of a configuration class as its source states them, read without importing it.

Help has to answer at once, so it can't wait for pydantic; the text under a field is its help.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Setting:
    """One field of a configuration class: its name, annotation, default and help, as text.

    `default` is None where the field has no default; `panel` is the comment line
    (`# -- Title`) that the field stands under.
    """

    name: str
    annotation: str
    default: str | None
    help: str
    panel: str = ""


def settings(path: Path, class_name: str = "Config") -> list[Setting]:
    """The documented fields of a class in a Python file, in order, those of its bases left out."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    body = next(
        (
            node.body
            for node in ast.parse(text).body
            if isinstance(node, ast.ClassDef) and node.name == class_name
        ),
        [],
    )
    found = []
    panel = ""
    previous_line = 0
    for node, following in zip(body, [*body[1:], None], strict=False):
        for line in lines[previous_line : node.lineno]:
            if line.strip().startswith("# -- "):
                panel = line.strip()[5:]
        previous_line = node.lineno
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append(
                Setting(
                    name=node.target.id,
                    annotation=ast.unparse(node.annotation),
                    default=_default(node.value),
                    help=_docstring(following),
                    panel=panel,
                )
            )
    return found


def _docstring(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return " ".join(str(node.value.value).split())
    return ""


def _default(node: ast.expr | None) -> str | None:
    """The default's source text; for `Field(default, ...)` its first argument."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "Field":
        named = {k.arg: k.value for k in node.keywords}
        node = node.args[0] if node.args else named.get("default", named.get("default_factory"))
    if node is None:
        return None
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node).replace("dict", "{}").replace("list", "[]")
    return value if isinstance(value, str) else repr(value)
