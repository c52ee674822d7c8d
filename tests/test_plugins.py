"""Adding a plug-in of any kind touches one file: one's own by its path, or one of a package."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import ANY

import numpy as np
import pytest
from mlzoo_cli.evaluate import scores

import mlzoo
from mlzoo.augmentation import catalogue
from mlzoo.augmentation.augmenter import Augmenter
from mlzoo.augmentation.choosing import choose
from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.validation.consistency import check_fit
from mlzoo.data.contracts import task
from mlzoo.data.samples import Part, Samples
from mlzoo.evaluating.evaluate import evaluate
from mlzoo.exporting.export import export
from mlzoo.runs.config_loading import merge, read_config
from tests import plugins
from tests.tasks.test_segmentation import masks, threshold

WAYS = ("by path", "of a package")


@pytest.fixture(autouse=True)
def _imported_anew() -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_plugins"]:
        del sys.modules[name]


@pytest.fixture(params=WAYS)
def names(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The name of the dummy of each kind."""
    monkeypatch.chdir(tmp_path)
    if request.param == "by path":
        for kind in registry.KINDS:
            plugins.write(kind, tmp_path / f"my_{kind}.py")
        return {kind: f"my_{kind}.py" for kind in registry.KINDS}
    plugins.install(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return {kind: f"acme_{kind}" for kind in registry.KINDS}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an installed package."""
    plugins.install(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path / "site" / "acme_plugins"


def test_there_is_a_dummy_of_every_kind() -> None:
    assert set(plugins.DUMMIES) == set(registry.KINDS)


@pytest.mark.parametrize("kind", registry.KINDS)
def test_plugins_of_packages_are_listed_without_importing_them(kind: str, package: Path) -> None:
    name = f"acme_{kind}"
    assert name in registry.names(kind) and name not in registry.own_names(kind)
    assert registry.summary(kind, name) == f"The {kind} of somebody else."
    assert registry.source_file(kind, name) == package / f"{name}.py"
    assert "acme_plugins" not in sys.modules
    with pytest.raises(UsageError, match=f"'acme_{kind}x' .did you mean 'acme_{kind}'"):
        registry.check_name(kind, f"{name}x")


def test_a_name_of_this_package_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "acme-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (record / "entry_points.txt").write_text(
        "[mlzoo.optimizers]\nadam = no_such_module\nlion = no_such_module\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert registry.load("optimizer", "adam").__name__ == "mlzoo.optimizers.adam"
    assert registry.names("optimizer").count("adam") == 1
    assert registry.summary("optimizer", "lion") == "", "it is not there to be read"
    with pytest.raises(UsageError, match="optimizer plug-in lion .no_such_module. fails when"):
        registry.load("optimizer", "lion")


@pytest.mark.parametrize("kind", registry.KINDS)
def test_what_a_package_names_must_export_what_its_kind_does(kind: str, package: Path) -> None:
    (package / f"acme_{kind}.py").write_text('"""Nothing."""\n')
    with pytest.raises(
        UsageError, match=f"is no {kind} plug-in: it lacks '{registry.KINDS[kind].exports[0]}'"
    ):
        registry.load(kind, f"acme_{kind}")


@pytest.mark.slow
def test_a_plugin_of_each_kind_is_used(names: dict[str, str], tmp_path: Path) -> None:
    of_package = names["task"] in registry.names("task")
    task = names["task"] if of_package else "classification"
    run = mlzoo.train(
        names["model"],
        "stripes",
        source=names["source"],
        loss=f"2*{names['loss']}",
        optimizer=names["optimizer"],
        schedule=names["schedule"],
        momentum=0.5,
        optimizer_set={"share": 0.5},
        loss_set={"factor": 0.25},
        set={"units": 3},
        source_set={"rows": 120, "what": task},
        metrics=[names["metric"]],
        monitor=f"val_{registry.stem(names['metric'])}",
        log=[names["tracker"]],
        epochs=3,
        early_stopping=0,
        name="run",
    )
    report = (run.path / "report.txt").read_text().splitlines()
    assert [line.split()[:2] for line in report[:3]] == [["seed-0", str(n)] for n in (1, 2, 3)]
    assert "'val_loss'" in report[0]
    assert report[3].startswith("end ") and registry.stem(names["metric"]) in report[3]
    rows = list(csv.DictReader((run.path / "history.csv").open()))
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates == pytest.approx([0.25, 0.125, 0.0625]), (
        "the optimizer's rate, the schedule's fall"
    )
    assert 0 < float(rows[0]["loss"]) < 2 * 0.25, "a squared difference, times 2 and 0.25"
    assert run.model.get_layer("hidden").units == 3
    test = run.metrics["test"]
    assert run.metrics["headline"]["name"] == ("macro_f1" if of_package else "accuracy")
    assert (names["baseline"] in test["baselines"]) == of_package

    metric = registry.stem(names["metric"])
    right = np.trace(test["metrics"]["confusion"])
    half = right / test["samples"] / 2
    assert test["metrics"][metric] == pytest.approx(half)
    low, high = test["intervals"][metric]
    assert 0 <= low < half < high <= 0.5
    assert test["baselines"]["majority"][metric] > 0
    kept = max(float(row[f"val_{metric}"]) for row in rows)
    assert run.metrics["kept"] == {"epoch": ANY, "criterion": f"best val_{metric}", "value": kept}
    assert kept <= 0.5 and f"{metric}  " in scores(test)
    for page in ("report.html", "README.md"):
        assert "half the accuracy" in (run.path / page).read_text(), page

    again = read_config(run.path, trust=True)
    assert (again.optimizer_set, again.momentum) == ({"share": 0.5}, 0.5)
    assert (again.loss_set, again.schedule_set) == ({"factor": 0.25}, {"drop": 2.0})

    x = np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
    found = run.explain(x, names["explainer"], evidence=False, set={"scale": 2.0})
    maps = next(iter(found.maps.values()))
    np.testing.assert_allclose(next(iter(maps.values())), 2 * x[0], rtol=1e-6)

    written = export(run.path, names["format"], trust=True)
    assert json.loads((Path(written["folder"]) / "export.json").read_text())["format"]
    assert (Path(written["folder"]) / "weights.keras").is_file()


@pytest.mark.slow
def test_a_model_of_several_networks_is_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plugins.write("source", Path("my_source.py"))
    plugins.write_text(Path("pair.py"), "model", plugins.NETWORKS)
    run = mlzoo.train("pair.py", "stripes", source="my_source.py", epochs=2, name="run")
    columns = list(csv.DictReader((run.path / "history.csv").open()))[0]
    assert {"critic_loss", "classifier_loss", "error", "val_error"} <= columns.keys()
    again = mlzoo.load(run.path, trust=True)
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    assert again.model.predict_on_batch(x).shape == (5, 1)
    assert list(again.networks) == ["classifier", "critic"]
    assert again.networks["critic"].predict_on_batch(x).shape == (5, 1)
    assert not (run.path / "networks" / "classifier.keras").exists(), "it is model.keras"


@pytest.mark.slow
def test_a_search_uses_plugins(names: dict[str, str]) -> None:
    metric = registry.stem(names["metric"])
    found = mlzoo.tune(
        names["model"],
        "stripes",
        source=names["source"],
        vary=["units=2,3"],
        search={"strategy": names["strategy"], "metric": metric, "trials": 2, "folds": 2},
        optimizer=names["optimizer"],
        schedule=names["schedule"],
        loss=names["loss"],
        metrics=[names["metric"]],
        epochs=2,
        final=False,
    )
    assert found.metric == metric and all(0 <= trial.mean <= 0.5 for trial in found.trials)
    assert [trial.values["units"] for trial in found.trials] == [2, 3]


def test_a_metric_counts_what_its_task_does_not(names: dict[str, str]) -> None:
    registry.trust(names["metric"])
    own, data = registry.stem(names["metric"]), masks(40)
    result, outcome = evaluate(threshold(160), data, extra=[names["metric"]])
    images = data.test.inputs()[..., 0] > 160
    half = (data.test.targets == images).mean() / 2
    assert result["metrics"][own] == pytest.approx(half)
    low, high = result["intervals"][own]
    assert low < half < high and result["baselines"]["majority"][own] > 0
    assert list(outcome.scorers()) == [*task("segmentation").metrics, own]


def test_a_transform_of_a_package_stands_in_a_policy_file(package: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("- acme_transform: {by: 2.5, p: 1}\n")
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    part = Part(
        Samples(x, np.arange(20) % 2, "classification", class_names=("a", "b")), np.arange(20)
    )
    policy = choose(str(tmp_path / "mine.yaml"), part)
    changed, _ = Augmenter(policy, part, 0).change(x, None, np.arange(20), 0)
    np.testing.assert_allclose(changed, x + 2.5, rtol=1e-6)
    with pytest.raises(
        UsageError, match="unknown parameter of acme_transform 'bye' .did you mean 'by'"
    ):
        choose([{"acme_transform": {"bye": 1}}], part)
    turns = (package / "acme_transform.py").read_text().replace("tables", "images")
    (package / "acme_transform.py").write_text(turns)
    assert "acme_transform" in catalogue.names("images")
    assert "acme_transform" not in catalogue.names("tables")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"metrics": "acuracy"}, "--metrics: unknown metric 'acuracy' (did you mean 'accuracy'?)"),
        ({"metrics": "rmse.py"}, "--metrics: there is a metric 'rmse'; rename rmse.py"),
        ({"metrics": "none.py"}, "no file 'none.py'"),
        ({"monitor": "val_mean_iou"}, "--monitor: must be 'val_loss'"),
    ],
    ids=str,
)
def test_mistakes_in_metrics_are_told(flags: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        merge({"model": "linear", "data": "digits", **flags})
    assert any(message in line for line in caught.value.problems), caught.value.problems


def test_metrics_of_other_targets_are_refused() -> None:
    run = RunConfig(model="linear", data="-", metrics=["roc_auc", "rmse"])
    with pytest.raises(UsageError, match="--metrics rmse does not fit classification; leave it"):
        check_fit(run, "classification")


def test_code_that_a_file_names_runs_only_when_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in ("optimizer", "schedule", "loss", "metric", "tracker"):
        own, marked = Path(f"my_{kind}.py"), Path(f"{kind}.ran")
        plugins.write(kind, own)
        own.write_text(own.read_text() + f"\nopen({str(marked)!r}, 'w').close()\n")
        listed = {"metric": f"[{own}]", "tracker": f"[{own}]"}
        named = {"loss": f"mse + 0.5*{own}", **listed}.get(kind, str(own))
        field = {"metric": "metrics", "tracker": "log"}.get(kind, kind)
        Path("config.yaml").write_text(f"model: linear\ndata: diabetes\n{field}: {named}\n")
        with registry.trust_anew():
            with pytest.raises(UsageError, match="and was not run"):
                merge({}, Path("config.yaml"))
            assert registry.constants(kind, str(own)) == {}, "it is not even read"
        assert not marked.exists()
        with registry.trust_anew():
            merge({}, Path("config.yaml"), trust=True)
        assert marked.exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"optimizer_set": {"beta_3": 1}}, "unknown setting of adam 'beta_3' (did you mean 'beta_"),
        ({"optimizer_set": {"beta_1": 2}}, "--optimizer-set beta_1: must be less than 1 (got 2)"),
        ({"optimizer_set": ["beta_1"]}, "--optimizer-set beta_1: write name=value"),
        (
            {"optimizer": "adamw", "optimizer_set": {"weight_decay": 1}},
            "--optimizer-set weight_decay: is a setting of the run: --weight-decay",
        ),
        ({"schedule_set": {"x": 1}}, "unknown setting of constant 'x'; constant has none"),
        ({"loss": "focal", "loss_set": {"smooth": 1}}, "unknown setting of focal 'smooth'"),
        ({"loss_set": {"smooth": 1}}, "loss_set has no effect: loss is auto; name one"),
        ({"loss": "focal+x*crossentropy"}, "--loss: the weight of crossentropy must be a number"),
        ({"optimizer": "adm"}, "'rmsprop' or 'sgd' (got 'adm'; did you mean 'adam'?)"),
        ({"optimizer": "lbfgs", "schedule": "step"}, "lbfgs searches its own step"),
    ],
    ids=str,
)
def test_mistakes_in_settings_are_told(flags: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        merge({"model": "linear", "data": "digits", **flags})
    assert any(message in line for line in caught.value.problems), caught.value.problems


def test_settings_of_losses_of_a_sum() -> None:
    from mlzoo.core.settings import all_settings

    run = RunConfig(
        model="unet",
        data="-",
        loss="dice+2*iou+0.5*focal",
        loss_set={"smooth": 3.0, "iou.smooth": 0.5},
    )
    assert all_settings(run, "loss") == {"dice.smooth": 3.0, "iou.smooth": 0.5}


def test_a_constant_that_is_no_literal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "my.py"
    plugins.write("optimizer", path)
    path.write_text(path.read_text().replace("LEARNING_RATE = 0.25", "LEARNING_RATE = 1 / 4"))
    registry.trust(str(path))
    with pytest.raises(UsageError, match="my.py:8: LEARNING_RATE is .*so write the value out"):
        registry.constants("optimizer", str(path))


@pytest.mark.slow
def test_plugins_of_training_are_imported_without_keras() -> None:
    script = (
        "import sys\nfrom mlzoo.core import registry\n"
        "for kind in ('optimizer', 'schedule', 'loss'):\n"
        "    for name in registry.own_names(kind):\n        registry.load(kind, name)\n"
        "assert not {'keras', 'numpy', 'scipy'} & set(sys.modules), sorted(sys.modules)\n"
        "for name in registry.own_names('metric'):\n    registry.load('metric', name)\n"
        "assert not {'keras', 'scipy', 'tensorflow'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
