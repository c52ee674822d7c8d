"""A run's own copy of the problem that it was trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

import mlzoo
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.problems.reading import parse_problem
from mlzoo.data.problems.recorded import problem_before, recorded_problem
from mlzoo.explaining.subjects import open_subject
from mlzoo.runs import datasets, devices
from mlzoo.runs.run_folder import RunFolder
from mlzoo.training.starting.resuming import _check_data

DECAY = """\
unknowns: [u]
coordinates: {t: [0, 1]}
equations: ["u_t = -u"]
conditions:
  - {where: "t = 0", equation: "u = 1"}
exact: {u: "exp(-t)"}
"""
SETTINGS = {"hidden": [4], "points": 8, "steps": 2, "lbfgs": 0}


class _Warned(Listener):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def test_what_is_written_in_another_way_is_the_same_problem() -> None:
    record = {"problem": DECAY}
    assert problem_before(record, parse_problem("# a comment\n" + DECAY, "now")) is None
    slower = parse_problem(DECAY.replace("-u", "-u/2"), "now")
    before = problem_before(record, slower)
    assert before is not None and before.equations[0].text == "u_t = -u"
    assert problem_before({}, slower) is None  # a run that keeps no copy


def test_measurements_are_not_needed_to_read_the_copy() -> None:
    text = DECAY.replace("-u", "-k*u").replace("exact", "parameters: {k: {fit: [0, 2]}}\nexact")
    kept = recorded_problem({"problem": text + "data: gone.csv\n"}, "data.json")
    assert kept is not None and kept.measurements is None and "k" in kept.fitted


def test_an_edited_problem_is_named_and_the_trained_one_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "decay.yaml"
    file.write_text(DECAY)
    options = {"out": str(tmp_path), "name": "run", "pictures": "none", "baselines": "none"}
    run = mlzoo.train("pinn", str(file), epochs=1, set=SETTINGS, precision="float32", **options)
    devices.set_precision("float32")
    file.write_text(DECAY.replace("-u", "-u/2"))
    listener = _Warned()
    data = run.own_data(listener)
    [warning] = listener.warnings
    assert "decay.yaml has been edited since the run was trained" in warning
    problem = open_subject(str(run.path)).problem
    for known in (problem, data.samples.problem):
        assert known is not None and known.equations[0].text == "u_t = -u"
    with pytest.raises(UsageError, match="edited since this run started: put the old problem back"):
        _check_data(RunFolder(run.path, run.path, None), run.config, datasets.load(run.config))
    file.write_text(DECAY)
    listener = _Warned()
    run.own_data(listener)
    assert not listener.warnings
