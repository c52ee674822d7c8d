"""Killed at any change of the disk, a run can be resumed, and nothing of it is left lying about.

Training and scoring are stood in for by what they write; `benchmarks/kills.py` kills real ones.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlzoo.core import files
from mlzoo.core.errors import MlzooError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data import loading
from mlzoo.runs import devices, run_folder
from mlzoo.runs.config_loading import merge
from mlzoo.training import checkpoints, repeats
from mlzoo.training.scoring import artifacts
from mlzoo.training.scoring.scored import Repeat
from mlzoo.training.starting.folder import read_finished, seal
from mlzoo.training.train import resume, train_merged
from mlzoo.tuning import tune
from mlzoo.tuning.results import hparams, page
from mlzoo.tuning.trials import fitting
from tests.cli import world
from tests.kills import contents, life

REPEATS = 2


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    (root / "own.py").write_text(world.OWN_MODEL)
    return world.csv(root / "ok.csv", ["a", "b", "color", "y"], world.rows())


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is called once, whatever it is asked."""
    results: list[Any] = []

    def answer(*args: Any) -> Any:
        if not results:
            results.append(function(*args))
        return results[0]

    return answer


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The seeds that were trained: what they write is real, what they learn is not."""
    seeds: list[int] = []

    def once(repeat: Repeat) -> dict[str, Any]:
        folder, seed = repeat.folder, repeat.seed
        seeds.append(seed)
        own = repeat.checkpoints
        own.mkdir(parents=True, exist_ok=True)
        for number in range(2):
            state = {"epoch": number, "best": None}
            checkpoints.save(own, number, [np.full(3, seed + number, "float32")], state)
        if repeat.first:
            (folder.path / "model.keras").write_bytes(b"weights" * 100)
            (folder.path / "plots").mkdir(exist_ok=True)
            (folder.path / "plots" / "a.png").write_bytes(b"picture" * 100)
        return {
            "seed": seed,
            "test": {"headline": "accuracy", "metrics": {"accuracy": 1 / (seed + 3)}},
        }

    def complete(folder: Path, final: Path, records: list[Any]) -> None:
        metrics = {"headline": {}, "test": {}, "kept": None, "epochs": 1, "all": records}
        files.write_json(folder / "metrics.json", metrics)
        files.write_text(folder / "report.html", str(records))

    # The same table is read and the same machine looked at each time: once is enough.
    monkeypatch.setattr(loading, "read", remembered(loading.read))
    monkeypatch.setattr(devices, "environment", remembered(devices.environment))
    monkeypatch.setattr(repeats, "_train_once", once)
    monkeypatch.setattr(artifacts, "complete", complete)
    yield seeds


def begin(root: Path, table: Path, overwrite: bool = False, **more: Any) -> None:
    given = {"model": str(table.parent / "own.py"), "data": str(table), "target": "y"}
    given |= {"repeats": REPEATS, "out": ".", "name": "a", **more}
    root.mkdir(exist_ok=True)
    with contextlib.chdir(root):
        train_merged(merge({k: v for k, v in given.items() if v is not None}), overwrite=overwrite)


def go_on(root: Path, table: Path, overwrite: bool = False) -> None:
    """What a user does after a kill: resume, or where that says so, begin again."""
    try:
        resume(root / "a")
    except UsageError as error:
        if "is finished" in str(error):
            return
        assert "start it again with the command that began it" in str(error) or (
            "no unfinished run" in str(error) and not (root / "a.partial").exists()
        ), error
        begin(root, table, overwrite)


def old_run(root: Path) -> None:
    (root / "a").mkdir(parents=True)
    for name in ("config.yaml", "data.json", "model.keras", "old"):
        (root / "a" / name).write_text("old")


@pytest.mark.parametrize("overwrite", [False, True], ids=["new", "overwrite"])
def test_a_kill_at_any_change_of_the_disk(
    overwrite: bool, table: Path, trained: list[int], tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    if overwrite:
        old_run(whole)
    with life(whole) as lived:
        begin(whole, table, overwrite)
    expected = contents(whole / "a")
    assert "model.py" in expected and "lock" not in expected and "old" not in expected
    assert {event for event, _ in lived.done} >= {"open", "os.rename", "os.remove", "os.rmdir"}
    count = len(lived.done)
    middle = range(6, count - 14, 9 if overwrite else 4)  # of trainings, which are alike
    for changes in (*range(6), *middle, *range(count - 14, count)):
        root = tmp_path / str(changes)
        if overwrite:
            old_run(root)
        with life(root, changes) as killed:
            begin(root, table, overwrite)
        assert killed.dead
        if overwrite:
            assert any(root.rglob("old")) or (root / "a" / "metrics.json").exists()
        scored = (root / "a.partial" / "metrics.json").exists()
        trained.clear()
        go_on(root, table, overwrite)
        assert not (scored and trained), f"{changes}: trained again"
        run_folder.find(root / "a")
        assert sorted(p.name for p in root.iterdir()) == ["a"], (changes, lived.done[changes])
        assert contents(root / "a") == expected, (changes, lived.done[changes])


def test_a_kill_while_an_unfinished_run_is_replaced(
    table: Path, trained: list[int], tmp_path: Path
) -> None:
    def unfinished(root: Path) -> None:
        with life(root, 40):
            begin(root, table)
        assert (root / "a.partial" / "config.yaml").exists()

    unfinished(tmp_path / "whole")
    with life(tmp_path / "whole") as lived:
        begin(tmp_path / "whole", table, overwrite=True)
    for changes in range(0, 15, 2):
        root = tmp_path / str(changes)
        unfinished(root)
        with life(root, changes) as killed:
            begin(root, table, overwrite=True)
        assert killed.dead
        begin(root, table, overwrite=True)
        assert contents(root) == contents(tmp_path / "whole"), lived.done[changes]


def test_a_resumed_run_may_be_killed_again(table: Path, trained: list[int], tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    with life(whole) as lived:
        begin(whole, table)
    for first in range(12, len(lived.done), 13):
        for second in range(0, len(lived.done) - first, 11):
            root = tmp_path / f"{first}-{second}"
            with life(root, first):
                begin(root, table)
            with life(root, second):
                go_on(root, table)
            go_on(root, table)
            run_folder.find(root / "a")
            assert contents(root) == contents(whole), (first, second)


def test_a_run_without_a_name_takes_over_what_a_kill_left(
    table: Path, trained: list[int], tmp_path: Path
) -> None:
    for changes in range(4):
        with life(tmp_path / str(changes), changes) as killed:
            begin(tmp_path / str(changes), table, name=None)
        assert killed.dead
        begin(tmp_path / str(changes), table, name=None)
        assert [p.name for p in (tmp_path / str(changes)).iterdir()] == ["own-ok"]


class Talk(Listener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)

    warn = note


def killed_after(root: Path, table: Path, path: str) -> Path:
    """An unfinished run, killed right after a file of it was written; its folder."""
    with life(root) as lived:
        begin(root, table)
    count = next(i for i, (event, p) in enumerate(lived.done) if p.endswith(f".{path}.writing"))
    with life(root / "killed", count + 3) as killed:  # opened, flushed, renamed
        begin(root / "killed", table)
    assert killed.dead and (root / "killed" / "a.partial" / path).exists()
    return root / "killed" / "a.partial"


def test_before_training_began_a_run_starts_over_and_says_so(
    table: Path, trained: list[int], tmp_path: Path
) -> None:
    folder = killed_after(tmp_path, table, "data.json")
    talk = Talk()
    resume(folder, listener=talk)
    assert "this run was stopped before its training began: it starts over" in talk.lines
    assert contents(tmp_path / "a") == contents(tmp_path / "killed" / "a")


def test_an_edited_configuration_is_refused(
    table: Path, trained: list[int], tmp_path: Path
) -> None:
    folder = killed_after(tmp_path, table, "repeats.json")
    path = folder / "config.yaml"
    text = path.read_text()
    edits = [text.replace("epochs: 50", "epochs: 7"), text + "\n", text.rpartition("#")[0]]
    for edited in edits:
        assert edited != text
        path.write_text(edited)
        with pytest.raises(UsageError, match="config.yaml was edited since this run started: put"):
            resume(folder)
    path.write_text(text)
    resume(folder)
    assert contents(tmp_path / "a") == contents(tmp_path / "killed" / "a")


@pytest.mark.parametrize(
    "name", ["repeats.json", "model.keras", "environment.json", "data.json", "config.yaml"]
)
def test_damaged_files_of_an_unfinished_run(
    name: str, table: Path, trained: list[int], tmp_path: Path
) -> None:
    folder = killed_after(tmp_path, table, "repeats.json")
    again = ("repeats.json", "model.keras")
    content = (folder / name).read_bytes()
    # Valid JSON of another score, and another weight.
    changed = content.replace(b"0.3333", b"0.9999").replace(b"weightsw", b"Weightsw", 1)
    for damage in (b"", content[: len(content) // 2], b"\0\xff\xfe", changed):
        if damage == content:
            continue
        (folder / name).write_bytes(damage)
        talk = Talk()
        if name in again:
            assert read_finished(folder, talk) == []
            assert f"{name} is " in talk.lines[0] and "trained again" in talk.lines[0]
            continue
        with pytest.raises(MlzooError, match=name):
            resume(folder)
    if name in again:
        resume(folder)
    else:
        (folder / name).write_bytes(content)
        resume(folder)
    assert contents(tmp_path / "a") == contents(tmp_path / "killed" / "a")


def tuned(root: Path, table: Path, overwrite: bool = False) -> None:
    root.mkdir(exist_ok=True)
    given = {"model": "linear", "data": str(table), "target": "y", "epochs": 1, "out": "."}
    merged = merge({**given, "name": "s"})
    search = {"trials": 2, "fast": "off"}
    with contextlib.chdir(root):
        plan = tune.make_plan(merged, ["learning_rate=0.1,0.01"], None, search)
        tune.run_plan(plan, merged, overwrite=overwrite)


@pytest.fixture
def fitted(trained: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits of a search that score at once; its page is a line."""

    def fit(config: Any, *_: Any) -> fitting.FitResult:
        return fitting.FitResult(0.5 + config.learning_rate, 1)

    monkeypatch.setattr(fitting, "fit_plainly", fit)
    monkeypatch.setattr(tune, "_import_page", lambda: None)
    monkeypatch.setattr(page, "write_page", lambda path, *_: files.write_text(path, "page"))
    monkeypatch.setattr(hparams, "write_hparams", lambda *_: None)


def outcome(root: Path) -> dict[str, bytes]:
    """What a search leaves, but for the times that it took."""
    found = contents(root)
    return {n: c for n, c in found.items() if Path(n).name not in ("journal.jsonl", "fits.csv")}


@pytest.mark.parametrize("overwrite", [False, True], ids=["new", "overwrite"])
def test_a_kill_of_a_search(overwrite: bool, table: Path, fitted: None, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    if overwrite:
        tuned(whole, table)
    with life(whole) as lived:
        tuned(whole, table, overwrite)
    expected = outcome(whole)
    assert "s/winner/metrics.json" in expected
    for changes in range(0, len(lived.done), 7 if overwrite else 5):
        root = tmp_path / str(changes)
        if overwrite:
            shutil.copytree(whole, root)
        with life(root, changes) as killed:
            tuned(root, table, overwrite)
        assert killed.dead
        tuned(root, table)
        assert outcome(root) == expected, (changes, lived.done[changes])


@pytest.mark.slow
def test_the_winner_of_a_search_that_went_on_is_the_new_one(
    table: Path, fitted: None, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    with life(whole) as lived:
        tuned(whole, table)
    started = next(i for i, (_, p) in enumerate(lived.done) if "winner.partial/.split.json" in p)
    with life(tmp_path / "cut", started + 12):
        tuned(tmp_path / "cut", table)
    partial = tmp_path / "cut" / "s" / "winner.partial"
    text = (partial / "config.yaml").read_text().rpartition("# A run")[0]
    assert (partial / "environment.json").exists()
    (partial / "config.yaml").write_text(
        seal(text.replace("learning_rate: 0.1", "learning_rate: 3.0"))
    )
    tuned(tmp_path / "cut", table)
    assert outcome(tmp_path / "cut") == outcome(whole)
