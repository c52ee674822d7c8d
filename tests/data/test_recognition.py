from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig, Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.fields import settings
from mlzoo.data.loading import check_source, recognize, source_config
from tests.data.pictures import config, folder


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("digits", "bundled"),
        ("breast_cancer", "bundled"),
        ("gaussian-mixture", "generated"),
        ("noisy_sine", "generated"),
        ("fashion-mnist", "downloaded"),
    ],
)
def test_names(name: str, source: str) -> None:
    assert recognize(name) == source


def test_paths(tmp_path: Path) -> None:
    for name, source in [
        ("a.csv", "table"),
        ("b.TSV", "table"),
        ("c d.parquet", "table"),
        ("e.npz", "arrays"),
        ("f.npy", "arrays"),
    ]:
        (tmp_path / name).touch()
        assert recognize(str(tmp_path / name)) == source
    folder(tmp_path / "g", {"a": 1, "b": 1})
    assert recognize(str(tmp_path / "g")) == "image_folder"
    (tmp_path / "h").mkdir()
    np.save(tmp_path / "h" / "x.npy", np.zeros(3))
    assert recognize(str(tmp_path / "h")) == "arrays"
    os.symlink(tmp_path / "g", tmp_path / "link")
    assert recognize(str(tmp_path / "link")) == "image_folder"


PROSE = "It was the best of times,\nit was the worst of times,\n\nit was the age of wisdom.\n" * 9
DATED = "\n".join(["date,v", *(f"2020-01-{day:02},{day}" for day in range(1, 25))])


@pytest.mark.parametrize(
    ("name", "text", "source"),
    [
        ("a.csv", DATED, "series"),
        ("a.txt", DATED, "series"),
        ("a.csv", DATED.replace("-01-", "/01/"), "series"),
        ("a.csv", DATED.replace("-01-", ".01."), "series"),
        ("a.csv", DATED.replace(",", ";"), "series"),
        ("a.tsv", DATED.replace(",", "\t"), "series"),
        ("a.csv", "\n".join(["m,v", *(f"{1950 + i}-06,{i}" for i in range(30))]), "series"),
        ("a.csv", "\n".join(["t,v", *(f"2020-01-01 {i:02}:30:00,1" for i in range(24))]), "series"),
        ("a.csv", "\n".join(["t,v", *(f"2020-01-01T{i:02}:30Z,1" for i in range(24))]), "series"),
        ("a.csv", DATED.replace(",5", ","), "series"),
        # Text last is what a table would predict.
        ("a.csv", "\n".join(["d,v,kind", *(f"2020-01-{d},{d},x" for d in range(10, 30))]), "table"),
        ("a.csv", "\n".join(["d,who,v", *(f"2020-01-{d},x,{d}" for d in range(10, 30))]), "series"),
        ("a.csv", "\n".join(["v,d", *(f"{d},2020-01-{d}" for d in range(10, 30))]), "series"),
        # Dates that come twice, or in no order: rows of a table.
        ("a.csv", DATED.replace("01-05", "01-04"), "table"),
        ("a.csv", DATED.replace("01-05", "01-09"), "table"),
        ("a.csv", DATED.replace("2020-01-07", ""), "table"),
        # Prices and years are no dates.
        ("a.csv", "\n".join(["price,v", *(f"{1000 + i}.25,{i}" for i in range(30))]), "table"),
        ("a.csv", "\n".join(["year,a,v", *(f"{1950 + i},1,{i}" for i in range(30))]), "table"),
        ("a.csv", "\n".join(["year,v", *(f"{1950 + i % 9},{i}" for i in range(30))]), "table"),
        # but nothing is learned from a year alone; months of years without a century.
        ("a.csv", "\n".join(["year,v", *(f"{1950 + i},{i}" for i in range(30))]), "series"),
        (
            "a.csv",
            "\n".join(["m,v", *(f"{9 + i // 12}-{i % 12 + 1:02},1" for i in range(30))]),
            "series",
        ),
        ("a.csv", "a,v\n" + f"1,{'z' * 131_073}\n" * 4, "table"),
        ("a.csv", "\n".join(["day,v", *(f"{i:02}.01.2020,{i}" for i in range(1, 30))]), "table"),
        ("a.csv", "date\n2020-01-01\n2020-01-02\n2020-01-03\n2020-01-04\n", "table"),
        ("a.txt", PROSE, "text"),
        ("a.csv", PROSE, "table"),
        ("a.txt", "All in one line, with commas, as some books are kept. " * 40, "text"),
        ("a.txt", "Es war einmal; ein König\nüber Äpfel und Öl\n\nund so fort, ja\n" * 9, "text"),
        ("a.txt", "name,kind\n" + "anna,tall\nbert,small\n" * 20, "table"),
        ("a.txt", "name;kind\n" + "anna;tall\nbert;small\n" * 20, "table"),
        ("a.txt", "u v\n" + "1.5 2.5\n" * 30, "table"),
        ("a.txt", "Too short.", "table"),
        ("a.txt", "", "table"),
    ],
)
def test_tables_series_and_texts_are_told_apart(
    tmp_path: Path, name: str, text: str, source: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert recognize(str(tmp_path / name)) == source


@pytest.mark.parametrize(
    ("files", "source"),
    [
        (["a.csv", "b.csv"], "sequences"),
        (["x/a.csv", "y/b.csv"], "sequences"),
        (["train/x/a.csv", "train/y/b.csv", "test/x/c.csv"], "sequences"),
        (["a.parquet", "b.parquet", "readme.txt"], "sequences"),
        (["x/a.png", "y/b.png"], "image_folder"),
        (["x/a.png", "y/b.png", "classes.csv", "more.csv"], "image_folder"),
        (["images/a.png", "images/b.png", "labels/a.txt", "labels/b.txt"], "image_masks"),
        (["pictures/a.png", "pictures/b.png", "boxes/a.txt", "boxes/b.txt"], "image_folder"),
        (["images/a.png", "masks/a.png", "classes.txt"], "image_masks"),
        (["x.npy", "y.npy", "a.csv", "b.csv"], "arrays"),
        (["readme.txt", "classes.txt"], "image_folder"),
        (["a.csv"], "image_folder"),
        ([], "image_folder"),
    ],
)
def test_folders_are_told_apart(tmp_path: Path, files: list[str], source: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert recognize(str(tmp_path)) == source


def test_a_folder_of_sequences_called_like_a_data_set_is_ambiguous(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "accelerometer").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "accelerometer" / name).touch()
    with pytest.raises(UsageError, match=r"generated or sequences; write \./accelerometer "):
        recognize("accelerometer")


def test_a_folder_called_like_a_data_set_is_ambiguous(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    with pytest.raises(
        UsageError, match=r"bundled or image_folder; write \./digits .*--source bun"
    ):
        recognize("digits")
    assert recognize("./digits") == "image_folder"


def test_a_missing_path_says_where_it_looked_and_what_is_near(tmp_path: Path) -> None:
    (tmp_path / "measurements").mkdir()
    (tmp_path / "measurements" / "steel.csv").touch()
    with pytest.raises(UsageError) as error:
        recognize(str(tmp_path / "measurments" / "steel.csv"))
    text = str(error.value)
    assert f"looked at {tmp_path / 'measurments' / 'steel.csv'}" in text
    assert f"the nearest folder is {tmp_path}, which has measurements" in text
    assert "one folder of images a class" in text


def test_a_missing_name_offers_near_data_sets() -> None:
    with pytest.raises(UsageError, match="data sets with such a name: digits"):
        recognize("digit")
    with pytest.raises(UsageError, match="fashion-mnist"):
        recognize("fashion_mnst")


def test_a_file_that_nothing_reads(tmp_path: Path) -> None:
    (tmp_path / "a.docx").touch()
    with pytest.raises(UsageError, match="is nothing that a source reads; expected a table"):
        recognize(str(tmp_path / "a.docx"))


def values(**fields: Any) -> dict[str, Any]:
    return config("digits").model_dump() | fields


def test_a_field_without_effect_is_a_problem_only_where_it_was_given() -> None:
    asked = values(target="x", size="8", drop=["a"], group_by="g", on_bad="skip")
    given = {"target", "size", "drop", "group_by", "on_bad", "seed", "limit"}
    found = check_source(asked, given)
    assert {field for field, _ in found} == {"target", "size", "drop", "group_by", "on_bad"}
    assert ("size", "has no effect with source bundled") in found
    assert check_source(asked, {"data"}) == []


def test_each_source_takes_the_fields_that_it_has(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    assert check_source(values(data=str(tmp_path / "a.csv")), {"target", "task", "drop"}) == []
    assert check_source(values(data=str(tmp_path)), {"size", "color", "on_bad", "group_by"}) == []
    ((_, told),) = check_source(values(data=str(tmp_path / "a.csv")), {"horizon"})
    assert told.endswith("in their order: --source series")
    assert check_source(values(data=str(tmp_path)), {"task", "class_order"}) == []
    asked = values(data="digits")
    assert [f for f, _ in check_source(asked, {"task"})] == ["task"]


def test_wrong_settings_of_a_source_are_all_reported() -> None:
    asked = values(data="moons", source_set={"nois": 1, "samples": "few", "seed": 3})
    found = check_source(asked, {"source_set"})
    text = "\n".join(message for _, message in found)
    assert len(found) == 3
    known = "generated has samples, resolution, noise"
    assert f"unknown setting 'nois' (did you mean 'noise'?); {known}" in text
    assert "seed is a setting of the run: --seed" in text
    assert "samples: must be a whole number (got 'few')" in text


def test_wrong_sources_and_names_are_problems() -> None:
    assert check_source(values(source="tabel"), set())[0][0] == "source"
    found = check_source(values(source="generated", data="moon"), set())
    assert found == [
        (
            "data",
            "unknown data set 'moon' (did you mean 'moons'?); generated has blobs, moons, circles, "
            "lines, gaussian-mixture, or, and, nor, nand, xor, stress-strain, noisy-sine, "
            "root-sine, box, swiss-roll, faces, shapes, scenes, touching-cells, flow-fields, "
            "burgers-fields, heat-fields, reaction-fields, pendulum, "
            "accelerometer, sine-mix, mackey-glass, delayed-xor, moving-spots, dates, captions",
        )
    ]
    assert check_source(values(source="table", data="no.csv"), set())[0][0] == "data"
    assert check_source(values(data="nothing-here"), set())[0][0] == "data"


def test_source_config_carries_fields_and_settings(tmp_path: Path) -> None:
    name, found = source_config(config("moons", seed=7, source_set={"samples": 50}))
    assert name == "generated"
    assert found.model_dump() == {
        "data": "moons",
        "seed": 7,
        "samples": 50,
        "resolution": None,
        "noise": None,
        "lag": None,
        "window": None,
        "horizon": 1,
        "stride": None,
    }


def test_a_users_own_source_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        '"""Mine."""\n'
        "from mlzoo.core.configs import Settings\n"
        "class Config(Settings):\n    data: str\n    twice: int = 1\n"
        "def recognises(path): return True\n"  # as earlier versions asked for
        "def load(config, progress=None): ...\n"
    )
    registry.trust(str(path))
    name, found = source_config(config("anything", source=str(path), source_set={"twice": 2}))
    assert found.twice == 2


@pytest.mark.parametrize("name", registry.names("source"))
def test_every_source_is_documented_and_shares_the_runs_fields(name: str) -> None:
    module = registry.load("source", name)
    assert issubclass(module.Config, Settings)
    assert registry.summary("source", name).endswith(".")
    path = Path(str(module.__file__))
    stated = settings(path)
    assert [s.name for s in stated] == list(module.Config.model_fields)
    assert all(s.help.endswith(".") for s in stated)
    assert "data" in module.Config.model_fields
    for field, info in module.Config.model_fields.items():
        if field in RunConfig.model_fields:
            assert info.annotation == RunConfig.model_fields[field].annotation, field
            if field != "data":
                assert info.get_default(call_default_factory=True) == RunConfig.model_fields[
                    field
                ].get_default(call_default_factory=True)


def test_checking_a_configuration_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    code = (
        "import sys\n"
        "from mlzoo.data.loading import check_source, recognize\n"
        f"recognize('digits'); recognize({str(tmp_path)!r})\n"
        f"check_source({{'data': {str(tmp_path / 'a.csv')!r}, 'source_set': {{}}}}, set())\n"
        "heavy = {'numpy', 'pandas', 'keras', 'tensorflow', 'PIL', 'cv2', 'sklearn', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
