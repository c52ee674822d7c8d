"""What answers at once: help, lists and every mistake in a configuration load no library."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from mlzoo_cli.main import LISTINGS, LazyCommands

from mlzoo.core import registry
from mlzoo.runs import zoo
from tests.cli.shell import python, run_mlzoo
from tests.cli.test_bad_input import CHECKS_ONLY

HEAVY = "keras tensorflow jax torch numpy pandas scipy sklearn cv2 PIL matplotlib".split()
# Loads nothing, prints which heavy modules the commands loaded, one list a command.
SCRIPT = """
import contextlib, io, json, sys
sys.path.insert(0, {root!r})
from tests.cli.shell import run_mlzoo
for words in json.loads(sys.argv[1]):
    done = run_mlzoo(*words)
    loaded = sorted(set(sys.modules) & set({heavy!r}))
    print(json.dumps([words, done.code, loaded]))
"""


LONG = ("train", "tune", "explain", "landscape", "data inspect", "data preview", "augment write")
"""Commands with more than 25 options."""
OPTION = r"(?m)^  (-\w, )?--[\w-]+"
"""An option in help."""

# Runs a command and prints the files of ours in which a function was called, one a line.
ENTERED = """
import inspect, sys, threading
sys.path.insert(0, {root!r})
files = set()
def enter(frame, event, argument):
    code = frame.f_code
    if code.co_flags & inspect.CO_OPTIMIZED:  # no body of a module or class
        files.add(code.co_filename)
    return None  # lines are not traced, which would take far longer
threading.settrace(enter)
sys.settrace(enter)
from tests.cli.shell import run_mlzoo
done = run_mlzoo(*sys.argv[1:])
sys.settrace(None)
ours = ({root!r} + "/mlzoo/", {root!r} + "/cli/mlzoo_cli/")
print(*sorted(f for f in files if f.startswith(ours) and f.endswith(".py")), sep="\\n")
sys.exit(done.code)
"""


def entered(line: str, cwd: Path) -> tuple[int, list[str]]:
    """The exit code of a command, and the files in which it has called a function."""
    root = Path(__file__).parents[2]
    done = python("-c", ENTERED.format(root=str(root)), *shlex.split(line), cwd=cwd)
    assert done.out, done.err
    files = [str(Path(file).relative_to(root)) for file in done.out.split()]
    print(f"mlzoo {line}: {len(files)} files", *files, sep="\n")
    return done.code, files


def loaded(commands: list[list[str]], cwd: Path) -> list[tuple[list[str], int, list[str]]]:
    """For each command, in one process after another: its code, and what is loaded by then."""
    script = SCRIPT.format(root=str(Path(__file__).parents[2]), heavy=HEAVY)
    done = python("-c", script, json.dumps(commands), cwd=cwd)
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


# What is compiled for a few steps need not be fast.
QUICK = "--xla_backend_optimization_level=0"

# Trains by the entry point, as a user does, and prints whether TensorFlow was imported.
TRAINS = """
import sys
from mlzoo_cli.main import run
for words in ("linear iris", "cnn digits --limit 100 --set filters=4 --batch-size 60"):
    sys.argv = ["mlzoo", "train", *words.split(), "--epochs", "1", "--out", "runs"]
    sys.argv += ["--baselines", "none"]
    try:
        run()
    except SystemExit as end:
        assert not end.code
print("tensorflow" in sys.modules)
"""


@pytest.mark.slow
def test_training_on_jax_imports_no_tensorflow_and_keeps_programs(tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    given = {"KERAS_BACKEND": "jax", "XDG_CACHE_HOME": cache, "XLA_FLAGS": QUICK}
    done = python("-c", TRAINS, cwd=tmp_path, **given)
    assert done.out.splitlines()[-1:] == ["False"], done.err
    assert any("train_step" in path.name for path in (tmp_path / "cache/mlzoo/jax").iterdir())


@pytest.mark.slow
def test_importing_the_command_line_loads_no_library(tmp_path: Path) -> None:
    script = (
        "import sys, mlzoo; from mlzoo_cli.main import LazyCommands; dict(LazyCommands()); "
        "print(*sys.modules, sep='\\n')"
    )
    done = python("-c", script, cwd=tmp_path)
    assert set(done.out.split()) & set(HEAVY) == set()
    assert {"mlzoo_cli.train", "mlzoo_cli.zoo"} <= set(done.out.split())
    assert "pydantic" not in done.out.split(), "help need not wait for it"


LIGHT: list[tuple[str, int]] = [
    ("--help", 0),
    ("--version", 0),
    ("", 0),
    ("train --demo cnn --print-config", 0),
    ("train --demo cmm", 2),
    ("report --help", 0),
    ("reproduce --help", 0),
    ("train --help", 0),
    ("tune --help", 0),
    *((f"{command} --help-all", 0) for command in LONG),
    *((listing, 0) for listing in LISTINGS),
    *((f"{listing} show nothing", 2) for listing in LISTINGS),
    ("tarin", 2),
    ("tune mlp digits --vary learning_rat=1..2 --strategy gird", 2),
    ("strategies show grid", 0),
    ("evaluate --help", 0),
    ("predict --help", 0),
    ("compare --help", 0),
    ("explain --help", 0),
    ("explain nowhere --method gradcam", 2),
    ("export --help", 0),
    ("export nowhere --format onxx", 2),
    ("pack nowhere --max-pixels 0", 2),
    ("export nowhere --format keras --int8", 2),
    ("serve --help", 0),
    ("serve nowhere --port 0", 2),
    ("ui --help", 0),
    ("ui nowhere", 2),
    ("ui --port x", 2),
    ("weights", 0),
    ("weights pull mobilnet", 2),
    ("weights --hub pull mobilenet", 2),
    ("zoo --help", 0),
    ("landscape --help", 0),
    ("landscape rosenbrok", 2),
    ("landscape '(1-x' --optimizer adm", 2),
    ("check --help", 0),
    ("check mpl", 2),
    ("explainers show scorecam", 0),
    ("data inspect --help", 0),
    ("doctor --help", 0),
    ("models --json", 0),
    ("models show cnn", 0),
    ("sources show table", 0),
]


@pytest.mark.slow
def test_help_and_lists_load_no_library(tmp_path: Path) -> None:
    found = loaded([shlex.split(line) for line, _ in LIGHT], tmp_path)
    for (line, code), (_, found_code, modules) in zip(LIGHT, found, strict=True):
        assert (found_code, modules) == (code, []), line


def test_no_mistake_in_a_configuration_loads_a_library(world: Path, tmp_path: Path) -> None:
    (tmp_path / "d").symlink_to(world)
    lines = [(shlex.split(line), code) for line, code, _ in CHECKS_ONLY if "d/my" not in line]
    # What a user's own plug-in imports is theirs.
    lines = [(words, code) for words, code in lines if not any(w.endswith(".py") for w in words)]
    found = loaded([words for words, _ in lines], tmp_path)
    assert len(found) > 40
    for (words, code), (_, found_code, modules) in zip(lines, found, strict=True):
        assert (found_code, modules) == (code, []), words


@pytest.mark.parametrize("command", LONG)
def test_help_is_short_and_help_all_complete(command: str) -> None:
    short, complete = (
        run_mlzoo(*command.split(), flag).out.rstrip() for flag in ("--help", "--help-all")
    )
    shown, every = ([m[0] for m in re.finditer(OPTION, text)] for text in (short, complete))
    assert 15 <= len(shown) <= 25 < len(every)
    assert set(shown) < set(every)
    assert short.splitlines()[-1] == f"--help-all shows all {len(every)} options."
    assert "--help-all shows" not in complete
    again = run_mlzoo(*command.split(), "--help").out.rstrip()
    assert again == short, "showing all leaves no trace"


def test_commands_with_few_options_show_all_of_them() -> None:
    commands = LazyCommands()
    for name in commands:
        for each in (commands[name], *getattr(commands[name], "commands", {}).values()):
            options = [p for p in each.params if p.param_type_name == "option"]
            hidden = [p.name for p in options if p.hidden]
            assert len(options) > 25 or not hidden, (name, each.name, hidden)


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_kind_of_plugin_is_listed(kind: str) -> None:
    folder = registry.KINDS[kind].folder
    listed = json.loads(run_mlzoo(folder, "--json").out)
    assert listed == {name: registry.summary(kind, name) for name in registry.names(kind)}
    assert [line.split()[0] for line in run_mlzoo(folder).out.splitlines()[1:]] == list(listed)
    assert f"\n  {folder} " in run_mlzoo("--help").out
    for name in listed:
        described = json.loads(run_mlzoo(folder, "show", name, "--json").out)
        assert (described[kind], described["summary"]) == (name, listed[name])
    first = next(iter(listed))
    assert listed[first] in run_mlzoo(folder, "show", first).out


def test_a_new_kind_of_plugin_has_a_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.KINDS, "tool", registry.KINDS["strategy"])
    monkeypatch.setitem(LISTINGS, "tools", "tool")
    found = json.loads(run_mlzoo("tools", "--json").out)
    assert list(found) == registry.names("tool") == registry.names("strategy")


@pytest.mark.slow
@pytest.mark.parametrize("line", ["--help", "models", "train --help", "tune --help-all", "tarin"])
def test_help_listings_and_wrong_names_answer_at_once(line: str, tmp_path: Path) -> None:
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        python("-m", "mlzoo_cli.main", *shlex.split(line), cwd=tmp_path)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    seconds()  # Compiles the modules.
    # One of several: other processes of the machine only ever add to it.
    assert any(seconds() < 0.4 for _ in range(5))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "code", "most"),
    [
        ("--help", 0, 8),
        ("train mlp iris --batch-size 0", 2, 14),
        # Eight metrics, the recipe, the temperature, the features that unlike samples are told by,
        # the table of epochs, the model's file in layers of Keras; callbacks and processes, which
        # are asked for once.
        ("train mlp iris --epochs 1 --json", 0, 112),
    ],
)
def test_a_command_enters_few_files(line: str, code: int, most: int, tmp_path: Path) -> None:
    found, files = entered(line, tmp_path)
    assert found == code
    assert "cli/mlzoo_cli/output.py" in files
    assert len(files) <= most


@pytest.mark.slow
def test_predictions_come_without_the_log_of_tensorflow(tmp_path: Path) -> None:
    columns = ["alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols"]
    columns += ["flavanoids", "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue"]
    columns += ["od280/od315_of_diluted_wines", "proline"]
    (tmp_path / "new.csv").write_text(f"{','.join(columns)}\n{','.join('1' for _ in columns)}\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "GRPC_"))}
    command = [sys.executable, "-m", "mlzoo", "predict", str(zoo.find("mlp-wine")), "new.csv"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("name,prediction,p_class_0")
    assert "oneDNN" not in done.stderr and "WARNING: All log" not in done.stderr, done.stderr
