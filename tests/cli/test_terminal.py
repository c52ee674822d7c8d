"""What names hold reaches neither the terminal nor a spreadsheet as an instruction."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import pytest
from mlzoo_cli.output import ConsoleReporter, Escaping, run_command, say, show, show_csv, table

from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.core.messages import few, one_line, printable
from mlzoo.data.contracts import task
from mlzoo.data.quality.bad_files import listed
from mlzoo.runs import zoo
from tests.cli.shell import Mlzoo
from tests.cli.world import image_folder

EVIL = "a\x1b[2J\rb\nc\x07\x7f\x9b1m\u202ed\u2066e\u2028f\udcffg"
SHOWN = r"a\x1b[2J\rb\nc\x07\x7f\x9b1m\u202ed\u2066e\u2028f\udcffg"
STEERING = "\x1b\r\x07\x7f\x9b\u202e\u2066\u2028\udcff\x00\x08\x85\u200f"


def steers(text: str) -> list[str]:
    return [letter for letter in STEERING if letter in text]


def test_control_characters_are_escaped_and_all_others_stay() -> None:
    assert one_line(EVIL) == SHOWN
    assert printable("two\nlines\tand a tab") == "two\nlines\tand a tab"
    for text in ("ünder, 漢字 \U0001f600 – “x” é\xa0±", ""):
        assert one_line(text) == text
    assert not any(steers(printable(letter)) for letter in STEERING)


def test_every_way_to_the_terminal_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    say(EVIL)
    reporter = ConsoleReporter()
    reporter.warn(EVIL)
    reporter.note(EVIL)
    reporter.epoch({"epoch": 1, EVIL: 1.0})
    print(table(["name"], [[EVIL]]))
    show_csv([{"name": EVIL, "n": 1}])
    show({"name": EVIL})

    def fails() -> None:
        print(EVIL)
        sys.stderr.write(EVIL)
        raise UsageError(EVIL)

    assert run_command(fails) == 2
    done = capsys.readouterr()
    assert not steers(done.out + done.err)
    assert SHOWN in done.out and done.out.count("\nc") == 1, "only what was printed plainly"


def test_json_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(lambda: show({EVIL: [EVIL, 1.5, "ü"]})) == 0
    out = capsys.readouterr().out
    assert json.loads(out) == {EVIL: [EVIL, 1.5, "ü"]} and not steers(out) and "ü" in out


def test_lists_of_names_keep_one_line_a_name() -> None:
    assert listed({EVIL: f"bad\n{EVIL}"}) == f"  {SHOWN}: bad\\n{SHOWN}"
    assert few([EVIL, 2]) == f"{SHOWN}, 2"


def test_bars_draw_and_names_within_them_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Escaping(shown))
    reporter = ConsoleReporter()
    reporter.progress(1, 3, f"[bold]reading {EVIL}")
    reporter.warn(EVIL)
    reporter.end()
    text = shown.getvalue()
    assert "\x1b[" in text, "the bar moves the cursor"
    assert not steers(text.replace("\x1b[", "").replace("\r", "")) and "\x1b[2J" not in text
    assert f"[bold]reading {SHOWN}" in text


def test_commands_on_files_with_such_names(mlzoo: Mlzoo, tmp_path: Path) -> None:
    evil = EVIL.replace("\udcff", "")
    image_folder(tmp_path / "photos", {"a": 3, "b\x1b[2J": 3})
    first = next((tmp_path / "photos" / "a").iterdir())
    first.rename(first.with_name(f"{evil}.png"))
    (tmp_path / "photos" / "a" / f"{evil}.jpg").write_bytes(b"no image")
    (tmp_path / f"{evil}.csv").write_text(f"x,{evil!r},y\n1,2,3\n4,5\n")
    for words in (
        ("data", "inspect", "photos"),
        ("data", "inspect", "photos", "--on-bad", "skip", "--json"),
        ("train", "cnn", "photos"),
        ("train", "mlp", f"{evil}.csv", "--target", evil),
        ("train", "mlp", "d/ok.csv", "--target", evil),
        ("evaluate", evil),
        ("train", evil, evil, f"--{evil}"),
    ):
        done = mlzoo(*words)
        assert not steers(done.out + done.err), (words, done)


# -- Spreadsheets

FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-1+cmd", "@SUM(A1)", "\t=1", "\r=1", "=", "\uff1d1"]
PLAIN = ["a=1", "-1", "+3.5", "-1e5", "'=x", "", "1", " =1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_quoted_where_asked_and_read_back(text: str) -> None:
    rows = [{"name": text, text: -1.5}]
    with files.safe_csv(True):
        header, row = csv.reader(io.StringIO(files.csv_text(rows), newline=""))
    assert row == [f"'{text}", "-1.5"] and header == ["name", f"'{text}"]
    assert files.unquoted(row[0]) == text
    assert "'" + text not in files.csv_text(rows), "only where asked"


@pytest.mark.parametrize("text", PLAIN)
def test_numbers_and_other_texts_stay(text: str) -> None:
    with files.safe_csv(True):
        assert list(csv.reader([files.csv_text([{"name": text}]).split("\n")[1]]))[0] in (
            [text],
            [],
        )


@pytest.mark.slow
def test_predict_and_train_quote_names_of_files(mlzoo: Mlzoo, tmp_path: Path) -> None:
    shutil.copytree(zoo.find("mlp-wine"), tmp_path / "run")
    columns = [c["name"] for c in json.loads(Path("run/data.json").read_text())["columns"]]
    file = tmp_path / "run" / "data.json"
    record = json.loads(file.read_text())
    record["class_names"][:] = record["reader"]["class_names"] = ["=a", "=b", "=c"]
    file.write_text(json.dumps(record))
    Path("new.csv").write_text(f"{','.join(columns)}\n{','.join('1' for _ in columns)}\n")
    for safe in (False, True):
        words = ("predict", "run", "new.csv", *["--safe-csv"] * safe)
        for done in (mlzoo(*words), mlzoo(*words, "-o", f"{safe}.csv")):
            assert done.code == 0, done.err
        for text in (mlzoo(*words).out, Path(f"{safe}.csv").read_text()):
            (row,) = csv.DictReader(io.StringIO(text))
            assert row["prediction"][: 1 + safe] == ("'=" if safe else "=")
    rows = "".join(f"{i % 7},{i * i % 5},{'=a' if i % 2 else 'b'}\n" for i in range(60))
    Path("t.csv").write_text("x,z,y\n" + rows)
    words = ("train", "linear", "t.csv", "--target", "y", "--epochs", 1, "--allow-leakage")
    done = mlzoo(*words, "--safe-csv", "--name", "r")
    assert done.code == 0, done.err
    written = Path("saved_models/r/predictions.csv")
    assert "'=a" in written.read_text() and ",=a" not in written.read_text()
    assert set(task("classification").read_predictions(written).targets.ravel()) == {"=a", "b"}


def test_lists_of_data_quote_formulas_too(mlzoo: Mlzoo, tmp_path: Path) -> None:
    rows = "".join(f"{i % 7},{i * i % 5},{'=a' if i % 2 else 'b'}\n" for i in range(12))
    Path("t.csv").write_text("x,z,y\n" + rows)
    done = mlzoo("data", "embed", "t.csv", "--target", "y", "--safe-csv", "--perplexities", 2)
    assert done.code == 0, done.err
    (written,) = (path for path in tmp_path.rglob("*.csv") if path.name != "t.csv")
    assert "'=a" in written.read_text() and ",=a" not in written.read_text()
    for name in ("audit", "compare"):
        assert "--safe-csv" not in mlzoo("data", name, "--safe-csv").cause
