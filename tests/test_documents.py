"""README.md and docs/: every command block is run as it stands, on small data and with less work.

A command of a new name of data needs a stand-in in `tests/stand_ins.py`; one that takes long, a
line of `LESS`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import typer
from mlzoo_cli.main import app
from mlzoo_cli.output import ConsoleReporter
from PIL import Image

import mlzoo
from tests import stand_ins
from tests.browser import Browser, checks, needs_chromium
from tests.cli.shell import Done, run_mlzoo
from tests.once import once

ROOT = Path(__file__).parents[1]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
"""Texts by path."""

LESS: dict[str, dict[str, object]] = {
    "train": {"--epochs": 1},
    "train long": {"--limit": 100},
    "train --profile": {"--limit": 60},
    "train --tile": {"--tile": 64, "--warmup": 0},
    "train --repeats": {"--repeats": 2},
    "train unet": {"--set": "depth=2"},
    "train dqn": {"--set": "steps=64"},
    "train pinn": {"--set": "lbfgs=0"},
    "train tcn": {"--limit": 20, "--set": "blocks=2"},
    "tune": {"--epochs": 1, "--trials": 2, "--folds": 2},
    "tune cnn": {"--limit": 60},
    "data preview": {"--samples": 2, "--variants": 1},
    "explain": {"--limit": 4},
    "predict --steps": {"--steps": 20},
    "landscape --samples": {"--epochs": 1, "--repeat": 2, "--limit": 100},
}
"""Options that are added, or whose values are replaced, in commands that hold all words of a key.
Nothing else of a command is changed."""

BY_CHANCE = (
    r"((better than|not distinguishable from|clearly worse than) the \w+ baseline|no verdict).*",
    r"\w+'s maps on this model are .*",
    r"(no temperature \(|logits are divided by the temperature ).*",
    r"best by \w+: .*",
    r"\w+ is at the optimum after \d+ steps",
    r".* statistically tied with the winner \(paired bootstrap over \d+ samples\)\..*",
)
"""Lines whose words depend on the numbers: where a page shows one, one like it is printed."""


class Command(NamedTuple):
    """A command line of a block, the lines shown below it, and whether Ctrl-C ends it."""

    text: str
    shown: list[str]
    stopped: bool = False


def blocks(text: str) -> list[list[str]]:
    """The lines of each indented block, with continued lines joined."""
    unfenced = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"(?:^ {4}.*\n)+", unfenced, flags=re.MULTILINE)
    return [re.sub(r"\\\n\s*", "", re.sub("^ {4}", "", b, flags=re.M)).splitlines() for b in found]


def commands(block: list[str]) -> list[Command]:
    """The commands of a block: lines behind `$`; without any, all lines."""
    if not any(line.startswith("$ ") for line in block):
        return [Command(line, []) for line in block]
    assert block[0].startswith("$ "), f"output without a command: {block[0]!r}"
    found: list[Command] = []
    for line in block:
        if line.startswith("$ "):
            found.append(Command(line[2:], []))
        elif line == "^C":
            found[-1] = found[-1]._replace(stopped=True)
        elif line != "...":
            found[-1].shown.append(line)
    return found


def less(words: list[str]) -> list[str]:
    """The words of `mlzoo ...` with the options of `LESS`."""
    words = list(words)
    for key, options in LESS.items():
        if not set(key.split()) <= set(words):
            continue
        for option, value in options.items():
            if option in words:
                words[words.index(option) + 1] = str(value)
            else:
                words += [option, str(value)]
    return words


BEGINS_PAGES = less(["train", "cnn", "digits"])
"""The training that begins several pages: it is done once, and each page gets a copy of its run."""


def trained_once() -> Done:
    """Copy the run of `BEGINS_PAGES` into the working directory; return what it printed."""

    def train(root: Path) -> None:
        with contextlib.chdir(root):
            done = run_mlzoo(*BEGINS_PAGES)
        assert done.code == 0, done.err
        (root / "done.json").write_text(json.dumps(done))

    root = once("pages", train)
    shutil.copytree(root / "saved_models", "saved_models")
    return Done(*json.loads((root / "done.json").read_text()))


@contextlib.contextmanager
def interrupted(stopped: bool) -> Iterator[None]:
    """Ctrl-C as soon as the first epoch is told, where `stopped`."""
    with pytest.MonkeyPatch.context() as patch:
        if stopped:
            patch.setattr(ConsoleReporter, "epoch", lambda *_: signal.raise_signal(signal.SIGINT))
        yield


def plain(text: str) -> str:
    return " ".join(text.split())


def missing(shown: list[str], printed: str) -> list[str]:
    """The lines shown below a command of which nothing like it was printed.

    A line is found by its text before the first digit or colon; where that is a whole sentence
    that depends on the numbers, by its pattern. Warnings hang on the data alone.
    """
    lines = [plain(line) for line in printed.splitlines()]
    absent = []
    for line in map(plain, shown):
        if line.startswith("warning: "):
            continue
        pattern = next((p for p in BY_CHANCE if re.fullmatch(p, line)), None)
        if pattern is None:
            start = re.match(r"[^\d:]*:?", line)
            assert start
            pattern = re.escape(start[0].strip()) + ".*"
        if not any(re.fullmatch(pattern, each) for each in lines):
            absent.append(line)
    return absent


def run(command: Command) -> str:
    """Run a command; what was wrong with it, or nothing."""
    printed = ""
    for part in command.text.split(" && "):
        first, *words = shlex.split(part, comments=True)
        if first == "make":
            make = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True)
            if make.returncode:
                return f"{part}: {make.stderr}"
            continue
        if first != "mlzoo":
            return f"{part}: this test runs `mlzoo` and `make` alone"
        words = less(words)
        if command.stopped:
            words[words.index("--epochs") + 1] = "2"
        with interrupted(command.stopped):
            begins = words == BEGINS_PAGES and not Path("saved_models").exists()
            done = trained_once() if begins else run_mlzoo(*words)
        if done.code != (130 if command.stopped else 0):
            return f"mlzoo {shlex.join(words)}: exit {done.code}: {done.err[-600:]}"
        if command.stopped and (wrong := resumed(done)):
            return wrong
        printed += done.out + done.err
    absent = missing(command.shown, printed)
    return f"{command.text}: {absent} not in\n{printed}" if absent else ""


def resumed(done: Done) -> str:
    """Run the command that a stopped one says goes on with it; what was wrong, or nothing."""
    advice = re.search(r"resume with: mlzoo (train --resume \S+)$", done.err, re.MULTILINE)
    if advice is None:
        return f"no --resume in {done.err}"
    again = run_mlzoo(*advice[1].split())
    return "" if again.code == 0 else f"mlzoo {advice[1]}: {again.err}"


def spans(start: str) -> list[str]:
    """The code spans in running text and tables that begin so."""
    prose = re.sub(r"(?ms)^```.*?^```$|^ {4}[^\n]*$", "", "\n".join(PAGES.values()))
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    return list(dict.fromkeys(span for span in spans if span.startswith(start)))


def options(command: Any) -> set[str]:
    return {name for p in command.params for name in [*p.opts, *p.secondary_opts]} | {"--help"}


def named(words: list[str]) -> list[str]:
    """The words that are options."""
    return [word for word in words if re.match("--?[a-z]", word)]


def leaves(command: Any) -> Iterator[Any]:
    """A command, or all those below a group, with the group itself."""
    yield command
    for each in getattr(command, "commands", {}).values():
        yield from leaves(each)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the data and the model file that the pages name."""
    monkeypatch.chdir(tmp_path)
    stand_ins.build(tmp_path)
    page = PAGES["docs/how-to/own-model.md"]
    fenced = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    [model] = [block for block in fenced if "class Config" in block]
    (tmp_path / "my_model.py").write_text(model)
    return tmp_path


on_tensorflow = pytest.mark.skipif(
    os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow",
    reason="what the pages show is of TensorFlow",
)


@on_tensorflow
@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page, text in PAGES.items() if blocks(text) and "\n::: " not in text]
)
def test_every_command_block_runs_and_prints_what_is_shown(page: str, folder: Path) -> None:
    all_commands = [command for block in blocks(PAGES[page]) for command in commands(block)]
    wrong = [text for command in all_commands if (text := run(command))]
    assert not wrong, "\n\n".join(wrong)


def test_the_readme_is_short_and_shows_pictures() -> None:
    readme = PAGES["README.md"]
    pictures = re.findall(r'srcset="([^"]+)"><img alt="[^"]+" src="([^"]+)">', readme)
    assert len(readme.splitlines()) < 150
    assert len(pictures) == 3
    for dark, light in pictures:
        assert (ROOT / light).is_file() and dark == light.replace(".png", "-dark.png")


def test_each_picture_has_one_for_dark_pages() -> None:
    place = ROOT / "docs" / "dark_pictures.py"
    spec = importlib.util.spec_from_file_location("dark_pictures", place)
    assert spec and spec.loader
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)
    names = {path.stem for path in drawing.FOLDER.glob("*.png")}
    light = {name for name in names if not name.endswith("-dark")}
    assert names - light == {f"{name}-dark" for name in light}
    for name in ("forecasts", "mistakes"):
        page = np.asarray(Image.open(drawing.FOLDER / f"{name}.png").convert("RGB"))
        dark = np.asarray(Image.open(drawing.FOLDER / f"{name}-dark.png"))
        np.testing.assert_array_equal(
            dark, drawing.dark(name, page), "python docs/dark_pictures.py"
        )
        black, paper = page.max(axis=-1) == 0, page.min(axis=-1) == 255
        if name == "forecasts":
            assert (dark[black][:, :3] > 200).all() and (dark[paper][:, 3] == 0).all()
        else:
            assert (dark[black][:, :3] == 0).mean() > 0.9, "digits stay as they are"
            assert dark[0, 0, 3] == 0 and (dark[paper][:, 3] == 255).any()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of docs/."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=quiet)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_site_is_built_without_warnings(site: Path) -> None:
    made = (site / "reference" / "models" / "index.html").read_text("utf-8")
    assert "--set filters" in made
    assert not re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"https?:", made)


@pytest.mark.slow
@needs_chromium
def test_axe_finds_nothing_serious_on_the_site(site: Path) -> None:
    with Browser() as browser:
        for page in ("index.html", "tutorials/tables/index.html", "reference/python/index.html"):
            for width, dark in ((390, True), (1280, False)):
                browser.open(site / page, width=width, dark=dark)
                scheme = browser.run("document.body.dataset.mdColorScheme")
                assert scheme == ("slate" if dark else "default"), "as the system has it"
                assert browser.run("document.documentElement.scrollWidth") <= width, page
                browser.run(checks())
                assert browser.run("serious()") == [], f"{page} dark={dark}"
                assert not [each for each in browser.requests if not each.startswith("file:")]
        browser.open(site / "404.html")
        browser.run(checks())
        assert browser.run("serious()") == []


@pytest.mark.parametrize("text", spans("mlzoo "))
def test_a_command_in_running_text_exists_with_its_options(text: str) -> None:
    words, command = shlex.split(text)[1:], typer.main.get_command(app)
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        assert words[0] in command.commands, f"no command {words[0]}"
        command = command.commands[words.pop(0)]
    assert set(named(words)) <= options(command)


@pytest.mark.slow
@pytest.mark.parametrize("text", spans("--"))
def test_an_option_in_running_text_is_one_of_some_command(text: str) -> None:
    asked = set(named(shlex.split(text)))
    assert any(asked <= options(command) for command in leaves(typer.main.get_command(app)))


@pytest.mark.slow
@on_tensorflow
def test_the_lines_of_python_run(folder: Path) -> None:
    found = [text for text in spans("") if re.match(r"(\w+ = )?(mlzoo|run)\.\w+\(", text)]
    assert len(found) > 3
    layer = "weights: [[1, -1]], biases: [0], activation: sigmoid"
    (folder / "net.yaml").write_text(f"layers: [{{{layer}}}]\n")
    train = partial(mlzoo.train, epochs=1)
    names: dict[str, Any] = {
        "mlzoo": SimpleNamespace(train=train, load=mlzoo.load, from_weights=mlzoo.from_weights),
        "x": np.zeros((2, 8, 8, 1), np.uint8),
    }
    for line in found:
        exec(line, names)
