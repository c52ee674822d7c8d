"""Flags and a file become one configuration, which is written down and read back as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlzoo.core import files
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.core.settings import SHARED, all_settings
from mlzoo.runs.config_loading import check_plugin_settings, merge
from mlzoo.runs.contents.resolved_config import absolute_fields, resolved_yaml
from mlzoo.training.starting.folder import config_text, default_name
from mlzoo.training.train import train_merged
from tests.data.pictures import folder


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def problems(flags: dict[str, Any], file: Path | None = None, **more: Any) -> list[str]:
    with pytest.raises(UsageError) as error:
        merge(flags, file, **more)
    return error.value.problems


def test_a_flag_beats_the_file_and_the_file_beats_the_default(tmp_path: Path) -> None:
    file = write(tmp_path / "c.yaml", "model: mlp\ndata: digits\nepochs: 7\nseed: 3\n")
    merged = merge({"epochs": "9"}, file)
    assert (merged.config.epochs, merged.config.seed, merged.config.batch_size) == (9, 3, "auto")
    assert merged.given == {"model", "data", "epochs", "seed"}


def test_model_settings_of_flags_join_those_of_the_file(tmp_path: Path) -> None:
    file = write(
        tmp_path / "c.yaml", "model: cnn\ndata: digits\nset:\n  kernel: 5\n  filters: [4]\n"
    )
    merged = merge({"set": ["kernel=3", "dropout=.1"]}, file)
    assert merged.config.set == {"kernel": 3, "filters": [4], "dropout": 0.1}


def test_a_key_without_a_value_says_nothing(tmp_path: Path) -> None:
    file = write(tmp_path / "c.yaml", "model: mlp\ndata: digits\nset:\nname:\n")
    assert merge({}, file).config.set == {}
    empty = write(tmp_path / "e.yaml", "# nothing yet\n")
    assert merge({"model": "mlp", "data": "digits"}, empty).config.model == "mlp"


def test_yaml_words_that_are_read_as_other_types(tmp_path: Path) -> None:
    text = "model: mlp\ndata: digits\nxla: on\nname: 5\nfractions: 60/20/20\nlearning_rate: 1e-3\n"
    config = merge({}, write(tmp_path / "c.yaml", text)).config
    assert (config.xla, config.name, config.learning_rate) == ("on", "5", 1e-3)


def test_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbfmodel: mlp\ndata: digits\n")
    assert merge({}, tmp_path / "c.yaml").config.model == "mlp"


def test_all_mistakes_come_in_one_pass(tmp_path: Path) -> None:
    file = write(
        tmp_path / "c.yaml",
        "set: {hiden: 3, dropout: 2}\ndata: digitz\nschedule: cosin\nwarmup: 3\nepochs: 0\n",
    )
    flags = {"model": "mlp", "momentum": 2, "clip_norm": 1, "clip_value": 1, "max_bad": 0.5}
    found = problems(flags, file, problems=["said before"])
    expected = [
        f"{file}:1: set hiden: unknown setting of mlp 'hiden' (did you mean 'hidden'?)",
        f"{file}:1: set dropout: must be less than 1 (got 2)",
        f"{file}:2: data: 'digitz' is not there",
        f"{file}:3: schedule: must be 'constant', 'cosine', 'plateau' or 'step' (got 'cosin'; did ",
        f"{file}:5: epochs: must be at least 1 (got 0)",
        "said before",
        "--momentum: must be less than 1 (got 2)",
        "configuration: clip_norm and clip_value exclude each other",
        "--max-bad: max_bad has no effect: it needs on_bad skip, and on_bad is error",
    ]
    assert len(found) == len(expected)
    for start in expected:
        assert any(line.startswith(start) for line in found), start
    lines = [line for line in found if line.startswith(str(file))]
    assert found[: len(lines)] == lines, "the file's mistakes stand first, in order"


def test_what_a_wrong_value_decides_is_not_judged() -> None:
    flags = {"model": "mlp", "data": "digits", "momentum": 0.5, "batch_size": 8}
    assert [line[:11] for line in problems({**flags, "optimizer": "adm"})] == ["--optimizer"]
    flags = {"model": "mlp", "data": "digits", "monitor": "loss", "early_stopping": 0}
    assert [line[:6] for line in problems({**flags, "keep": "lst"})] == ["--keep"]


def test_an_unused_setting_is_refused_or_told() -> None:
    flags = {"model": "mlp", "data": "digits", "momentum": 0.5}
    assert problems(flags) == [
        "--momentum: momentum has no effect: it needs optimizer momentum or nesterov, and "
        "optimizer is adam (--allow-unused accepts it)"
    ]
    merged = merge(flags, allow_unused=True)
    assert merged.warnings == (
        "--momentum: momentum has no effect: it needs optimizer momentum or nesterov, and "
        "optimizer is adam",
    )


def test_a_default_given_explicitly_counts_as_given() -> None:
    assert problems({"model": "mlp", "data": "digits", "momentum": 0.9})


@pytest.mark.parametrize("value", [True, False])
def test_truth_is_no_number(value: bool) -> None:
    for name in ("epochs", "seed", "limit", "batch_size", "learning_rate", "max_bad"):
        found = problems({"model": "mlp", "data": "digits", name: value, "on_bad": "skip"})
        assert any(f"must be a number (got {value})" in line for line in found), name
    assert problems({"model": "cnn", "data": "digits", "set": {"kernel": value}})


def test_a_long_value_is_not_repeated_in_full() -> None:
    [line] = problems({"model": "mlp", "data": "digits", "epochs": "9" * 10 + "x" * 5000})
    assert len(line) < 200


def test_settings_of_a_plugin_alone() -> None:
    assert check_plugin_settings("model", "mlp", ["hidden=8,8"]) == {"hidden": "8,8"}
    with pytest.raises(UsageError) as error:
        check_plugin_settings("model", "mlp", ["hiden=8", "dropout=x", "l1"])
    assert len(error.value.problems) == 3


# -- config.yaml

CHOICES: dict[str, st.SearchStrategy[Any]] = {
    "epochs": st.integers(1, 10**6),
    "batch_size": st.integers(1, 4096) | st.just("full"),
    "learning_rate": st.floats(1e-9, 10, allow_subnormal=False),
    "seed": st.integers(0, 2**31 - 1),
    "limit": st.integers(4, 10**6),
    "monitor": st.sampled_from(["val_loss", "loss", "val_accuracy"]),
    "early_stopping": st.integers(0, 50),
    "keep": st.sampled_from(["best", "last"]),
    "xla": st.sampled_from(["auto", "on", "off"]),
    "precision": st.sampled_from(["float32", "mixed_bfloat16"]),
    "fractions": st.sampled_from(["60/20/20", "80/0/20", "33.5/33.5/33"]),
    "split": st.sampled_from(["random", "hash"]),
    "class_weights": st.sampled_from(["none", "auto"]),
    "allow_leakage": st.booleans(),
    "repeats": st.integers(1, 9),
    "name": st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True),
    "out": st.text("abc ü#:'\"-", min_size=1, max_size=8).map(lambda text: "o" + text),
    "clip_norm": st.floats(0.01, 100),
    "focal_gamma": st.floats(0, 5),
    "loss": st.sampled_from(["auto", "focal"]),
    "schedule": st.sampled_from(["constant", "step", "plateau"]),
    "decay_every": st.integers(1, 30),
    "optimizer": st.sampled_from(["adam", "momentum", "adamw"]),
    "momentum": st.floats(0, 0.99),
    "weight_decay": st.floats(0, 0.1),
    "set": st.fixed_dictionaries(
        {},
        optional={
            "hidden": st.lists(st.integers(1, 64), min_size=1, max_size=4),
            "dropout": st.floats(0, 0.9),
            "activation": st.sampled_from(["relu", "tanh"]),
            "batch_normalization": st.booleans(),
        },
    ),
}


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=st.fixed_dictionaries({}, optional=CHOICES))
def test_the_written_configuration_is_read_back_the_same(
    asked: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    merged = merge({"model": "mlp", "data": "digits", **asked}, allow_unused=True)
    path = tmp_path_factory.mktemp("c") / "config.yaml"
    path.write_text(config_text(merged))
    again = merge({}, path).config  # nothing in it is inert
    unread = {line.partition(": ")[2].split(" ")[0] for line in merged.warnings}
    # Settings of plug-ins and the rate stand there in full; the name is that of one run.
    rewritten = {"set", "learning_rate", "name", *(f"{kind}_set" for kind in SHARED)}
    for name in set(RunConfig.model_fields) - unread - rewritten:
        assert getattr(again, name) == getattr(merged.config, name), name
    assert again.rate == merged.config.rate
    for kind in SHARED:
        assert all_settings(again, kind) == all_settings(merged.config, kind)
    assert again.name is None
    twice = path.with_name("twice.yaml")
    twice.write_text(config_text(merge({}, path)))
    assert merge({}, twice).config == again


@pytest.mark.parametrize(
    "asked",
    [
        {"model": "cnn", "data": "digits", "set": {"filters": [4, 8], "dense": [10]}},
        {"model": "linear", "data": "diabetes", "optimizer": "lbfgs"},
        {"model": "mlp", "data": "moons", "source_set": {"samples": 50, "noise": 0.1}},
        {"model": "mlp", "data": "wine", "schedule": "cosine", "warmup": 2, "sampler": "balanced"},
        {"model": "mlp", "data": "iris", "optimizer": "nesterov", "momentum": 0.5},
    ],
)
def test_the_configuration_of_every_kind_repeats_itself(
    asked: dict[str, Any], tmp_path: Path
) -> None:
    merged = merge(asked)
    again = merge({}, write(tmp_path / "config.yaml", config_text(merged)))
    for name, value in asked.items():
        if name == "set":
            assert value.items() <= again.config.set.items()
        else:
            assert getattr(again.config, name) == value
    assert again.config.rate == merged.config.rate


def test_the_file_marks_defaults_and_leaves_out_what_nothing_reads() -> None:
    merged = merge({"model": "mlp", "data": "digits", "epochs": 3})
    lines = resolved_yaml(merged, {}, {"target"}).splitlines()
    assert "epochs: 3" in lines
    assert "batch_size: auto  # default" in lines
    assert not [line for line in lines if line.startswith(("momentum", "warmup", "target", "name"))]
    written = config_text(
        merge({"model": "mlp", "data": "digits", "set": {"hidden": 8}})
    ).splitlines()
    assert written[written.index("  hidden:") + 1] == "  - 8"
    assert "  l2: 0.0  # default" in written
    values = yaml.safe_load("\n".join(lines))
    assert set(values) <= set(RunConfig.model_fields)


def test_paths_in_the_file_do_not_depend_on_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,y\n1,2\n")
    merged = merge({"model": "mlp", "data": "t.csv"})
    assert yaml.safe_load(config_text(merged))["data"] == str(tmp_path / "t.csv")
    folder(tmp_path / "photos", {"a": 1, "b": 1})
    (tmp_path / "kept").mkdir()
    merged = merge({"model": "cnn", "data": "photos", "cache": "kept"})
    assert yaml.safe_load(config_text(merged))["cache"] == str(tmp_path / "kept")
    (tmp_path / "photos" / "a.tar").touch()
    merged = merge({"model": "cnn", "data": "photos/*.tar"})
    assert yaml.safe_load(config_text(merged))["data"] == str(tmp_path / "photos" / "*.tar")
    assert default_name(merged.config) == "cnn-photos"
    (tmp_path / "heat.yaml").write_text("unknowns: [u]\n")
    for named, kept in (("heat.yaml", str(tmp_path / "heat.yaml")), ("heat", "heat")):
        config = RunConfig(model="fno", data="photos", equation=named)
        assert absolute_fields(config).get("equation", named) == kept


@pytest.mark.slow
def test_the_configuration_is_in_the_folder_before_training_starts(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    class Look(Listener):
        def start(self, what: str, epochs: int, steps: int) -> None:
            folder = tmp_path / "run.partial"
            seen["names"] = {path.name for path in folder.iterdir()}
            seen["config"] = (folder / "config.yaml").read_text()

        def step(self, epoch: int, step: int, logs: Any) -> None:
            assert seen, "no step comes before the start"

    flags = {"model": "linear", "data": "iris", "epochs": 1, "name": "run", "out": str(tmp_path)}
    run = train_merged(merge(flags), listener=Look())
    assert {"config.yaml", "data.json", "split.json", "environment.json"} <= seen["names"]
    assert "model.keras" not in seen["names"]
    assert seen["config"] == (run.path / "config.yaml").read_text()
    assert files.read_json(run.path / "environment.json")["seed"] == 0
    assert not (tmp_path / "run.partial").exists()
