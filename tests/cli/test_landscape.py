"""`mlzoo landscape` and `mlzoo check`, as a user types them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.shell import Mlzoo


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_optimisers_on_a_function(mlzoo: Mlzoo) -> None:
    done = mlzoo(
        "landscape", "bowl", "--optimizer", "sgd,adam,lbfgs", "--learning-rate", ".1,.2,1",
        "--start", "-3,2", "--steps", 12, "--sweep", ".01..3", "--points", 4, "--gif",
        "--set", "beta_1=.8", "--name", "bowl", "--out", "out", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    record, folder = json.loads(done.out), Path("out/bowl")
    assert record["folder"] == "out/bowl" and record["ranking"][0]["optimizer"] == "lbfgs"
    assert record["config"]["formulas"]["beta_1"] == 0.8
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "landscape.json", "paths.csv", "ranking.csv", "sweep.csv", "stationary.csv", "index.html",
        "paths.gif",
        *(f"{n}.{s}" for n in ("contour", "surface", "sweep") for s in ("png", "svg")),
    }  # fmt: skip
    rows = [row for row in table(folder / "paths.csv") if row["optimizer"] == "sgd"]
    assert len(rows) == 13 and float(rows[1]["x"]) == pytest.approx(-2.4)
    swept = [row["outcome"] for row in table(folder / "sweep.csv") if row["optimizer"] == "sgd"]
    assert swept[0] == "crawls" and "diverged" in swept
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert len(page) < 300_000 and 'src="http' not in page and "Ranking" in page
    assert np.asarray(Image.open(folder / "contour.png").convert("L")).std() > 20
    assert Image.open(folder / "paths.gif").n_frames == 13
    assert [row["kind"] for row in table(folder / "stationary.csv")] == ["minimum"]
    assert "around (-3, 2) the function is 13 - 6 dx + 4 dy" in record["sentences"][-1]
    again = mlzoo("landscape", "bowl", "--name", "bowl", "--out", "out")
    assert again.code == 2 and "add --overwrite" in again.cause


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["rosenbrok"], "did you mean 'rosenbrock'"),
        (["import(os)"], "unknown name 'import'"),
        (["(1-x"], "a parenthesis is not closed"),
        (["bowl", "--optimizer", "adm"], "unknown optimizer 'adm' (did you mean 'adam'?)"),
        (["bowl", "--start", "1"], "--start: write two numbers x,y"),
        (["bowl", "--start", "1,nan"], "--start: write two numbers x,y"),
        (["log(x)", "--start", "-1,0"], "has no finite value at -1,0"),
        (["bowl", "--sweep", "3..1"], "--sweep: write from..to"),
        (["bowl", "--learning-rate", "0"], "--learning-rate: must be more than 0"),
        (["bowl", "--set", "beta_3=1"], "did you mean 'beta_"),
        (["bowl", "--subject-to", "x<1"], "--subject-to: a constraint holds on its border too"),
        (["bowl", "--subject-to", "x=1", "--noise", "1"], "--noise: has no effect with"),
        (["bowl", "--epochs", "3"], "--epochs: has no effect on a function"),
        (["bowl", "--plane", "path"], "--plane: has no effect on a function"),
        (["linear", "d/ok.csv", "--capacity", "units"], "--capacity: units needs a range"),
        (["bowl", "--stpes", "3"], "unknown option '--stpes' (did you mean '--steps'?)"),
        (["d"], "is no run folder"),
        (["saved_models/x"], "there is no run folder saved_models/x"),
    ],
    ids=" ".join,
)
def test_mistakes(mlzoo: Mlzoo, words: list[str], cause: str) -> None:
    done = mlzoo("landscape", *words)
    assert done.code == 2 and cause in done.err, done.err
    assert not Path("saved_models").exists()


@pytest.mark.slow
def test_the_loss_around_a_run(mlzoo: Mlzoo) -> None:
    done = mlzoo("train", "mlp", "d/ok.csv", "--target", "y", "--epochs", 3, "--set", "hidden=4",
                 "--snapshots", "--name", "kept", "--batch-size", 8)  # fmt: skip
    assert done.code == 0, done.err
    run = Path("saved_models/kept")
    assert sorted(p.name for p in (run / "snapshots").iterdir()) == [
        f"epoch-00000{i}.npz" for i in (1, 2, 3)
    ]
    path = mlzoo("landscape", run, "--plane", "path", "--points", 5, "--eigenvalues", 1, "--json")
    assert path.code == 0, path.err
    record = json.loads(path.out)
    assert len(record["trail"]) == 4 and record["line"]["from"] == "first weights"
    assert record["eigenvalues"]["largest"][0] > 0 and record["points"] == [5, 5]
    folder = run / "landscapes/path"
    with np.load(folder / "surface.npz", allow_pickle=False) as found:
        assert found["loss"].shape == (5, 5) and np.isfinite(found["loss"]).all()
    assert {p.name for p in folder.iterdir()} >= {"line.csv", "line.svg", "contour.png"}
    walked = mlzoo("landscape", run, "--weights", "hidden1/kernel[0,0],hidden1/kernel[1,2]",
                   "--points", 5, "--optimizer", "sgd,lbfgs", "--steps", 2,
                   "--out", "o")  # fmt: skip
    assert walked.code == 0, walked.err
    assert "lbfgs goes from" in walked.out and Path("o/weights/paths.csv").is_file()


@pytest.mark.parametrize(
    ("flags", "cause"),
    [
        (["--plane", "path"], "kept fewer than two snapshots"),
        (["--weights", "hidden1/kernel[0,0]"], "name two different weights"),
        (["--weights", "head/krenel[0,0],head/bias[0]"], "did you mean 'head/kernel'"),
        (["--plane", "weihgts"], "--plane: must be"),
        (["--budget", "long"], "--budget: write a time as 90s"),
        (["--steps", "5"], "--steps: has no effect on a run without --optimizer"),
        (["--sweep", ".1..1"], "--sweep: has no effect on a run"),
        (["--to", "nowhere"], "no run folder nowhere"),
    ],
    ids=lambda flags: " ".join(flags) if isinstance(flags, list) else "",
)
def test_mistakes_on_a_run(mlzoo: Mlzoo, runs: Path, flags: list[str], cause: str) -> None:
    done = mlzoo("landscape", runs / "table", *flags)
    assert done.code == 2 and cause in done.err, done.err
    assert not (runs / "table" / "landscapes").exists()


@pytest.mark.slow
def test_a_curve_over_a_setting(mlzoo: Mlzoo) -> None:
    done = mlzoo("landscape", "linear", "d/ok.csv", "--target", "y", "--capacity", "l2=.01,100",
                 "--repeat", 2, "--epochs", 1, "--name", "curve", "--json")  # fmt: skip
    assert done.code == 0, done.err
    record, folder = json.loads(done.out), Path("saved_models/curve")
    rows = table(folder / "curve.csv")
    assert [float(row["value"]) for row in rows] == [0.01, 100.0]
    assert record["error"] == "1 - accuracy" and len(record["sentences"]) == 1
    assert {p.name for p in folder.iterdir()} == {
        "landscape.json", "curve.csv", "curve.png", "curve.svg", "index.html",
    }  # fmt: skip


@pytest.mark.slow
def test_a_run_is_checked_and_a_planted_fault_fails(mlzoo: Mlzoo, runs: Path) -> None:
    done = mlzoo("check", runs / "numbers", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["passed"] is True
    wrong = Path("bent.py")
    wrong.write_text(
        (Path("d") / "my_model.py").read_text().replace(
            "        return 2 * inputs",
            "        @keras.ops.custom_gradient\n"
            "        def twice(x):\n"
            "            def gradient(*args, upstream=None):\n"
            "                return 3.0 * (args[0] if upstream is None else upstream)\n"
            "            return 2 * x, gradient\n"
            "        return twice(inputs)",
        ).replace(
            'Twice(name="twice")(scaled)',
            'Twice(name="twice")(keras.layers.Dense(3, name="before")(scaled))',
        )
    )  # fmt: skip
    failed = mlzoo("check", "./bent.py", "--input", "5")
    assert failed.code == 1 and "layer 'twice': wrong gradient in input" in failed.err
    assert "FAILED" in failed.out and "WRONG" in failed.out


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["mpl"], "unknown model 'mpl' (did you mean 'mlp'?)"),
        (["mlp", "--input", "8xx"], "--input: write 28x28x1"),
        (["mlp", "--set", "hiden=3"], "did you mean 'hidden'"),
        (["no/where"], "there is no run folder"),
        (["cnn", "--symmetry", "flip"], "--symmetry: needs a run, whose test images are predicted"),
        (["no/where", "--symmetry", "turn"], "unknown symmetry 'turn'; choose of rot90, rot180"),
    ],
    ids=" ".join,
)
def test_mistakes_of_check(mlzoo: Mlzoo, words: list[str], cause: str) -> None:
    done = mlzoo("check", *words)
    assert done.code == 2 and cause in done.err, done.err


@pytest.mark.slow
def test_distance_of_a_run_from_symmetries(mlzoo: Mlzoo, runs: Path) -> None:
    done = mlzoo("check", runs / "images", "--symmetry", "rot90,flip", "--json")
    assert done.code == 0, done.err
    rows = json.loads(done.out)["symmetries"]
    assert [row["symmetry"] for row in rows] == ["rot90", "flip"]
    assert all(0 < row["change"] < 1 and 0 <= row["changed_classes"] <= 1 for row in rows)
    table = mlzoo("check", runs / "images", "--symmetry", "rot90").out.splitlines()
    assert table[1].split()[:2] == ["symmetry", "mean"] and table[2].split()[0] == "rot90"
