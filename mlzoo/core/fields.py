"""Settings, constants and docstring of a module as its source states them, read without importing.

Help has to answer at once, so it can't wait for pydantic; the text under a field is its help.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlzoo.core.errors import UsageError


@dataclass(frozen=True)
class Flag:
    """Traits of a field on the command line, as metadata of its annotation.

    `epochs: Annotated[int, Flag(basic=True)] = 50`. All arguments are literals, because they are
    read from the source.

    Attributes:
        basic: `--help` shows the option; without it only `--help-all` does.
        detail: `--help` of a command that is about the field's group shows it too.
        also: another name of the option, such as `--class`.
        metavar: placeholder of the value in help, where the type does not say enough.
    """

    basic: bool = False
    detail: bool = False
    also: str = ""
    metavar: str = ""


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
    flag: Flag = Flag()


def settings(path: Path, class_name: str = "Config") -> list[Setting]:
    """The documented fields of a class in a Python file, in order.

    Those that it inherits from a file of ours that plug-ins share (`_NAME.py`) come first; those of
    other bases are left out.
    """
    text, tree = _parsed(path, path.stat().st_mtime_ns)
    lines = text.splitlines()
    constants = _constants(tree)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    declaration = next((node for node in classes if node.name == class_name), None)
    if declaration is None:
        return []
    body, previous_line = declaration.body, declaration.lineno
    declared = {setting.name: setting for setting in _inherited(declaration, tree)}
    panel = ""
    for node, following in zip(body, [*body[1:], None], strict=False):
        for line in lines[previous_line : node.lineno]:
            if line.strip().startswith("# -- "):
                panel = line.strip()[5:]
        previous_line = node.lineno
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            annotation, flag = _annotation(node.annotation)
            declared[node.target.id] = Setting(
                name=node.target.id,
                annotation=ast.unparse(annotation),
                default=_default(node.value, constants),
                help=_docstring(following),
                panel=panel,
                flag=flag,
            )
    return list(declared.values())


def _inherited(declaration: ast.ClassDef, tree: ast.Module) -> list[Setting]:
    """The fields of the bases of a class that its module imports from shared files of ours."""
    # By the names of modules alone: help imports nothing.
    bases = {base.id for base in declaration.bases if isinstance(base, ast.Name)}
    return [
        setting
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        and re.fullmatch(r"mlzoo(\.\w+)*\._\w+", node.module or "")
        for name in node.names
        if (name.asname or name.name) in bases
        for setting in settings(_shared_file(str(node.module)), name.name)
    ]


def _shared_file(module: str) -> Path:
    """Return the file of a module of ours."""
    return Path(__file__).parents[2].joinpath(*module.split(".")).with_suffix(".py")


def docstring(path: Path) -> str:
    """Return the docstring of a Python file; empty without one."""
    # A listing reads dozens of files: most begin with it, and need not be parsed whole.
    begin, text, _ = (path.read_text(encoding="utf-8", errors="replace") + '"""' * 2).split(
        '"""', 2
    )
    if not begin and text and "\\" not in text:
        return inspect.cleandoc(text)
    return ast.get_docstring(_parsed(path, path.stat().st_mtime_ns)[1]) or ""


def functions(path: Path) -> set[str]:
    """Return the names of the functions at the top level of a Python file."""
    body = _parsed(path, path.stat().st_mtime_ns)[1].body
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


def constants(path: Path) -> Mapping[str, Any]:
    """Return the constants in capitals that a Python file assigns at its top level.

    Raises:
        UsageError: one of `_CONTRACT` is not written as a literal.
    """
    return _literals(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _literals(path: Path, changed: int) -> dict[str, object]:
    """Return the constants of a file, as `constants`; `changed` is when it was written."""
    values = {}
    for node in _parsed(path, changed)[1].body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        target = node.target if isinstance(node, ast.AnnAssign) else target
        if not isinstance(target, ast.Name) or not target.id.isupper():
            continue
        try:
            values[target.id] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
        except ValueError:
            if target.id in _CONTRACT:
                raise UsageError(
                    f"{path}:{node.lineno}: {target.id} is {ast.unparse(node)!r}; it is read "
                    "without running the file, so write the value out"
                ) from None
    return values


_CONTRACT = ("TARGETS", "KINDS", "DIRECTION", "BOUNDS", "LEARNING_RATE", "FULL_BATCH", "NAMES")


@functools.lru_cache(maxsize=256)
def _parsed(path: Path, changed: int) -> tuple[str, ast.Module]:
    """Return the text and the syntax tree of a file; `changed` is when it was written."""
    try:
        text = path.read_text(encoding="utf-8")
        return text, ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{path} is not valid Python: {error}") from None


def _docstring(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return " ".join(str(node.value.value).split())
    return ""


def _annotation(node: ast.expr) -> tuple[ast.expr, Flag]:
    """Return a field's type without its metadata, and the `Flag` among these."""
    if not isinstance(node, ast.Subscript) or ast.unparse(node.value) != "Annotated":
        return node, Flag()
    inner, *metadata = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    for call in metadata:
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Flag":
            return inner, Flag(**{str(k.arg): ast.literal_eval(k.value) for k in call.keywords})
    return inner, Flag()


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Return the values that a module's top level assigns to single names."""
    return {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


class _Named(ast.NodeTransformer):
    """Replaces names by the constants that they stand for."""

    def __init__(self, constants: dict[str, ast.expr]) -> None:
        self._constants = constants

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._constants.get(node.id, node)


def _default(node: ast.expr | None, constants: dict[str, ast.expr]) -> str | None:
    """The default's source text; for `Field(default, ...)` its first argument."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "Field":
        named = {k.arg: k.value for k in node.keywords}
        node = node.args[0] if node.args else named.get("default", named.get("default_factory"))
    if node is None:
        return None
    try:
        value = ast.literal_eval(_Named(constants).visit(node))
    except ValueError:
        return ast.unparse(node).replace("dict", "{}").replace("list", "[]")
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else repr(value)
