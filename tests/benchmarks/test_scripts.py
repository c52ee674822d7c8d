import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from mlzoo_cli.main import app

from tests.cli.shell import run_mlzoo

FOLDER = Path(__file__).parents[2] / "benchmarks"
# Those that import Keras before they read their options are run by others of them.
SCRIPTS = [
    "augmentation",
    "accuracy",
    "buckets",
    "cavity",
    "control",
    "coverage",
    "course",
    "decoded",
    "demos",
    "distributed",
    "explain",
    "export",
    "folds",
    "generative",
    "gpu",
    "install",
    "kills",
    "lags",
    "landscape",
    "large_tables",
    "layouts",
    "memory",
    "overhead",
    "pack",
    "pages",
    "physics",
    "quantum",
    "regularization",
    "resume",
    "segmentation",
    "sequences",
    "several_targets",
    "shards",
    "startup",
    "strategies",
    "strong_series",
    "strong_tables",
    "tiles",
    "trackers",
    "tracking_server",
    "transfer",
    "tune",
    "uncertainty",
    "zoo",
]


def call(name, *words):
    return subprocess.run(
        [sys.executable, FOLDER / f"{name}.py", *words], capture_output=True, text=True
    )


# Asks each script for its help, and prints {name: [exit code, stdout]}: one process imports what
# they share once.
HELP = """
import contextlib, io, json, runpy, sys
folder, *names = sys.argv[1:]
sys.path.insert(0, folder)
helps = {}
for name in names:
    sys.argv, out, code = [name, "--help"], io.StringIO(), None
    try:
        with contextlib.redirect_stdout(out):
            runpy.run_path(f"{folder}/{name}.py", run_name="__main__")
    except SystemExit as end:
        code = end.code
    except Exception as error:
        code = repr(error)
    helps[name] = code or 0, out.getvalue()
print(json.dumps(helps))
"""


@pytest.fixture(scope="module")
def helps():
    command = [sys.executable, "-c", HELP, str(FOLDER), *SCRIPTS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_its_help_is_its_docstring(name, helps):
    code, shown = helps[name]
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert code == 0
    assert source.splitlines()[0].strip('"') in shown


@pytest.mark.parametrize("words", [("--kills", "0"), ("--what", "train", "--kills", "-1")])
def test_no_kills_are_no_bar_that_holds(words):
    done = call("kills", *words)
    assert done.returncode == 2 and "nothing would be killed" in done.stderr


def test_no_script_is_left_out():
    inner = {
        "bare",
        "coverage_rows",
        "distributed_cost",
        "distributed_kills",
        "explain_claims",
        "explain_cracks",
        "explain_speed",
        "measuring",
        "pace",
    }
    assert {path.stem for path in FOLDER.glob("*.py")} - inner == set(SCRIPTS)


@pytest.mark.parametrize(
    "name", ["accuracy", "buckets", "landscape", "overhead", "segmentation", "sequences", "tune"]
)
def test_absent_data_are_named_and_no_failure(name, tmp_path):
    done = call(name, "--data", tmp_path / "absent")
    assert done.returncode == 0
    assert "absent" in done.stdout and "--data" in done.stdout


def measuring(code):
    program = f"import sys; sys.path.insert(0, {str(FOLDER)!r}); from measuring import *; {code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_each_command_of_the_walk_is_whole():
    text = (FOLDER.parent / "docs" / "course.md").read_text(encoding="utf-8")
    done = measuring(f"import course; print(*(c for _, c in course.rows({text!r})), sep=chr(10))")
    found = done.stdout.splitlines()
    assert len(found) > 100, done.stderr
    for line in found:
        words, command = shlex.split(line)[1:], typer.main.get_command(app)
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        with command.make_context(line, words) as context:  # fails without a value or an argument
            assert context.params


def test_a_quick_walk_trains_for_one_epoch_and_searches_with_three_trials():
    lines = {
        "train mlp moons --epochs 20 --snapshots": "train mlp moons --epochs 3 --snapshots",
        "train cnn digits": "train cnn digits --epochs 1",
        "train linear or": "train linear or",
        "tune mlp wine --trials 12 --epochs 20": "tune mlp wine --trials 3 --epochs 1",
        "tune mlp faces --vary epochs=5,20": "tune mlp faces --vary epochs=5,20",
        "explain saved_models/cnn --limit 8": "explain saved_models/cnn --limit 8",
    }
    done = measuring(
        f"import course; [print(' '.join(course.quick(line.split()))) for line in {list(lines)!r}]"
    )
    assert done.stdout.splitlines() == list(lines.values()), done.stderr


def test_the_network_by_hand_of_the_walk_has_the_probabilities_of_its_row(tmp_path, monkeypatch):
    done = measuring(
        f"import course, pathlib; text = course.PAGE.read_text('utf-8'); "
        f"course.write_blocks(text, pathlib.Path({str(tmp_path)!r})); "
        "print(*(c for s, c in course.rows(text) if 'by hand' in s), sep=chr(10))"
    )
    monkeypatch.chdir(tmp_path)
    *_, predicted = [run_mlzoo(*shlex.split(line)[1:]) for line in done.stdout.splitlines()]
    assert predicted.code == 0, predicted.err
    rows = [[float(p) for p in row.split(",")[2:]] for row in predicted.out.splitlines()[1:]]
    assert np.round(rows, 3).tolist() == [[0.946, 0.047, 0.006], *[[0.844, 0.114, 0.042]] * 2]


def test_a_process_is_measured_alone():
    busy = "sum(range(10**7)); import sys; sys.exit(3)"
    done = measuring(
        f"c = run([sys.executable, '-c', {busy!r}]); i = run([sys.executable, '-c', '']); "
        "print(c.code, i.code, c.user > i.user, c.wall >= 0.9 * c.user)"
    )
    assert done.stdout.split() == ["3", "0", "True", "True"], done.stderr


def test_sides_take_turns():
    done = measuring("in_turns({'a': lambda: print('a'), 'b': lambda: print('b')}, 2)")
    assert done.stdout.split() == ["a", "b", "a", "b"], done.stderr


def test_a_missed_bar_of_shards_is_a_failure():
    for share, code in ((1.2, 0), (1.3, 1)):
        done = measuring(
            f"import shards; shards.measure = lambda _, n, name: [name, n, 1, {share}, 9]; "
            "sys.argv = ['shards', '--images', '100']; shards.main()"
        )
        assert done.returncode == code, done.stderr
        assert done.stdout.count("MISSED") == code and done.stdout.count("bar") == 3


def test_the_crack_is_compared_with_the_linear_baseline_s_crack():
    done = measuring(
        "from types import SimpleNamespace; from segmentation import cracks; "
        "row = lambda v: dict(iou=v, dice=v + 1, boundary_f1=0.0); "
        "figures = lambda v: dict(mean_iou=0.0, per_class=[row(9), row(v)]); "
        "named = dict(linear=figures(5), majority=figures(7), boosting=figures(8)); "
        "test = dict(metrics=figures(3), baselines=named); "
        "found = cracks(SimpleNamespace(metrics=dict(test=test)), None); "
        "print(*(found[f'{who}crack {n}'] for n in ('IoU', 'Dice') for who in ('', 'linear ')))"
    )
    assert done.stdout.split() == ["3", "5", "4", "6"], done.stderr
