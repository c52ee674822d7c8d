"""Every task and baseline keeps its contract, and nothing else decides by a task's name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.data import contracts
from mlzoo.data.contracts import task
from mlzoo.data.samples import Samples
from mlzoo.data.specs import Target, target_of
from mlzoo.evaluating.evaluate import fit_baselines
from mlzoo.statistics.metrics import mode
from tests.evaluating.made import make_data

ROOT = Path(__file__).parents[2]
TASKS = registry.names("task")


@pytest.mark.parametrize("name", TASKS)
def test_a_task_says_how_it_is_judged(name: str) -> None:
    of = task(name)
    assert isinstance(of, contracts.Task) and of.name == name
    assert registry.summary("task", name).endswith(".")
    assert mode(of.headline.name) == of.headline.mode
    assert of.judged_by([9, 1]).name in of.metrics and of.judged_by().name in of.metrics
    for metric in (*of.metrics, *of.followed):
        assert of.target.accepted_by(registry.constants("metric", metric)["TARGETS"]), metric
    assert set(of.followed) <= {*registry.defining("metric", "build")}
    assert of.unit and of.blocks and of.samples
    own = of.target.drawn or of.target.acts
    assert of.losses or own, "models that draw samples, or act, have losses of their own"


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_models_and_a_baseline(name: str) -> None:
    assert [model for model in registry.names("model") if registry.accepts(model, name)]
    baselines = [registry.load("baseline", each) for each in registry.names("baseline")]
    fitting = [each for each in baselines if target_of(name).accepted_by(each.TARGETS)]
    assert any(not each.LEARNS for each in fitting) and any(each.LEARNS for each in fitting)


@pytest.mark.parametrize("name", registry.names("baseline"))
def test_a_baseline_says_what_it_is_for(name: str) -> None:
    plugin = registry.load("baseline", name)
    assert registry.summary("baseline", name).endswith(".")
    assert isinstance(plugin.LEARNS, bool) and isinstance(plugin.FAST, bool)
    for entry in plugin.TARGETS:
        assert any(str(target_of(each)) == entry for each in TASKS), entry


def test_baselines_are_the_same_again() -> None:
    rng = np.random.default_rng(0)
    data = make_data(rng.normal(size=(80, 3)), rng.integers(3, size=80))
    first, again = fit_baselines(data, 1), fit_baselines(data, 1)
    assert list(first) == list(again) == ["majority", "boosting", "forest", "linear"]
    for name, each in first.items():
        x = data.test.inputs()
        np.testing.assert_array_equal(each.predict(x), again[name].predict(x))


def test_what_takes_classes_takes_ordered_ones() -> None:
    assert Target("ordered").accepted_by(("classes per sample",))
    assert Target("ordered").accepted_by(("classes",))
    assert not Target("classes").accepted_by(("ordered", "numbers per sample"))
    assert not Target("classes", "token").accepted_by(("classes per step",))


def test_what_takes_classes_and_numbers_takes_labels() -> None:
    assert Target("labels").accepted_by(("numbers per sample", "classes per sample"))
    assert Target("labels").accepted_by(("labels",))
    assert not Target("labels").accepted_by(("classes per sample", "numbers per step"))
    assert not Target("classes").accepted_by(("labels",))


def test_tasks_of_old_runs_have_their_names() -> None:
    samples = Samples(np.zeros((2, 1)), np.zeros(2), "labelling")
    assert samples.target == target_of("labeling") and task("labelling") is not None


# -- Decisions by a task's name


def decisions(path: Path) -> Iterator[int]:
    """Lines of a module that compare, look up or match the names of tasks."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            spoken = any("task" in ast.unparse(side).lower() for side in sides)
            if spoken and any(named(side) for side in sides):
                yield node.lineno
        elif isinstance(node, ast.Dict):
            tasks = sum(named(key) for key in node.keys if key is not None)
            if tasks > 1 and 2 * tasks > len(node.keys):
                yield node.lineno
        elif isinstance(node, ast.MatchValue) and named(node.value):
            yield node.value.lineno


def named(node: ast.AST) -> bool:
    """Whether an expression is the name of a task, or a collection that holds some."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(named(each) for each in node.elts)
    return isinstance(node, ast.Constant) and node.value in (*TASKS, "labelling")


def test_nothing_outside_tasks_decides_by_a_task_s_name() -> None:
    folders = (ROOT / "mlzoo", ROOT / "cli" / "mlzoo_cli")
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        if path.parent.name != "tasks"
        for line in decisions(path)
    ]
    assert found == []


def test_decisions_are_found(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(
        "if task == 'regression': pass\n"
        "x = {'regression': 1, 'text': 2}\n"
        "if samples.task in ('fields', 'text'): pass\n"
        "match task:\n    case 'fields': pass\n"
        "if kind == 'text': pass\n"
    )
    assert sorted(decisions(file)) == [1, 2, 3, 5]


def test_templates_ask_for_the_target_too() -> None:
    for path in (ROOT / "mlzoo").rglob("*.jinja"):
        text = path.read_text()
        assert not any(f'task == "{name}"' in text or f'task != "{name}"' in text for name in TASKS)
