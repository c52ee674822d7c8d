"""Which module imports which, and what none of them may do, read from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlzoo

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__"): path
    for base in (ROOT, ROOT / "cli")
    for path in sorted((base / {"cli": "mlzoo_cli"}.get(base.name, "mlzoo")).rglob("*.py"))
}
# From what is imported by all to what imports all; a module imports none of a later line.
ORDER = (
    ("errors", "fields"),
    ("registry", "files", "listening", "results", "settings"),
    ("wording", "setting_types", "configs", "backbones"),
    ("specs", "spaces", "hyperparameters", "layers", "discovery", "built"),
    ("runs", "data", "augment", "zoo"),
    ("engine",),
    ("sources", "models", "strategies", "explainers"),
    ("merging",),
    ("evaluation",),
    ("reporting",),
    ("training", "trained"),
    ("contract", "graphs"),
    ("formats",),
    ("tuning", "explaining", "exporting"),
    ("landscapes",),
    ("serving",),
    ("mlzoo_cli",),
)
RANK = {group: rank for rank, groups in enumerate(ORDER) for group in groups}
BACKENDS = {"tensorflow", "jax", "torch", "tf_keras", "jaxlib"}
FOR_ONE_BACKEND = {
    "mlzoo.tuning.on_jax": {"jax"},
    "mlzoo.tuning.lanes": {"jax"},
    "mlzoo.tuning.on_tensorflow": {"tensorflow"},
}


def imported(node: ast.AST) -> Iterator[str]:
    """All imported names below a node with their modules, those for type checkers left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
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


def group(module: str) -> str:
    """The part of the code a module belongs to, as `ORDER` names them."""
    parts = module.split(".")
    if parts[:3] == ["mlzoo", "data", "sources"]:
        return "sources"
    if parts[:3] == ["mlzoo", "explaining", "engine"]:
        return "engine"
    if parts[:2] == ["mlzoo", "exporting"] and parts[2:] and parts[2] in RANK:
        return parts[2]
    return parts[1] if parts[0] == "mlzoo" and len(parts) > 1 else parts[0]


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def ours(module: str) -> set[str]:
    found = {module_of(name) for name in imported(tree(module))}
    return {name for name in found if name} - {module}


def is_plugin(module: str) -> bool:
    plugin = group(module) in ("sources", "models", "strategies", "explainers", "formats")
    return plugin and MODULES[module].name != "__init__.py"


def test_the_modules_are_found() -> None:
    groups = {group(module) for module in MODULES}
    assert groups - {"mlzoo"} == set(RANK)
    assert len(MODULES) > 80


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_one_way(module: str) -> None:
    later = {
        name for name in ours(module) if RANK.get(group(name), -1) > RANK.get(group(module), -1)
    }
    if module != "mlzoo":
        assert later == set()


@pytest.mark.parametrize("module", [m for m in MODULES if is_plugin(m)])
def test_no_plugin_imports_another(module: str) -> None:
    assert [name for name in ours(module) if is_plugin(name)] == []


def backends(node: ast.AST) -> set[str]:
    return {name.split(".")[0] for name in imported(node)} & BACKENDS


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_backend_is_imported_but_jax_where_its_steps_need_it(module: str) -> None:
    if group(module) in ("engine", "explainers"):
        # Explanations run on TensorFlow, whatever a model was trained on.
        assert backends(tree(module)) <= {"tensorflow"}
        return
    if group(module) in ("formats", "graphs"):
        assert backends(tree(module)) <= {"tensorflow"}  # what is exported is its graph
        return
    if module in FOR_ONE_BACKEND:  # which functions import, once it is known to be in use
        assert backends(tree(module)) == FOR_ONE_BACKEND[module]
        return
    allowed = {
        "mlzoo.training.steps": {"jax"},
        "mlzoo.landscapes.backend": {"jax", "tensorflow"},
    }.get(module, set())
    assert backends(tree(module)) == allowed
    functions = (ast.FunctionDef, ast.ClassDef)
    top = [node for node in tree(module).body if not isinstance(node, functions)]
    assert backends(ast.Module(top, [])) == set()


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


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_file_can_run_code(module: str) -> None:
    assert list(unsafe(tree(module))) == []


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
