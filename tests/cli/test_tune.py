"""`mlzoo tune` and `mlzoo strategies` as a user runs them."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlzoo.core import registry
from mlzoo.tuning.trials.journal import read
from tests.cli.shell import Mlzoo
from tests.tuning.made import without_training

TUNE = (
    *("tune", "mlp", "d/ok.csv", "--target", "y", "--epochs", 2, "--set", "hidden=4"),
    *("--vary", "learning_rate=log:1e-3..1e-1", "--vary", "dropout=0.0,0.3"),
    *("--baselines", "none", "--pictures", "none", "--calibrate", "none"),
    *("--trials", 3, "--folds", 2, "--name", "s"),
)
FOLDER = Path("saved_models/s")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Score the fits of a search without training."""
    without_training(monkeypatch)


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.slow
def test_a_search_leaves_its_tables_its_winner_and_how_to_train_it(mlzoo: Mlzoo) -> None:
    done = mlzoo(*TUNE)
    assert done.code == 0, done.err
    assert "search: random, 3 trials x 2 folds = 6 fits, by accuracy" in done.err
    table = rows(FOLDER / "trials.csv")
    assert [row["trial"] for row in table] == ["0", "1", "2"]
    assert len(rows(FOLDER / "fits.csv")) == 6
    best = min(table, key=lambda row: int(row["rank"]))
    assert done.out.splitlines()[1].split()[0] == best["trial"]
    test = json.loads((FOLDER / "winner" / "metrics.json").read_text())["headline"]
    assert f"test split, winner: accuracy {test['value']:.4g}" in done.out
    again = mlzoo("train", "--config", FOLDER / "best.yaml", "--name", "again")
    assert again.code == 0, again.err
    weights = [
        json.loads((folder / "metrics.json").read_text())["weights_sha256"]
        for folder in (FOLDER / "winner", Path("saved_models/again"))
    ]
    assert weights[0] == weights[1], "best.yaml turns into the winning model, bit for bit"
    kept = {path.name: path for path in FOLDER.iterdir()}
    assert "states" not in kept and "checkpoints" not in kept
    small = [p.stat().st_size for n, p in kept.items() if p.is_file() and n != "report.html"]
    assert sum(small) < 100_000, "beside the winner and the page there are tables only"


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_the_same_command_goes_on_and_another_one_is_refused(mlzoo: Mlzoo) -> None:
    assert mlzoo(*TUNE, "--no-final").code == 0
    before = (FOLDER / "journal.jsonl").read_bytes()
    done = mlzoo(*TUNE, "--json")
    assert done.code == 0 and (FOLDER / "journal.jsonl").read_bytes() == before
    found = json.loads(done.out)
    assert found["best"] == found["tied"][0]
    assert [trial["state"] for trial in found["trials"]] == ["done"] * 3
    assert found["test"]["name"] == "accuracy"
    more = mlzoo(*TUNE[:-4], *("--folds", 2, "--name", "s", "--trials", 5, "--no-final"))
    assert more.code == 0, more.err
    assert len(rows(FOLDER / "trials.csv")) == 5
    for words, told in (
        (("--epochs", 3), "a setting of the run"),
        (("--folds", 3), "a setting of the search"),
        (("--vary", "dropout=0.0,0.2"), "the space"),
        (("--strategy", "grid"), "the strategy"),
    ):
        kept = [str(word) for word in TUNE]
        flag, value = map(str, words)
        if flag == "--vary":
            kept[kept.index("dropout=0.0,0.3")] = value
        elif flag in kept:
            kept[kept.index(flag) + 1] = value
        else:
            kept += [flag, value]
        done = mlzoo(*kept, "--no-final")
        assert done.code == 2 and told in done.cause, done.err
    done = mlzoo(*TUNE, "--strategy", "grid", "--no-final", "--overwrite")
    assert done.code == 0 and len(rows(FOLDER / "trials.csv")) == 3


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_other_data_are_refused(mlzoo: Mlzoo, world: Path) -> None:
    own = Path("own.csv")
    own.write_text((world / "ok.csv").read_text())
    words = ["own.csv" if word == "d/ok.csv" else word for word in TUNE]
    assert mlzoo(*words, "--no-final").code == 0
    own.write_text("\n".join(own.read_text().splitlines()[:-1]) + "\n")
    done = mlzoo(*words, "--no-final")
    assert done.code == 2 and "the data changed" in done.cause


def test_what_fails_is_grouped_by_cause_and_the_exit_code_says_so(mlzoo: Mlzoo) -> None:
    done = mlzoo(
        *("tune", "mlp", "d/ok.csv", "--target", "a", "--task", "regression", "--epochs", 3),
        *("--set", "hidden=4", "--vary", "learning_rate=1e18,1e19", "--optimizer", "sgd"),
        *("--strategy", "grid", "--name", "s"),
    )
    assert done.code == 1, done.err
    assert done.errors[0] == "no trial succeeded (2 were tried)"
    assert "2 trials (0, 1): DivergedError" in done.errors[1]
    fits = [r for r in read(FOLDER / "journal.jsonl") if r["kind"] == "fit"]
    assert all(fit["error"] for fit in fits)
    assert not (FOLDER / "winner").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--vary", "learning_rat=1..2"), "did you mean 'learning_rate'"),
        (("--vary", "dropout=1..0"), "is empty"),
        (("--strategy", "bayes"), "unknown strategy 'bayes'"),
        (("--strategy-set", "pionts=3", "--strategy", "grid"), "did you mean 'points'"),
        (("--trials", "many"), "--trials: must be a whole number"),
        (("--budget", "soon"), "--budget: write a time as 90s, 10m, 2h"),
        (("--folds", 0), "--folds: must be at least 1"),
        (("--fast", "on"), "--fast: must be 'auto' or 'off'"),
        (("--keep", "best"), "keep can't be set"),
        (("--learning-rate", "0.1", "--vary", "learning_rate=0.1,0.2"), "varied and given a value"),
        (("--space", "none.yaml"), "can't read none.yaml"),
        (("--trails", 3), "did you mean '--trials'"),
        (("--nested", 1), "--nested: must be at least 2"),
        (("--max-memory", "64"), "--max-memory: must be at least 100"),
        (("--address", "auto"), "address has no effect without engine ray"),
        (("--metric", "rsme"), "--metric rsme: choose one of accuracy"),
    ],
)
def test_a_wrong_word_is_told_and_leaves_nothing(
    words: tuple[object, ...], told: str, mlzoo: Mlzoo
) -> None:
    done = mlzoo("tune", "mlp", "d/ok.csv", "--target", "y", *words)
    assert done.code == 2 and told in "\n".join(done.errors), done.err
    assert not Path("saved_models").exists() or not list(Path("saved_models").iterdir())


def test_several_mistakes_are_told_at_once(mlzoo: Mlzoo) -> None:
    done = mlzoo(
        *("tune", "mlp", "d/ok.csv", "--target", "y", "--vary", "a=1..2", "--folds", "x"),
        *("--vary", "layers=3..1", "--strategy", "gird"),
    )
    assert done.code == 2 and len(done.errors) == 4, done.err


@pytest.mark.slow
def test_a_rehearsal_writes_nothing_and_tells_what_would_be(mlzoo: Mlzoo) -> None:
    done = mlzoo(*TUNE, "--dry-run", "--json", "--nested", 4, "--max-memory", 100)
    assert done.code == 0, done.err
    facts = json.loads(done.out)
    assert (facts["trials"], facts["fits"]) == (3, 6 + 4 * 6 + 4)
    assert facts["memory"] > 100 and "MB, more than --max-memory 100" in facts["text"]
    assert "4 times more within --nested" in facts["text"]
    assert facts["seconds"] > 0
    assert [row[:2] for row in facts["space"]] == [
        ["learning_rate", "log:0.001..0.1"],
        ["dropout", "0.0, 0.3"],
    ]
    assert not Path("saved_models").exists()
    done = mlzoo(*TUNE, "--no-final")
    first = rows(FOLDER / "trials.csv")
    assert [float(row["learning_rate"]) for row in first] == [row[1] for row in facts["first"]]


@pytest.mark.slow
def test_a_signal_stops_it_and_the_same_command_goes_on(mlzoo: Mlzoo, tmp_path: Path) -> None:
    words = [str(word) for word in (*TUNE, "--no-final")]
    words[words.index("--trials") + 1] = "200"
    process = subprocess.Popen(
        [sys.executable, "-m", "mlzoo_cli.main", *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("trial 1"):
            process.send_signal(signal.SIGINT)
            break
    talk = process.stderr.read()
    assert process.wait() == 130
    assert "the same command resumes the search" in talk
    done_before = len(rows(FOLDER / "fits.csv"))
    assert done_before >= 4
    words[words.index("--trials") + 1] = "4"
    done = mlzoo(*words)
    assert done.code == 0 and "going on: " in done.err


def test_the_strategies_are_listed_and_shown(mlzoo: Mlzoo) -> None:
    found = json.loads(mlzoo("strategies", "--json").out)
    assert list(found) == registry.names("strategy")
    assert "--strategy-set points=5" in mlzoo("strategies", "show", "grid").out
    done = mlzoo("strategies", "show", "gird")
    assert done.code == 2 and "`mlzoo strategies` lists them all" in done.cause


@pytest.mark.slow
def test_strategies_are_compared_on_one_budget(mlzoo: Mlzoo) -> None:
    words = ("tune", "linear", "d/ok.csv", "--target", "y", "--epochs", 1, "--name", "c")
    space = ("--vary", "l2=log:1e-4..1.0", "--vary", "learning_rate=0.1,0.01")
    more = ("--budget", 3, "--compare", "random,evolution", "--compare-seeds", 2, "--json")
    done = mlzoo(*words, *space, *more)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert {one["strategy"] for one in found["standings"]} == {"random", "evolution"}
    assert all(len(one["finals"]) == 2 for one in found["standings"])
    assert all(len(one["curve"]) == 3 for one in found["standings"])
    table = rows(Path("saved_models/c-compared/strategies.csv"))
    assert [row["strategy"] for row in table] == [one["strategy"] for one in found["standings"]]
    assert Path("saved_models/c-compared/report.html").exists()
    wrong = mlzoo(*words, *space, "--compare", "random,gird")
    assert wrong.code == 2 and "did you mean 'grid'" in wrong.cause


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_nested_folds_state_the_gap(mlzoo: Mlzoo) -> None:
    words = [str(word) for word in (*TUNE, "--no-final", "--json", "--nested", 2)]
    done = mlzoo(*words)
    assert done.code == 0, done.err
    found = json.loads(done.out)["nested"]
    assert found == json.loads((FOLDER / "nested.json").read_text())
    gaps = [fold["chosen"] - fold["held_out"] for fold in found["folds"]]
    assert found["gap"] == pytest.approx(sum(gaps) / 2)
    assert "Nested cross-validation over 2 outer folds" in (FOLDER / "report.html").read_text()
    plain = mlzoo(*words[:-2])
    assert plain.code == 0 and json.loads(plain.out)["nested"] is None
    assert [t["mean"] for t in json.loads(plain.out)["trials"]] == [
        t["mean"] for t in json.loads(done.out)["trials"]
    ]


def test_an_engine_that_is_not_there_names_what_to_install(
    mlzoo: Mlzoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = mlzoo(*TUNE, "--engine", "ray", "--workers", 2)
    assert done.code == 2 and "pip install 'mlzoo-keras[ray]'" in done.cause
    assert not FOLDER.exists()


def test_what_keras_tuner_left_is_printed(mlzoo: Mlzoo, tmp_path: Path) -> None:
    trial = tmp_path / "kt" / "trial_0"
    trial.mkdir(parents=True)
    content = {
        "trial_id": "0",
        "status": "COMPLETED",
        "score": 0.75,
        "hyperparameters": {"values": {"units": 8, "tuner/epochs": 3}},
        "metrics": {"metrics": {"val_accuracy": {"direction": "max"}}},
    }
    (trial / "trial.json").write_text(json.dumps(content))
    (tmp_path / "kt" / "trial_1").mkdir()
    (tmp_path / "kt" / "trial_1" / "trial.json").write_text("")
    done = mlzoo("tune", "--import-keras-tuner", "kt")
    assert done.code == 0 and done.out.splitlines()[1].split() == ["0", "done", "0.75", "8"]
    assert "trial_1/trial.json is damaged" in done.err
    assert mlzoo("tune", "--import-keras-tuner", "none").code == 2
