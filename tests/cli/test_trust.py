"""Nothing that a run folder, a configuration file or a data set names or holds runs unasked."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import keras
import pytest
import yaml
from mlzoo_cli import main as cli

import mlzoo
from mlzoo.api import load
from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.runs import zoo
from mlzoo.runs.config_loading import merge
from mlzoo.training.starting.folder import seal
from tests.cli.shell import Mlzoo
from tests.cli.world import OWN_MODEL

EVIL = f"open({{!r}}, 'w')\n{OWN_MODEL}\nbuild_model = recognizes = load = explain = build\n"
MARKED = "ran"
TABLE, IMAGES, MASKS = "mlp-wine", "cnn-digits", "unet-shapes"


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that leaves `ran` in the working directory when it runs."""
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "evil.py"
    path.write_text(EVIL.format(str(tmp_path / MARKED)))
    return path


def hostile(name: str | Path, target: Path, **changes: object) -> Path:
    """A copy of a run (a path, or a name in the zoo) whose configuration says something else."""
    shutil.copytree(name if isinstance(name, Path) else zoo.find(name), target)
    file = target / "config.yaml"
    values = yaml.safe_load(file.read_text()) | changes
    values.pop("set", None)
    file.write_text(seal(yaml.safe_dump(values)))
    return target


def unfinished(name: str, target: Path, **changes: object) -> Path:
    """The same as a run that was interrupted."""
    return hostile(name, target.with_name(target.name + ".partial"), **changes)


COMMANDS = [
    "evaluate {table}",
    "evaluate {table} --part valid",
    "evaluate {loss}",
    "explain {table} --method permutation",
    "explain {table} --method permutation --sanity labels",
    "export {table} --format keras",
    "landscape {table}",
    "check {table}",
    "reproduce {table}",
    "predict {masks} d/pairs/images",
    "evaluate {masks}",
    "serve {masks}",
    "generate {drawn} --count 2 --output drawn-samples",
    "pack {table}",
    "data audit {masks}",
    "check {table} --symmetry flip",
    "train cnn digits --augment generated:{drawn}",
    "train --resume {cut}",
    "train --resume {cut}.partial",
    "train --config {table}/config.yaml",
    "train --config {table}/config.yaml --print-config",
    "train --config {table}/config.yaml --dry-run",
    "train mlp d/ok.csv --config {source}/config.yaml",
    "tune --config {table}/config.yaml",
    "tune --config {table}/config.yaml --dry-run",
    "train --config {search}/best.yaml",
    "explain --repeat {record} --out again",
]
READ_ONLY = [
    "report {table}",
    "compare {table} clean",
    "predict {table} new.csv",
    "data compare {features} d/ok.csv",
    "landscape clean --to {table} --budget 1s",
    "push {table} hf://user/name",
]
NO_RUN = {
    *("augment", "augmentations", "zoo", "weights", "doctor", "pull"),
    *("data-inspect", "data-embed", "data-preview", "data-compress", "data-boundaries"),
    *("circuit", "ui"),
}
"""Commands that open no run folder, or of it the records that a page shows (`tests/watching`)."""


def new_table(run: Path, path: Path) -> None:
    """One row of ones in the columns of a run."""
    columns = [column["name"] for column in json.loads((run / "data.json").read_text())["columns"]]
    path.write_text(f"{','.join(columns)}\n{','.join('1' for _ in columns)}\n")


@pytest.fixture
def folders(evil: Path, tmp_path: Path) -> dict[str, str]:
    """Hostile folders of every kind, and the clean run `clean`."""
    code = {"model": str(evil)}
    shutil.copytree(zoo.find(TABLE), tmp_path / "clean")
    new_table(tmp_path / "clean", tmp_path / "new.csv")
    (tmp_path / "search").mkdir()
    config = {"data": "d/ok.csv", "target": "y", **code}
    (tmp_path / "search" / "best.yaml").write_text(yaml.safe_dump(config))
    record = {"config": {"run": "clean", "method": [str(evil)]}}
    (tmp_path / "explain.json").write_text(json.dumps(record))
    return {
        "table": hostile(TABLE, tmp_path / "table", **code).name,
        "drawn": hostile("vae-digits", tmp_path / "drawn", **code).name,
        "masks": hostile(MASKS, tmp_path / "masks", **code).name,
        "source": hostile(TABLE, tmp_path / "source", source=str(evil)).name,
        "loss": hostile(TABLE, tmp_path / "loss", loss=f"mse+0.5*{evil}").name,
        "cut": unfinished(TABLE, tmp_path / "cut", **code).stem,
        "search": "search",
        "record": "explain.json",
    }


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_runs_code_that_a_folder_names(
    command: str, mlzoo: Mlzoo, folders: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if command.startswith("serve"):
        monkeypatch.setattr("uvicorn.run", lambda *_, **__: pytest.fail("it serves"))
    done = mlzoo(*command.format(**folders).split())
    assert not Path(MARKED).exists(), "code was run"
    assert done.code == 2 and "repeat the command with --trust" in done.err, done.err
    assert "evil.py' is Python code that a file names" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", READ_ONLY)
def test_what_needs_no_code_runs_none(
    command: str,
    mlzoo: Mlzoo,
    folders: dict[str, str],
    evil: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "{features}" in command:
        trained = request.getfixturevalue("runs") / "table"
        folders["features"] = hostile(trained, Path("features"), model=str(evil)).name
    if command.startswith("push"):
        monkeypatch.setattr("mlzoo.sharing.hub.push", lambda *_: "no network in this test")
    done = mlzoo(*command.format(**folders).split())
    assert done.code == 0, done.err
    assert not Path(MARKED).exists()


def test_the_walk_has_every_command() -> None:
    walked = set()
    for words in (command.split() for command in (*COMMANDS, *READ_ONLY)):
        walked.add("-".join(words[:2]) if words[0] == "data" else words[0])
    data = {f"data-{name}" for name in cli.LazyCommands()["data"].commands}
    assert walked | NO_RUN == {*cli.COMMANDS, *data} - {"data"}


def test_trust_reaches_the_generator_whose_samples_are_added(
    folders: dict[str, str], evil: Path, tmp_path: Path
) -> None:
    flags = {"model": "cnn", "data": "digits", "augment": f"generated:{tmp_path / 'drawn'}"}
    with registry.trust_anew():
        merge(flags)
        with pytest.raises(UsageError, match="trust=True"):
            _ = load(tmp_path / "drawn").config
        merge(flags, trust=True)
        assert load(tmp_path / "drawn").config.model == str(evil)


@pytest.mark.slow
@pytest.mark.parametrize("field", ["model", "source"])
@pytest.mark.parametrize(
    "name",
    ["{evil}", "evil.py", "./evil.py", "d/../evil.py", "~/evil.py", "link.py", "run/link.py"],
)
def test_no_way_to_write_a_path_is_trusted(
    name: str, field: str, mlzoo: Mlzoo, evil: Path, tmp_path: Path
) -> None:
    (tmp_path / "link.py").symlink_to(evil)
    name = name.format(evil=evil)
    run = hostile(TABLE, tmp_path / "run", **{field: name})
    (run / "link.py").symlink_to(Path("..", "evil.py"))
    for written in (name, f"{name}:build_model"):
        if field == "source" and ":" in written:
            continue
        config = yaml.safe_load((run / "config.yaml").read_text()) | {field: written}
        (run / "config.yaml").write_text(yaml.safe_dump(config))
        done = mlzoo("evaluate", "run")
        assert done.code == 2 and "--trust" in done.err, done.err
        assert not Path(MARKED).exists()


def test_trust_is_of_one_command_and_runs_the_code(mlzoo: Mlzoo, folders: dict[str, str]) -> None:
    assert mlzoo("evaluate", folders["table"], "--trust").code == 0
    assert Path(MARKED).exists(), "the file does leave its mark"
    os.unlink(MARKED)
    assert "--trust" in mlzoo("evaluate", folders["table"]).err
    done = mlzoo("train", "--config", "table/config.yaml", "--print-config", "--trust")
    assert done.code == 0, done.err
    assert "mlzoo train --config <this file> --trust" in done.out
    words = ("train", "./evil.py", "d/ok.csv", "--config", "table/config.yaml", "--print-config")
    assert mlzoo(*words).code == 0, "who names the code trusts it"


@pytest.mark.parametrize("words", ["train mlp d/ok.csv --trust", "tune mlp d/ok.csv --trust"])
def test_trust_without_anything_to_trust_is_told(words: str, mlzoo: Mlzoo) -> None:
    done = mlzoo(*words.split(), "--target", "y")
    assert done.code == 2 and "--trust: has no effect without --config" in done.err
    generated = (*words.split(), "--target", "y", "--augment", "generated:no-run")
    assert "--trust: has no effect" not in mlzoo(*generated).err or "tune" in words


@pytest.mark.parametrize(
    "change",
    [
        {"augment": "evil.py"},
        {"augment": [{"Lambda": {"image": "evil.build"}}]},
        {"monitor": "evil.py"},
        {"optimizer": "evil.build"},
        {"schedule": "evil"},
        {"loss": "evil"},
        {"model": "evil"},
        {"model": "../evil"},
        {"source": "evil"},
        {"set": {"hidden": "evil.py:build"}},
    ],
    ids=str,
)
def test_no_other_field_names_code(
    change: dict[str, object], mlzoo: Mlzoo, evil: Path, tmp_path: Path
) -> None:
    run = hostile(IMAGES if "augment" in change else TABLE, tmp_path / "run")
    config = yaml.safe_load((run / "config.yaml").read_text()) | change
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    done = mlzoo("reproduce", "run", "--trust")
    assert done.code in (2, 3) and "Traceback" not in done.err, done.err
    assert not Path(MARKED).exists()


def test_yaml_that_makes_objects_is_refused_wherever_yaml_is_read(
    mlzoo: Mlzoo, tmp_path: Path
) -> None:
    tag = f"!!python/object/apply:os.mkdir ['{MARKED}']"
    Path("tag.yaml").write_text(f"- {tag}\n")
    train = ("train", "cnn", "d/images", "--epochs", 1)
    for words in (
        (*train, "--augment", "tag.yaml"),
        (*train, "--class-weights", "tag.yaml"),
        (*train, "--set", f"filters={tag}"),
        ("tune", "cnn", "d/images", "--space", "tag.yaml"),
        ("tune", "cnn", "d/images", "--vary", f"filters={tag},4"),
    ):
        done = mlzoo(*words)
        assert done.code in (2, 3), done.err
        assert not Path(MARKED).exists(), words
    run = hostile(TABLE, tmp_path / "run")
    with (run / "config.yaml").open("a") as file:
        file.write(f"x: {tag}\n")
    for words in (("report", "run"), ("compare", "run", zoo.find(TABLE)), ("evaluate", "run")):
        done = mlzoo(*words)
        assert "bug in mlzoo" not in done.err, done.err
        assert not Path(MARKED).exists(), words


def poisoned(kind: str, folder: Path) -> keras.Model:
    start = keras.Input((3,))
    if kind == "lambda":
        out = keras.layers.Lambda(lambda x: (open(MARKED, "w"), x)[1], output_shape=(3,))(start)
    else:
        module = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        module.export(folder / "graph", verbose=False)
        out = keras.layers.TFSMLayer(str(folder / "graph"))(start)
        out = out[0] if isinstance(out, list) else out
    return keras.Model(start, keras.layers.Dense(1, activation="sigmoid", name="head")(out))


@pytest.mark.parametrize("kind", ["lambda", "graph", "registered", "imported", "broken"])
@pytest.mark.parametrize("command", ["predict {} x.csv", "explain {}/model.keras", "serve {}"])
def test_model_files_run_nothing(
    kind: str, command: str, mlzoo: Mlzoo, models: dict[str, bytes], tmp_path: Path
) -> None:
    run = Path(shutil.copytree(zoo.find(TABLE), tmp_path / "run"))
    (run / "model.keras").write_bytes(models[kind])
    new_table(run, Path("x.csv"))
    os.unlink(MARKED) if Path(MARKED).exists() else None
    done = mlzoo(*command.format("run").split(), "--trust")
    damaged = kind == "broken" and "/model.keras" not in command
    assert done.code == (3 if damaged else 2) and "model.keras" in done.err, done.err
    assert "safe_mode=False" not in done.err, "which is no advice"
    assert not Path(MARKED).exists()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Model files that would run something, if they were allowed to."""
    import zipfile

    folder = tmp_path_factory.mktemp("models")
    found: dict[str, bytes] = {"broken": b"PK\x03\x04 no zip file"}
    for kind in ("lambda", "graph"):
        poisoned(kind, folder).save(folder / f"{kind}.keras")
        found[kind] = (folder / f"{kind}.keras").read_bytes()
    start = keras.Input((3,))
    keras.Model(start, keras.layers.Dense(1, name="head")(start)).save(folder / "plain.keras")
    for kind, module, name in (
        ("registered", "builtins", "mlzoo>import_file"),
        ("imported", "mlzoo.core.registry", None),
    ):
        with zipfile.ZipFile(folder / "plain.keras") as plain:
            contents = {entry: plain.read(entry) for entry in plain.namelist()}
        config = json.loads(contents["config.json"])
        layer = config["config"]["layers"][1]
        layer |= {"module": module, "class_name": "import_file", "registered_name": name}
        layer["config"] = {"path": "evil.py"}
        contents["config.json"] = json.dumps(config).encode()
        with zipfile.ZipFile(folder / f"{kind}.keras", "w") as written:
            for entry, content in contents.items():
                written.writestr(entry, content)
        found[kind] = (folder / f"{kind}.keras").read_bytes()
    return found


@pytest.mark.slow
def test_a_search_does_not_go_on_with_a_stranger_s_winner(
    mlzoo: Mlzoo, world: Path, evil: Path, tmp_path: Path
) -> None:
    from mlzoo.tuning.tune import _train_winner

    search = tmp_path / "search"
    search.mkdir()
    best = {"model": "mlp", "data": str(world / "ok.csv"), "target": "y", "epochs": 1}
    (search / "best.yaml").write_text(yaml.safe_dump(best))
    (unfinished(TABLE, search / "winner", model=str(evil)) / "lock").touch()
    run = _train_winner(search, Listener())
    assert run.metrics["epochs"] == 1 and run.config.model == "mlp"
    assert not Path(MARKED).exists()
    shutil.copyfile(evil, run.path / "model.py")
    _ = _train_winner(search, Listener()).model
    assert not Path(MARKED).exists(), "nor with code beside a finished one"


# -- In Python


def test_calls_run_what_they_are_given_and_trust_nothing_else(
    folders: dict[str, str], evil: Path, world: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").symlink_to(world)
    table, file = tmp_path / "table", tmp_path / "table" / "config.yaml"
    from mlzoo.training.reproducing import reproduce

    with registry.trust_anew():
        calls = (
            lambda: load(table).config,
            lambda: load(table).evaluate(),
            lambda: reproduce(table),
            lambda: mlzoo.resume(tmp_path / "cut"),
            lambda: mlzoo.train("mlp", "d/ok.csv", config=tmp_path / "source" / "config.yaml"),
            lambda: mlzoo.tune("mlp", "d/ok.csv", config=tmp_path / "source" / "config.yaml"),
            lambda: mlzoo.export(table, "keras"),
            lambda: mlzoo.explain(table, method="permutation"),
            lambda: merge({}, file),
        )
        for call in calls:
            with pytest.raises(UsageError, match="trust=True"):
                call()
            assert not Path(MARKED).exists()
        assert merge({}, file, trust=True).config.model == str(evil)
        assert Path(MARKED).exists()
    with registry.trust_anew(), pytest.raises(UsageError, match="trust=True"):
        merge({}, file)
    with registry.trust_anew():
        assert load(table, trust=True).config.model == str(evil)
