"""Which module imports which, and what none of them may do, read from their source."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import mlzoo

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__"): path
    for base in (ROOT, ROOT / "cli")
    for path in sorted((base / {"cli": "mlzoo_cli"}.get(base.name, "mlzoo")).rglob("*.py"))
}
# From what is imported by all to what imports all; a module imports nothing of a later line.
ORDER = (
    ("core",),
    ("data",),
    ("layers", "statistics", "drawing", "introspection", "augmentation", "notebooks"),
    (
        *("tasks", "sources", "models", "losses", "metrics", "optimizers", "schedules"),
        *("transforms", "baselines"),
        *("strategies", "explainers", "formats", "trackers"),
    ),
    ("runs",),
    (
        *("training", "evaluating", "tuning", "explaining", "exporting", "reporting", "serving"),
        *("checking", "auditing", "packing", "sharing", "watching"),
    ),
    ("api",),
    ("sklearn",),
    ("mlzoo_cli",),
    ("__main__",),
)
RANK = {folder: rank for rank, folders in enumerate(ORDER) for folder in folders}
PLUGINS = (
    *("sources", "models", "losses", "optimizers", "schedules", "strategies", "explainers"),
    *("formats", "tasks", "baselines", "metrics", "transforms", "trackers"),
)
BACKENDS = {"tensorflow", "jax", "torch", "tf_keras", "jaxlib"}
FOR_ONE_BACKEND = {
    "mlzoo.layers.derivatives._jax": {"jax"},
    "mlzoo.layers.derivatives._repeats": {"jax"},
    "mlzoo.layers.derivatives._tensorflow": {"tensorflow"},
    "mlzoo.training.loop.data_parallel": {"jax"},
    "mlzoo.training.distributed.joining": {"jax"},
    "mlzoo.tuning.compiled.on_jax": {"jax"},
    "mlzoo.tuning.compiled.vectorized": {"jax"},
    "mlzoo.tuning.compiled.on_tensorflow": {"tensorflow"},
}


def for_types(test: ast.expr) -> bool:
    """Whether a condition holds for type checkers alone."""
    return any(isinstance(n, ast.Name) and n.id == "TYPE_CHECKING" for n in ast.walk(test))


def imported(node: ast.AST) -> Iterator[str]:
    """All imported names below a node with their modules, those for type checkers left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and for_types(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "relative imports hide what is imported"
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        else:
            yield from imported(child)


def module_of(name: str) -> str | None:
    """The module of ours that an imported name stands in, or None."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name or None


def folder_of(module: str) -> str:
    """The folder that a module belongs to, as `ORDER` names them."""
    parts = module.split(".")
    return parts[1] if parts[0] == "mlzoo" and len(parts) > 1 else parts[0]


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def ours(module: str) -> set[str]:
    found = {module_of(name) for name in imported(tree(module))}
    return {name for name in found if name} - {module}


@cache
def everything(module: str) -> set[str]:
    """The modules of ours that a module imports, those for type checkers too."""
    names = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {found for name in names if (found := module_of(name))} - {module}


def is_plugin(module: str) -> bool:
    return folder_of(module) in PLUGINS and not MODULES[module].name.startswith("_")


def test_the_modules_are_found() -> None:
    assert {folder_of(module) for module in MODULES} - {"mlzoo"} == set(RANK)
    assert len(MODULES) > 80


def test_imports_point_one_way() -> None:
    upward = Counter(
        (folder_of(module), folder_of(name))
        for module in MODULES
        for name in everything(module)
        if module != "mlzoo" and RANK.get(folder_of(name), -1) > RANK.get(folder_of(module), -1)
    )
    assert dict(upward) == {}


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Strongly connected parts of a graph that have more than one node."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in graph[node] & graph.keys():
            if other not in order:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == order[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(set(stack[at:]))
            del stack[at:]

    for node in graph:
        if node not in order:
            visit(node)
    return found


def test_circles_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set(), "f": {"f"}}
    assert circles(graph) == [{"a", "b", "c"}]


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles({module: everything(module) for module in MODULES}) == []


def test_compiled_fits_are_imported_through_their_interface() -> None:
    inside, interface = "mlzoo.tuning.compiled.", "mlzoo.tuning.compiled.interface"
    outside = {m: everything(m) for m in MODULES if not m.startswith(inside)}
    found = {name for names in outside.values() for name in names if name.startswith(inside)}
    assert found == {interface}


def test_no_plugin_imports_another() -> None:
    plugins = list(filter(is_plugin, MODULES))
    assert {
        module: others for module in plugins if (others := [*filter(is_plugin, ours(module))])
    } == {}


def test_the_map_names_every_folder() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    table = text.partition("| --- | --- |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)/`", table))
    packages = (path for path in (ROOT / "mlzoo").iterdir() if (path / "__init__.py").is_file())
    there = {path.name for path in packages}
    assert there <= named
    inner = {
        path.name for path in (ROOT / "mlzoo").glob("*/*/") if (path / "__init__.py").is_file()
    }
    assert named - there <= inner
    order = re.search(r"`mlzoo_cli` -> .*`core`", text)
    assert order and [name for name in re.findall(r"`(\w+)`", order[0]) if name in RANK] == [
        "mlzoo_cli", "api", "runs", "data", "core",
    ]  # fmt: skip


def test_every_path_on_the_map_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    for path in re.findall(r"`((?:\w+/)+\w+\.py)", text.replace("NAME", "__init__")):
        assert any((ROOT / base / path).is_file() for base in (".", "mlzoo")), path


def test_folders_stay_small_and_the_root_empty() -> None:
    root = sorted(path.name for path in (ROOT / "mlzoo").glob("*.py"))
    assert root == ["__init__.py", "__main__.py", "api.py"]
    crowded = {
        str(path.relative_to(ROOT / "mlzoo")): count
        for path in (ROOT / "mlzoo").rglob("*/")
        if path.name not in (*PLUGINS, "layers") and (count := len(list(path.glob("*.py")))) > 14
    }
    assert crowded == {}


def backends(node: ast.AST) -> set[str]:
    return {name.split(".")[0] for name in imported(node)} & BACKENDS


FOR_BOTH = {
    "mlzoo.training.loop.steps": {"jax", "tensorflow"},
    "mlzoo.checking.backend": {"jax", "tensorflow"},
}
ON_TENSORFLOW = ("introspection", "explainers", "formats")
"""Explanations run on TensorFlow, whatever a model was trained on; its graph is exported."""


def wrong_backends(module: str) -> set[str]:
    """The backends that a module imports and must not, or must and does not."""
    if folder_of(module) in ON_TENSORFLOW:
        return backends(tree(module)) - {"tensorflow"}
    if module in FOR_ONE_BACKEND:  # which functions import, once it is known to be in use
        return backends(tree(module)) ^ FOR_ONE_BACKEND[module]
    functions = (ast.FunctionDef, ast.ClassDef)
    top = [node for node in tree(module).body if not isinstance(node, functions)]
    allowed: set[str] = FOR_BOTH.get(module, set())
    return backends(ast.Module(top, [])) | backends(tree(module)) ^ allowed


def test_no_backend_is_imported_but_where_steps_and_checks_need_it() -> None:
    assert {module: wrong for module in MODULES if (wrong := wrong_backends(module))} == {}


def unsafe(node: ast.AST) -> Iterator[str]:
    """Calls and imports that run code out of data: pickles, YAML objects, Keras lambdas."""
    for name in imported(node):
        if name.split(".")[0] in ("pickle", "cPickle", "dill", "joblib", "cloudpickle", "marshal"):
            yield name
    for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
        text = ast.unparse(call.func)
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if text in ("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "eval"):
            yield text
        if text == "yaml.compose" and "SafeLoader" not in ast.unparse(call):
            yield text
        pickles = given.get("allow_pickle")
        if pickles is not None and ast.unparse(pickles) != "False":
            yield "allow_pickle"
        if text.endswith("np.load") and pickles is None:
            yield "np.load without allow_pickle=False"
        if text.endswith("load_model") and ast.unparse(call).find("safe_mode=True") < 0:
            yield "load_model without safe_mode=True"


def test_no_file_can_run_code() -> None:
    assert {module: calls for module in MODULES if (calls := [*unsafe(tree(module))])} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "yaml.load(text)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "keras.models.load_model(path)",
        "keras.models.load_model(path, safe_mode=False)",
    ],
)
def test_what_could_run_code_is_found(text: str) -> None:
    assert list(unsafe(ast.parse(text)))


def test_every_public_name_resolves() -> None:
    assert mlzoo.__all__ == sorted(mlzoo.__all__) == dir(mlzoo)
    for name in mlzoo.__all__:
        assert getattr(mlzoo, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        _ = mlzoo.trian
