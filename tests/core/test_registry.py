from __future__ import annotations

from pathlib import Path

import pytest

from mlzoo.core import registry
from mlzoo.core.errors import UsageError

MODEL = "class Config: pass\ndef build(config, inputs, outputs): return {value}\n"


@pytest.mark.parametrize("kind", ["model", "source"])
def test_every_file_of_a_folder_is_a_plugin_by_its_name(kind: str) -> None:
    names = registry.names(kind)
    assert names == sorted(names)
    assert "__init__" not in names
    for name in names:
        assert registry.load(kind, name).__name__.endswith(f".{name}")
        assert registry.summary(kind, name).endswith("."), "the first line is a sentence"


def test_adding_a_plugin_is_adding_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.py").write_text('"""Mine, all mine.\n\nMore."""\n1 / 0\n')
    (tmp_path / "models" / "_helper.py").write_text("")
    monkeypatch.setattr(registry, "_ROOT", tmp_path)
    assert registry.names("model") == ["mine"]
    assert registry.summary("model", "mine") == "Mine, all mine.", "read without running it"


@pytest.mark.parametrize(
    ("name", "known", "close"),
    [
        ("epcohs", ["epochs", "seed"], "epochs"),
        ("CNN", ["cnn", "mlp"], "cnn"),
        ("zzz", ["cnn", "mlp"], None),
        ("", ["cnn"], None),
    ],
)
def test_closest(name: str, known: list[str], close: str | None) -> None:
    assert registry.closest(name, known) == close


def test_a_wrong_name_says_where_the_right_ones_are() -> None:
    with pytest.raises(UsageError, match=r"'resnt' \(did you mean 'resnet'\?\); `mlzoo models`"):
        registry.load("model", "resnt")
    with pytest.raises(UsageError, match=r"unknown source '\.\./x'; `mlzoo sources` lists them"):
        registry.load("source", "../x")


def test_files_of_one_name_are_not_one_module(tmp_path: Path) -> None:
    paths = [tmp_path / name / "model.py" for name in "ab"]
    for value, path in enumerate(paths):
        path.parent.mkdir()
        path.write_text(MODEL.format(value=value))
    registry.trust(*map(str, paths))
    first, second = (registry.load("model", str(path)) for path in paths)
    assert (first.build(0, 0, 0), second.build(0, 0, 0)) == (0, 1)
    assert registry.load("model", str(paths[0])) is first
    paths[0].write_text(MODEL.format(value=7))
    assert registry.load("model", str(paths[0])).build(0, 0, 0) == 7, "a changed file is read again"


def test_a_file_that_lacks_something_is_refused_each_time(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text("x = 1\n")
    registry.trust(str(path))
    for _ in range(2):
        with pytest.raises(UsageError, match="it lacks 'Config' and 'build'; a model exports"):
            registry.load("model", str(path))
    path.write_text("import no_such_module\n")
    with pytest.raises(UsageError, match="fails when it is imported: ModuleNotFoundError"):
        registry.load("model", str(path))


def test_files_written_for_earlier_versions_find_what_they_import(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from mlzoo.configs import Settings\nfrom mlzoo.errors import UsageError\n"
        "from mlzoo.specs import Inputs\nclass Config(Settings): ...\n"
        "def build(config, inputs, outputs): ...\n"
    )
    registry.trust(str(path))
    assert registry.load("model", str(path)).UsageError is UsageError
