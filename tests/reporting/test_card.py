"""The model card: from facts to Markdown, and the limits it derives."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mlzoo.core.messages import escape, few, interval, interval_title, number, over
from mlzoo.evaluating.evaluate import evaluate, summarize_repeats
from mlzoo.reporting.card import render, write_card
from mlzoo.reporting.caveats import limits
from mlzoo.reporting.facts import Facts, gather
from tests.evaluating.made import make_data

NAMES = ("sound", "crack|wide", "<b>rust</b>")


def make_facts(classes: bool = True, samples: int = 600) -> Facts:
    """Facts of a made run that is much better than its baselines."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(samples, 2))
    values = (inputs**2).sum(axis=1)
    targets = np.digitize(values, [0.8, 2.2]) if classes else values.astype("float32")
    names = {"class_names": NAMES} if classes else {"target_names": ("depth_mm",)}
    data = make_data(inputs, targets, **names)

    def predict(x: np.ndarray) -> np.ndarray:
        said = (x**2).sum(axis=1)
        if not classes:
            return said[:, None] + 0.1
        return np.eye(3)[np.digitize(said, [0.8, 2.3])] * 0.9 + 0.1 / 3

    test, _ = evaluate(predict, data)
    counts = {
        name: {"samples": len(part)}
        | (
            {"classes": dict(zip(NAMES, np.bincount(part.targets).tolist(), strict=True))}
            if classes
            else {}
        )
        for name, part in data.parts().items()
    }
    metric = "accuracy" if classes else "rmse"
    return {
        "folder": "saved_models/my run",
        "config": {
            "model": "mlp",
            "data": "bridges.csv",
            "set": {"hidden": [64, 32]},
            "epochs": 20,
            "optimizer": "adam",
            "group_by": None,
            "seed": 3,
        },
        "data": {
            "data": "bridges.csv",
            "task": "classification" if classes else "regression",
            "kind": "table",
            "class_names": list(NAMES) if classes else [],
            "target_names": ["depth_mm"],
            "input_shape": [2],
            "fingerprint": "ab" * 32,
            "samples": samples,
            "parts": counts,  # type: ignore[typeddict-item]
            "notes": ["target: the last column (--target)"],
            "warnings": [],
        },
        "metrics": {
            "task": "classification" if classes else "regression",
            "headline": {
                "name": metric,
                "mode": "max",
                "value": test["metrics"][metric],
                "interval": test["intervals"][metric],
            },
            "test": test,
            "valid": {"loss": 0.25},
            "kept": {"epoch": 12, "criterion": "best val_loss", "value": 0.25},
            "repeats": None,
            "epochs": 20,
            "stopped": "",
            "seconds": 12.5,
            "parameters": 12345,
            "trainable": 12000,
        },
        "environment": {
            "versions": {"keras": "3.15.1"},
            "backend": "tensorflow",
            "device": "cpu",
            "git_commit": None,
            "determinism": "bitwise",
            "command": None,
        },
        "groups": None,
    }


def tables(text: str) -> list[list[str]]:
    """The lines of each table."""
    blocks = [block.splitlines() for block in text.split("\n\n")]
    return [
        [line for line in block if line.startswith("|")]
        for block in blocks
        if any(line.startswith("|") for line in block)
    ]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.replace("\\|", "\0").strip("|").split("|")]


@pytest.mark.parametrize("classes", [True, False])
def test_the_card_is_sound_markdown(classes: bool) -> None:
    text = render(make_facts(classes), {"plots/samples.png": "What it was fed"})
    assert text.startswith("# my run\n")
    assert "\n\n\n" not in text
    assert "None" not in text and "{" not in text
    assert "![What it was fed](plots/samples.png)" in text
    for table in tables(text):
        widths = {len(cells(line)) for line in table}
        assert len(widths) == 1, table
        assert set(table[1]) <= set("|-: "), table
    for heading in ("Scores", "Limits", "Data", "Training", "Repeat it"):
        assert text.count(f"\n## {heading}\n") == 1


def test_scores_stand_beside_baselines() -> None:
    facts = make_facts()
    scores = next(t for t in tables(render(facts, {})) if "95 % interval" in t[0])
    assert cells(scores[0])[-4:] == ["majority", "boosting", "forest", "linear"]
    test = facts["metrics"]["test"]
    low, high = test["intervals"]["accuracy"]
    assert cells(scores[2]) == [
        "accuracy",
        "higher",
        f"{test['metrics']['accuracy']:.4g}",
        f"{low:.4g} to {high:.4g}",
        *(f"{each['accuracy']:.4g}" for each in test["baselines"].values()),
    ]


def test_names_are_escaped() -> None:
    text = render(make_facts(), {})
    assert "| crack\\|wide |" in text
    assert "<b>" not in text
    assert "&lt;b&gt;rust&lt;/b&gt;" in text


def test_the_command_is_quoted() -> None:
    text = render(make_facts(), {})
    assert "\n    mlzoo train --config 'saved_models/my run/config.yaml'\n" in text


def test_repeats_are_shown() -> None:
    facts = make_facts()
    summary = summarize_repeats([{"accuracy": a} for a in (0.7, 0.8, 0.9)])
    facts["metrics"]["repeats"] = {"summary": summary, "trainings": []}
    text = render(facts, {})
    assert "Over 3 trainings: mean 0.8, standard deviation 0.1." in text
    assert "| accuracy | 0.8 | 0.1 | 0.7 | 0.9 | 0.5516 to 1 |" in text
    assert not any("Trained once" in limit for limit in limits(facts))


def test_groups_are_counted() -> None:
    facts = make_facts()
    facts["groups"] = {"train": 40, "valid": 12, "test": 13}
    assert "| Groups | 40 | 12 | 13 |" in render(facts, {})


def test_good_facts_have_few_limits() -> None:
    found = limits(make_facts())
    assert len(found) == 2
    assert found[0].startswith("Trained once")
    assert found[1].startswith("The scores hold for samples drawn as these were")


def changed(path: str, value: Any) -> Facts:
    facts: Any = copy.deepcopy(make_facts())
    *folders, name = path.split(".")
    place = facts
    for folder in folders:
        place = place[folder]
    place[name] = value
    return facts


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("metrics.test.samples", 36, "only 36 samples"),
        ("metrics.test.verdict", "not distinguishable", "Not distinguishable from the "),
        ("metrics.test.verdict", "worse", "Clearly worse than the "),
        ("metrics.test.verdict", "no verdict", "No verdict: the difference to the "),
        ("metrics.test.baselines.linear.note", "on half", "linear baseline is bounded"),
        ("data.parts.valid.samples", 0, "no validation split"),
        ("data.parts.train.classes", {"a": 90, "b": 30}, "90 training samples of a, 30 of b"),
        ("data.parts.train.classes", {"a": 90, "b": 0}, "90 training samples of a, 0 of b"),
        ("data.parts.test.classes", {"a": 9, "b": 10}, "Fewer than 10 test samples: a."),
        ("config.allow_leakage", True, "--allow-leakage"),
        ("config.limit", 100, "Only 100 samples"),
        ("config.set", {"carry_state": True}, "every window begins without a past"),
        ("config.on_bad", "skip", "Unreadable files were left out"),
        ("metrics.kept.epoch", 20, "The kept epoch is the last of 20"),
        ("data.kind", "image", "--group-by"),
    ],
)
def test_limits_follow_from_facts(path: str, value: Any, sentence: str) -> None:
    assert not any(sentence in limit for limit in limits(make_facts()))
    assert any(sentence in limit for limit in limits(changed(path, value)))
    render(changed(path, value) if "classes" not in path else make_facts(), {})


def test_a_run_of_an_older_version_gets_its_verdict_from_the_interval() -> None:
    facts = make_facts()
    test = facts["metrics"]["test"]
    assert test.pop("verdict") == "better"
    test |= {"better_than_baseline": False}
    test["gain"]["interval"] = [-0.4, -0.2]
    assert any(limit.startswith("Clearly worse than the ") for limit in limits(facts))
    assert "\n**Clearly worse than the " in render(facts, {})


def test_missed_classes_and_what_stands_beside_the_headline_are_shown() -> None:
    facts = make_facts()
    metrics = facts["metrics"]["test"]["metrics"]
    metrics["per_class"][0] |= {"support": 900, "recall": 1.0}
    metrics["per_class"][1] |= {"support": 50, "recall": 0.58}
    metrics["confusion"] = [[900, 0, 0], [21, 29, 0], [50, 0, 0]]
    metrics["per_class"][2] |= {"support": 50, "recall": 0.0}
    beside = {"name": "average_precision", "mode": "max", "value": 0.66, "interval": [0.5, 0.8]}
    facts["metrics"]["headline"]["also"] = [beside]
    found = limits(facts)
    assert (
        "Of the 50 test samples of <b>rust</b> only 0% are recognized; accuracy hides that."
        in found
    )
    assert "Never predicted on the test split, so that their precision is 0: <b>rust</b>." in found
    text = render(facts, {})
    assert "and average precision **0.66**\n(95 % interval 0.5 to 0.8)\non 120 test samples" in text


def test_classes_that_are_not_learned_from_are_no_limit() -> None:
    facts = make_facts()
    facts["data"]["parts"]["train"]["classes"] = {"crack": 900, "sound": 0, "<b>rust</b>": 50}
    assert any("imbalanced" in limit for limit in limits(facts))
    facts["metrics"]["task"] = facts["data"]["task"] = "reconstruction"
    assert not any("imbalanced" in limit or "Fewer than" in limit for limit in limits(facts))


def test_few_groups_are_a_limit() -> None:
    facts = make_facts()
    facts["metrics"]["test"] |= {"interval_unit": "groups", "units": 19}
    assert any("only 19 groups" in limit for limit in limits(facts))


def test_the_card_of_a_folder(tmp_path: Path) -> None:
    facts = make_facts()
    folder = tmp_path / "run.partial"
    (folder / "plots").mkdir(parents=True)
    (folder / "plots" / "confusion_matrix.png").write_bytes(b"")
    (folder / "config.yaml").write_text(yaml.safe_dump(facts["config"]))
    parts = {name: {"indices": [], "groups": ["a", "b"]} for name in ("train", "valid", "test")}
    for name, content in (
        ("data", facts["data"]),
        ("metrics", facts["metrics"]),
        ("environment", facts["environment"]),
        ("split", {"parts": parts}),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content))
    found = gather(folder, tmp_path / "run")
    assert found["groups"] == {"train": 2, "valid": 2, "test": 2}
    assert {**found, "groups": None, "folder": ""} == {**facts, "folder": ""}
    write_card(folder, found)
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# run\n")
    assert "(plots/confusion_matrix.png)" in text
    assert "plots/samples.png" not in text


def test_texts() -> None:
    assert [number(v) for v in (None, 12345, 0.123456, 1.0, "a|b")] == [
        "–",
        "12,345",
        "0.1235",
        "1",
        "a\\|b",
    ]
    assert interval([0.5, 1.0]) == "0.5 to 1"
    assert interval(None) == "–"
    assert over(1, "blocks of time") == "1 block of time" and over(None, "samples") == ""
    assert interval_title(2, "groups") == "95 % interval (2 groups)"
    assert few("abc", most=2) == "a, b and 1 more"
    assert escape("a\nb_c*[x](y)`&<i>") == "a b\\_c\\*\\[x\\](y)\\`&amp;&lt;i&gt;"
