from __future__ import annotations

from pathlib import Path

import pytest

from mlzoo.core import configs, registry
from mlzoo.core.fields import Setting, settings
from mlzoo.core.settings import setting_table

SOURCE = '''
class Other:
    x: int = 1
    """Not this one."""


class Config(Other):
    """What it is."""

    # -- First panel
    a: int
    """A number,
    on two lines."""
    b: float | None = Field(None, ge=0)
    """Another."""
    # -- Second panel
    c: list[str] = Field(default_factory=list)
    """Words."""
    d: str = "x"
    e = 5

    def method(self) -> None: ...
'''


def test_fields_are_read_from_source(tmp_path: Path) -> None:
    (tmp_path / "c.py").write_text(SOURCE)
    assert settings(tmp_path / "c.py") == [
        Setting("a", "int", None, "A number, on two lines.", "First panel"),
        Setting("b", "float | None", "None", "Another.", "First panel"),
        Setting("c", "list[str]", "[]", "Words.", "Second panel"),
        Setting("d", "str", "x", "", "Second panel"),
    ]
    assert settings(tmp_path / "c.py", "Missing") == []


@pytest.mark.parametrize("name", ["captioner", "seq2seq"])
def test_fields_of_shared_files_are_inherited(name: str) -> None:
    file = registry.source_file("model", name)
    declared = {setting.name: setting for setting in settings(file)}
    assert list(declared) == list(registry.load("model", name).Config.model_fields)
    assert declared["teacher_forcing"].default == "True"
    assert declared["dropout"].help == "Share of features dropped before the output layer."


def test_what_is_read_from_source_is_what_pydantic_sees() -> None:
    found = settings(Path(configs.__file__), "RunConfig")
    assert [s.name for s in found] == list(configs.RunConfig.model_fields)
    for setting in found:
        assert setting.help.endswith("."), setting.name
        assert setting.panel or setting.name in ("model", "data"), setting.name
        field = configs.RunConfig.model_fields[setting.name]
        assert (setting.default is None) == field.is_required(), setting.name
        if setting.default is not None:
            default = field.get_default(call_default_factory=True)
            assert setting.default == str(default), setting.name


@pytest.mark.parametrize("kind", ["model", "source"])
def test_every_setting_of_every_plugin_is_documented(kind: str) -> None:
    for name in registry.names(kind):
        plugin = registry.load(kind, name)
        found = settings(Path(str(plugin.__file__)))
        assert {s.name for s in found} == set(plugin.Config.model_fields), name
        assert all(s.help.endswith(".") for s in found), name
        config = plugin.Config(**({"data": "x"} if kind == "source" else {}))
        for row in setting_table(str(plugin.__file__), config):
            assert row["type"], (name, row["name"])


def test_a_table_of_settings_has_ranges_choices_and_values() -> None:
    cnn = registry.load("model", "cnn")
    rows = {r["name"]: r for r in setting_table(str(cnn.__file__), cnn.Config(kernel=5))}
    assert rows["kernel"] | {"help": ""} == {
        "name": "kernel",
        "type": "integer",
        "default": 3,
        "range": "1 <= x <= 15",
        "help": "",
        "value": 5,
    }
    assert rows["padding"]["range"] == "same, valid"
    assert rows["padding"]["type"] == "choice"
    assert rows["dense_dropout"]["range"] == "0 <= x < 1"
    assert rows["filters"]["type"] == "list of integer"
