"""How the code speaks: openings of docstrings, American spelling, names of classes."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "mlzoo").rglob("*.py"), *(ROOT / "cli").rglob("*.py")])
BRITISH = re.compile(
    r"colour|behaviour|neighbour|favour|centre\b|centres\b|grey\b|artefact|licence"
    r"|(?:normal|standard|recogn|optim|initial|regular|summar|serial|visual|penal|general)"
    r"is(?:e|ed|es|er|ers|ing|ation)\b"
)
# What files of runs, models and users hold: registered Keras names, keys, exports of plug-ins.
KEPT = re.compile(
    r"(?:Uns|S|\"s|'s)tandardised?\b|\bstandardised\b|\brecognises\b|\bcolours\b|optimis(?:m|tic)"
)
BENCHMARKS = sorted(
    path for path in (ROOT / "benchmarks").rglob("*.py") if ".venv" not in path.parts
)
BANNED = {"found", "said", "asked", "told", "Place", "Safe", "Ended", "Tried", "Form", "Found"}
CONTRACTS = {"Config", "Task", "InitSchema"}
"""Classes whose names a contract prescribes, or that a library looks up by name."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def trees(paths: Sequence[Path] = FILES) -> dict[Path, ast.Module]:
    return {path: tree(path) for path in paths}


def bound(tree: ast.Module) -> set[str]:
    """The names that a module gives to variables, arguments, attributes, functions and classes."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.id if isinstance(node, ast.Name) else node.attr)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
    return names


def test_no_name_is_a_banned_word() -> None:
    banned = {
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in trees().items()
        for name in bound(tree) & BANNED
    }
    assert banned == set()


@pytest.mark.parametrize(
    "text", ["found = 1", "def f(found): ...", "a.found = 1", "class Safe: ..."]
)
def test_banned_words_are_seen(text: str) -> None:
    assert bound(ast.parse(text)) & BANNED


def docstrings(tree: ast.Module) -> Iterator[str]:
    """The docstrings of a module, its classes and functions, and those below assignments."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and (text := ast.get_docstring(node)):
            yield text
        body = getattr(node, "body", None)
        for before, after in pairwise(body if isinstance(body, list) else []):
            if isinstance(before, ast.Assign | ast.AnnAssign) and isinstance(after, ast.Expr):
                value = after.value
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value.strip()


def test_docstrings_begin_with_an_imperative_or_a_noun() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text.splitlines()[0]}"
        for path, tree in trees([*FILES, *BENCHMARKS]).items()
        for text in docstrings(tree)
        if re.match(r"(What|Whether|How)\b", text)
    ]
    assert found == []


@pytest.mark.parametrize("text", ["a = 1", "class A:\n    a: int = 1"])
def test_docstrings_below_assignments_are_read(text: str) -> None:
    indent = "    " if "class" in text else ""
    module = ast.parse(f'{text.rstrip()}\n{indent}"""How much."""')
    assert list(docstrings(module)) == ["How much."]


def test_spelling_is_american() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if BRITISH.search(KEPT.sub("", line))
    ]
    assert found == []


def test_a_class_name_occurs_once() -> None:
    names = Counter(
        node.name
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, count in names.items() if count > 1} - CONTRACTS == set()


@pytest.mark.parametrize("line", ["normalised", "the colour", "a centre", "neighbours"])
def test_british_words_are_found(line: str) -> None:
    assert BRITISH.search(KEPT.sub("", line))


def test_hints_name_our_distribution_and_extras_that_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    documents = (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    texts = {path: path.read_text("utf-8") for path in (*FILES, *documents)}
    name = re.escape(project["name"])
    wrong = {
        f"{path.relative_to(ROOT)}: {extra}"
        for path, text in texts.items()
        for extras in re.findall(rf"{name}\[([a-z,]+)\]", text)
        for extra in extras.split(",")
        if extra not in project["optional-dependencies"]
    }
    others = {
        str(path.relative_to(ROOT))
        for path, text in texts.items()
        if re.search(r"pip install [\"']?mlzoo\b(?!-keras)|\bmlzoo\[", text)
    }
    assert wrong == others == set()
    assert sum(text.count(f"{project['name']}[") for text in texts.values()) > 10
