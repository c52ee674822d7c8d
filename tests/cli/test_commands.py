"""The commands on small real runs: what they print where, and that their numbers agree."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import mlzoo as library
from mlzoo.core import registry
from mlzoo.core.files import read_sealed, write_sealed
from tests.cli.shell import SHARED, Done, Mlzoo, python
from tests.cli.world import RUNS, noise

FILES = {
    "checksums.json",
    "README.md",
    "config.yaml",
    "data.json",
    "environment.json",
    "history.csv",
    "layers.json",
    "metrics.json",
    "model.keras",
    "novelty.npz",
    "plots",
    "predictions.csv",
    "report.html",
    "split.json",
}


def succeeded(done: Done) -> Done:
    assert done.code == 0, done.err
    assert not done.errors
    assert "Traceback" not in done.err
    return done


def test_a_training_without_scores_ends_with_what_is_next(mlzoo: Mlzoo) -> None:
    given = ("linear", "d/ok.csv", "--target", "y", "--preset", "none", "--epochs", 1)
    unscored = ("train", *given, "--unscored", "--fractions", "100/0/0")
    done = succeeded(mlzoo(*unscored, "--name", "a"))
    assert "out of fold" not in done.err and "report" not in done.err
    assert f"next: mlzoo predict {Path('saved_models/a')} NEW-DATA" in done.err
    assert json.loads(succeeded(mlzoo(*unscored, "--json")).out).keys() == {"run"}


def document(done: Done) -> Any:
    """The one JSON document on stdout; there is no talk beside it."""
    found = json.loads(succeeded(done).out)
    assert "epoch" not in done.err
    return found


def numbers(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def predictions(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def leaves(content: Any, path: str = "") -> dict[str, Any]:
    """All values of a nested document, by their paths."""
    if not isinstance(content, (dict, list)):
        return {path: content}
    items = content.items() if isinstance(content, dict) else enumerate(content)
    return {k: v for name, value in items for k, v in leaves(value, f"{path}/{name}").items()}


# -- train


@pytest.mark.parametrize("name", sorted(RUNS))
def test_a_run_folder_is_complete_and_its_facts_agree(runs: Path, name: str) -> None:
    folder = runs / name
    names = {path.name for path in folder.iterdir()}
    without = {"novelty.npz"} if name in ("fields", "masks") else set()
    assert names == FILES - without | ({"model.py"} if name == "own" else set())
    assert not list(runs.glob("*.partial"))
    metrics, data = numbers(folder / "metrics.json"), numbers(folder / "data.json")
    history = predictions((folder / "history.csv").read_text())
    assert len(history) == metrics["epochs"]
    kept = history[metrics["kept"]["epoch"] - 1]
    best = metrics["kept"]["criterion"].removeprefix("best ")
    assert float(kept[best]) == metrics["kept"]["value"]
    assert metrics["headline"]["value"] == metrics["test"]["metrics"][metrics["headline"]["name"]]
    assert metrics["data_fingerprint"] == data["fingerprint"]
    pictures = {path.stem for path in (folder / "plots").glob("*.png")}
    assert {"learning_curves", "samples"} < pictures
    assert {path.stem for path in (folder / "plots").glob("*.csv")} >= pictures
    assert len(predictions((folder / "predictions.csv").read_text())) == metrics["test"]["samples"]


def test_talk_goes_to_stderr_and_scores_to_stdout(mlzoo: Mlzoo) -> None:
    done = succeeded(mlzoo("train", "linear", "d/ok.csv", "--target", "y", "--epochs", 2))
    assert done.out.startswith("test split (12)")
    assert {line.split()[0] for line in done.out.splitlines()} >= {"accuracy", "macro_f1"}
    for text in ("epoch 1/2", "epoch 2/2", "split: 36/12/12", "run folder: saved_models/linear-ok"):
        assert text in done.err
        assert text not in done.out
    assert "\r" not in done.err and "\x1b" not in done.err + done.out


@pytest.mark.slow
def test_train_prints_one_document_that_is_the_metrics_file(mlzoo: Mlzoo) -> None:
    words = ("train", "linear", "d/ok.csv", "--target", "y", "--epochs", 1, "--json")
    found = document(mlzoo(*words))
    assert found.pop("run") == "saved_models/linear-ok"
    assert found == numbers(Path("saved_models/linear-ok/metrics.json"))
    assert document(mlzoo(*words))["run"] == "saved_models/linear-ok-2"


@pytest.mark.slow
def test_the_configuration_repeats_the_run_bit_for_bit(
    mlzoo: Mlzoo, runs: Path, tmp_path: Path
) -> None:
    for name in ("table", "numbers"):
        before = numbers(runs / name / "metrics.json")
        words = ("train", "--config", runs / name / "config.yaml", "--out", ".", "--json")
        again = document(mlzoo(*words))
        assert again["weights_sha256"] == before["weights_sha256"]
        assert again["test"] == before["test"]
        other = document(mlzoo(*words, "--seed", 5))
        assert other["weights_sha256"] != before["weights_sha256"], "a flag beats the file"


@pytest.mark.slow
def test_repeats_report_each_seed_and_the_spread(runs: Path, mlzoo: Mlzoo) -> None:
    repeats = numbers(runs / "table" / "metrics.json")["repeats"]
    spread = repeats["summary"]["accuracy"]
    assert len(spread["values"]) == 2
    assert spread["mean"] == pytest.approx(np.mean(spread["values"]))
    assert spread["std"] == pytest.approx(np.std(spread["values"], ddof=1))
    done = mlzoo(*("train", "linear", "d/ok.csv", "--target", "y", "--epochs", 1, "--repeats", 2))
    last = done.out.splitlines()[-1]
    said = re.fullmatch(r"over 2 seeds, each with its own split: accuracy mean (\S+), .*", last)
    metrics = numbers(Path("saved_models/linear-ok/metrics.json"))
    assert said and float(said[1]) == pytest.approx(
        metrics["repeats"]["summary"]["accuracy"]["mean"], abs=1e-3
    )
    rivals = ("majority", "boosting", "forest", "linear")
    assert re.search("mean of " + ", ".join(rf"{name} [\d.]+" for name in rivals) + "$", last)
    card = Path("saved_models/linear-ok/README.md").read_text()
    assert "each with its own split" in card


def test_repeats_on_one_split_say_so(mlzoo: Mlzoo) -> None:
    words = ("train", "linear", "d/parts.npz", "--epochs", 1, "--repeats", 2, "--name", "r")
    assert "over 2 seeds, all with the same split: accuracy" in mlzoo(*words).out
    assert "all with the same split" in Path("saved_models/r/README.md").read_text()


def test_overwrite_replaces_a_run(mlzoo: Mlzoo, run: Path) -> None:
    words = ("train", "linear", "d/ok.csv", "--target", "y", "--epochs", 1, "--out", ".")
    succeeded(mlzoo(*words, "--name", "run", "--overwrite"))
    assert yaml.safe_load((run / "config.yaml").read_text())["model"] == "linear"
    assert sorted(os.listdir()) == ["d", "run"]


@pytest.mark.slow
def test_an_interrupted_process_is_resumed_from_what_it_says(mlzoo: Mlzoo, tmp_path: Path) -> None:
    """Ctrl-C: exit 130, the resume command in the last line; it ends with the same weights."""
    words = ["train", "linear", "d/ok.csv", "--target", "y", "--early-stopping", "0"]
    words += ["--epochs", "200", "--name"]
    stopped = subprocess.Popen(
        [sys.executable, "-m", "mlzoo_cli.main", *words, "stopped"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert stopped.stderr is not None
    lines = []
    for line in stopped.stderr:
        lines.append(line)
        if line.startswith("epoch 4/"):
            stopped.send_signal(signal.SIGINT)
    assert stopped.wait() == 130, lines
    said = r"stopped in epoch \d+; resume with: mlzoo (train --resume \S+)\n"
    advice = re.fullmatch(said, lines[-1])
    assert advice, lines[-1]
    done = mlzoo("predict", "saved_models/stopped", "d/ok.csv")
    assert (done.code, done.out) == (2, "")
    assert "is not finished yet; resume it with `mlzoo train --resume" in done.cause
    succeeded(mlzoo(*advice[1].split()))
    succeeded(mlzoo(*words, "whole"))
    digests = {
        numbers(Path("saved_models", name, "metrics.json"))["weights_sha256"]
        for name in ("stopped", "whole")
    }
    assert len(digests) == 1


# -- evaluate


@pytest.mark.parametrize("name", ["table", "numbers", "images"])
def test_evaluate_repeats_the_reported_scores(runs: Path, mlzoo: Mlzoo, name: str) -> None:
    reported = numbers(runs / name / "metrics.json")["test"]
    found = document(mlzoo("evaluate", runs / name, "--json"))
    assert leaves(found) == pytest.approx(leaves(reported), abs=1e-6, nan_ok=False)
    assert found["metrics"] and found["intervals"] and found["baselines"]
    shown = succeeded(mlzoo("evaluate", runs / name)).out
    assert shown.startswith(f"test split ({reported['samples']})")


def test_evaluate_other_parts_and_other_data(runs: Path, mlzoo: Mlzoo) -> None:
    sizes = {
        part: document(mlzoo("evaluate", runs / "table", "--part", part, "--json"))["samples"]
        for part in ("train", "valid", "test")
    }
    assert sizes == {"train": 36, "valid": 12, "test": 12}
    whole = document(mlzoo("evaluate", runs / "table", "d/ok.csv", "--json"))
    assert whole["samples"] == 60
    done = mlzoo("evaluate", runs / "table", "d/ok.csv", "--part", "valid")
    assert (done.code, done.cause) == (2, "error: --part has no effect on other data: leave it out")


# -- predict


def test_predicted_classes_with_probabilities(runs: Path, mlzoo: Mlzoo) -> None:
    rows = predictions(succeeded(mlzoo("predict", runs / "table", "d/ok.csv")).out)
    assert list(rows[0]) == ["name", "prediction", "p_0", "p_1", "out_of_range"]
    assert len(rows) == 60
    for row in rows:
        p = [float(row["p_0"]), float(row["p_1"])]
        assert sum(p) == pytest.approx(1, abs=2e-6)
        assert row["prediction"] == str(int(np.argmax(p)))
    assert document(mlzoo("predict", runs / "table", "d/ok.csv", "--json"))[0].keys() == {*rows[0]}


def test_shards_hold_the_predictions_of_the_whole_table(
    runs: Path, tmp_path: Path, mlzoo: Mlzoo
) -> None:
    command = ("predict", runs / "table", "d/ok.csv", "-o", tmp_path / "parts", "--shards", 17)
    succeeded(mlzoo(*command))
    parts = sorted((tmp_path / "parts").glob("part-*.csv"))
    rows = [row for part in parts for row in predictions(part.read_text())]
    assert len(parts) > 1
    whole = predictions(mlzoo("predict", runs / "table", "d/ok.csv").out)
    for row, expected in zip(rows, whole, strict=True):
        # Sums of batches of other sizes end in other bits.
        assert float(row.pop("p_1")) == pytest.approx(float(expected.pop("p_1")), abs=2e-6)
        assert float(row.pop("p_0")) == pytest.approx(float(expected.pop("p_0")), abs=2e-6)
        assert row == expected
    kept = [part.read_bytes() for part in parts]
    assert "all " in mlzoo(*command).err
    assert [part.read_bytes() for part in parts] == kept
    assert mlzoo(*command, "--json").code == 2
    parts[1].unlink()  # as after a kill
    manifest = tmp_path / "parts" / "shards.json"
    write_sealed(manifest, {**read_sealed(manifest), "shards": None})
    told = succeeded(mlzoo(*command, "--workers", 2)).err
    assert "17 predictions in 1 shards" in told
    assert [part.read_bytes() for part in parts] == kept
    assert "is for the rows of tables" in mlzoo("predict", runs / "images", *command[2:]).err


def test_several_files_are_predicted_at_once(runs: Path, mlzoo: Mlzoo) -> None:
    first, second = (next(Path(f"d/images/{name}").glob("*.png")) for name in ("crack", "sound"))
    rows = predictions(succeeded(mlzoo("predict", runs / "images", first, second)).out)
    assert [row["name"] for row in rows] == [first.name, second.name]


def test_predictions_agree_with_those_of_the_test_part(runs: Path, mlzoo: Mlzoo) -> None:
    for name, data in (("table", "d/ok.csv"), ("images", "d/images")):
        by_name = {r["name"]: r for r in predictions(mlzoo("predict", runs / name, data).out)}
        kept = predictions((runs / name / "predictions.csv").read_text())
        assert kept
        for row in kept:
            assert by_name[row["name"]]["prediction"] == row["prediction"]


def test_columns_go_by_name(runs: Path, mlzoo: Mlzoo, tmp_path: Path) -> None:
    table = list(csv.reader(Path("d/ok.csv").read_text().splitlines()))
    order = [2, 1, 0]  # and the target is left out
    with (tmp_path / "shuffled.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([[row[i] for i in order] for row in table])
    assert mlzoo("predict", runs / "table", "shuffled.csv").out == (
        mlzoo("predict", runs / "table", "d/ok.csv").out
    )


def test_an_unseen_category_is_told(runs: Path, mlzoo: Mlzoo, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("a,b,color\n1,2,green\n,2,red\n")
    done = succeeded(mlzoo("predict", runs / "table", "new.csv"))
    assert done.err.startswith("warning: column 'color': 'green' did not occur in the training")
    assert [row["prediction"] for row in predictions(done.out)][0] in ("0", "1")


def test_numbers_are_predicted_in_the_targets_units(runs: Path, mlzoo: Mlzoo) -> None:
    rows = predictions(succeeded(mlzoo("predict", runs / "numbers", "d/ok.csv")).out)
    assert list(rows[0]) == ["name", "prediction", "out_of_range"]
    run = library.load(runs / "numbers")
    assert [float(row["prediction"]) for row in rows] == run.predict("d/ok.csv").labels


def test_images_of_a_folder_one_by_one_or_as_an_array(
    runs: Path, mlzoo: Mlzoo, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    pixels = np.stack([noise(seed) for seed in range(100, 105)])
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / "new" / f"{number}.png")
    np.save(tmp_path / "new.npy", pixels)
    rows = predictions(succeeded(mlzoo("predict", runs / "images", "new")).out)
    assert [row["name"] for row in rows] == [f"{n}.png" for n in range(5)]
    assert list(rows[0]) == ["name", "prediction", "p_crack", "p_sound"]
    array = predictions(succeeded(mlzoo("predict", runs / "images", "new.npy")).out)
    assert [row["p_crack"] for row in array] == [row["p_crack"] for row in rows]
    [one] = predictions(succeeded(mlzoo("predict", runs / "images", "new/3.png")).out)
    assert float(one["p_crack"]) == pytest.approx(float(rows[3]["p_crack"]), abs=2e-6)


def test_predictions_go_into_a_file(runs: Path, mlzoo: Mlzoo, tmp_path: Path) -> None:
    done = succeeded(mlzoo("predict", runs / "table", "d/ok.csv", "--output", "p.csv"))
    assert done.out == "" and done.err.endswith("\n60 predictions in p.csv\n")
    assert (tmp_path / "p.csv").read_text() == mlzoo("predict", runs / "table", "d/ok.csv").out
    assert mlzoo("predict", runs / "table", "d/ok.csv", "-o", "p.csv").code == 2
    succeeded(mlzoo("predict", runs / "table", "d/ok.csv", "-o", "p.csv", "--overwrite"))


def test_a_moved_run_folder_still_works(
    runs: Path, mlzoo: Mlzoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = mlzoo("predict", runs / "images", "d/images").out
    shutil.copytree(runs / "images", tmp_path / "else where" / "ünder")
    assert mlzoo("predict", tmp_path / "else where" / "ünder", "d/images").out == before
    monkeypatch.chdir(tmp_path / "else where" / "ünder")
    assert mlzoo("predict", ".", tmp_path / "d" / "images").out == before
    assert mlzoo("evaluate", ".").code == 0


# -- A plug-in file of one's own


@pytest.mark.slow
def test_an_own_layer_needs_trust_in_a_new_process(runs: Path, world: Path, tmp_path: Path) -> None:
    own, data = str(runs / "own"), str(world / "ok.csv")
    assert Path(own, "model.py").read_text() == (world / "my_model.py").read_text()
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from tests.cli.shell import run_mlzoo\n"
        f"for words in ((), ('--trust',)): print(run_mlzoo('predict', {own!r}, {data!r}, *words))\n"
    )
    refused, trusted = python("-c", script, cwd=tmp_path).out.splitlines()
    assert refused.startswith("Done(code=2, out='', err='error: ")
    assert "repeat the command with --trust" in refused
    assert trusted.startswith("Done(code=0, out='name,prediction,p_0,p_1")


def test_code_in_a_run_folder_is_not_run_unasked(mlzoo: Mlzoo, run: Path, tmp_path: Path) -> None:
    (run / "model.py").write_text("open('ran', 'w')\n")
    succeeded(mlzoo("predict", run, "d/ok.csv"))
    assert not (tmp_path / "ran").exists()


# -- compare, models, sources, data inspect, doctor


def test_compare_shows_scores_and_what_differs(mlzoo: Mlzoo, runs: Path, tmp_path: Path) -> None:
    words = ("train", "linear", "d/ok.csv", "--target", "y", "--epochs", 3, "--name", "lin")
    succeeded(mlzoo(*words))
    found = document(mlzoo("compare", runs / "table", "saved_models/lin", "--json"))
    assert [row["run"] for row in found["rows"]] == ["table", "lin"]
    assert found["differing"]["epochs"] == {"table": 2, "lin": 3}
    for row, folder in zip(found["rows"], (runs / "table", Path("saved_models/lin")), strict=True):
        assert row["value"] == numbers(folder / "metrics.json")["headline"]["value"]
    [pair] = found["pairs"]
    assert pair["samples"] == 12
    shown = succeeded(mlzoo("compare", runs / "table", "saved_models/lin"))
    assert "on the same 12 test samples" in shown.out
    better = "statistically tied" if pair["tied"] else f"{pair[pair['better']]} is better"
    assert f"test samples: {better}" in shown.out
    assert shown.err == ""


def test_models_lists_every_plugin_with_its_line(mlzoo: Mlzoo) -> None:
    names = registry.names("model")
    listed = document(mlzoo("models", "--json"))
    assert listed == {name: registry.summary("model", name) for name in names}
    lines = mlzoo("models").out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == names


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.names("model"))
def test_models_show_counts_what_the_model_has(mlzoo: Mlzoo, name: str) -> None:
    shapes = {
        "mlp": "11",
        "linear": "11",
        "quantum": "4",
        "hamiltonian": "4",
        "alexnet": "64x64x3",
        "conv_lstm": "8x16x16x1",
    }
    shape = {
        **shapes,
        **dict.fromkeys(("nlinear", "patchtst", "rnn", "seq2seq", "tcn"), "60x4"),
    }.get(name, "32x32x3")
    outputs = 4 if name == "hamiltonian" else 3  # as many as inputs
    words = ("models", "show", name, "--input", shape, "--classes", outputs)
    found = document(mlzoo(*words, "--json"))
    assert found["parameters"] == sum(layer["parameters"] for layer in found["layers"])
    # The weights of patchcore are stored features.
    assert (found["trainable"] > 0) == (name != "patchcore")
    assert found["trainable"] <= found["parameters"]
    settings = {row["name"] for row in found["settings"]}
    assert settings == set(registry.load("model", name).Config.model_fields)
    if name == "cnn":
        assert f"parameters {found['parameters']:,}" in succeeded(mlzoo(*words)).out


def test_models_show_takes_settings_and_own_files(mlzoo: Mlzoo) -> None:
    words = ("models", "show", "mlp", "--input", 4, "--classes", 2, "--set", "hidden=5", "--json")
    # 4 inputs to 5 units and 5 to the single output of two classes
    assert document(mlzoo(*words))["trainable"] == (4 * 5 + 5) + (5 + 1)
    own = document(mlzoo("models", "show", "d/my_model.py", "--json"))
    assert [row["name"] for row in own["settings"]] == ["units"]


def test_sources_list_and_show(mlzoo: Mlzoo) -> None:
    assert list(document(mlzoo("sources", "--json"))) == registry.names("source")
    table = document(mlzoo("sources", "show", "table", "--json"))
    flags = {row["flag"] for row in table["settings"]}
    assert {"--target", "--drop", "--source-set delimiter"} <= flags
    assert "--source-set delimiter" in mlzoo("sources", "show", "table").out
    assert table["data_sets"] == []
    bundled = document(mlzoo("sources", "show", "bundled", "--json"))
    assert bundled["data_sets"] == ["digits", "iris", "wine", "breast-cancer", "diabetes"]
    assert "stress-strain" in mlzoo("sources", "show", "generated").out


def test_data_inspect_counts_and_lists_problems(mlzoo: Mlzoo) -> None:
    good = document(mlzoo("data", "inspect", "d/images", "--json"))
    assert (good["samples"], good["shape"], good["problems"]) == (24, [16, 16, 3], [])
    assert sum(good["parts"].values()) == 24
    bad = document(mlzoo("data", "inspect", "d/truncated", "--json"))
    assert [problem["name"] for problem in bad["problems"]] == ["a/cut.jpg"]
    whole = succeeded(mlzoo("data", "inspect", "d/small_class"))
    assert "parts: none, see the problems below" in whole.out
    assert "--rare" not in whole.out and "to try" not in whole.out, "one class would be left"
    shown = succeeded(mlzoo("data", "inspect", "d/leak"))
    assert "exact duplicates of train samples" in shown.out
    assert shown.err == ""


def test_doctor_says_what_would_be_used(mlzoo: Mlzoo) -> None:
    found = document(mlzoo("doctor", "--json"))
    assert found["versions"]["keras"]
    assert found["backend"] in ("tensorflow", "jax", "torch")
    assert found["gpu"], "a reason, or what is used"
    shown = succeeded(mlzoo("doctor")).out
    assert found["versions"]["keras"] in shown and found["gpu"][0] in shown


def test_version_and_bare_command(mlzoo: Mlzoo) -> None:
    assert succeeded(mlzoo("--version")).out == f"mlzoo {library.__version__}\n"
    assert succeeded(mlzoo()).out.startswith("mlzoo trains")
    assert "Commands" in mlzoo("--help").out


def test_help_shows_whole_sentences(mlzoo: Mlzoo) -> None:
    listed = mlzoo("--help").out.partition("Commands:")[2].strip().splitlines()
    listed = [line for line in listed if line and line != "Plug-ins:"]
    assert len(listed) >= 8
    assert all(line.endswith(".") and not line.endswith("...") for line in listed), listed


def test_help_groups_the_options(mlzoo: Mlzoo) -> None:
    text = mlzoo("train", "--help").out
    titles = [line for line in text.splitlines() if line.endswith(":") and line[:1].isalpha()]
    assert titles == [
        "Arguments:", "Model:", "Data:", "Training:", "Machine:", "Output:", "Options:"
    ]  # fmt: skip
    in_order = ["Data:", "  --target", "Training:", "  --epochs", "Machine:", "Options:"]
    places = [text.index(f"\n{start}") for start in [*in_order, "  --resume", "  --help"]]
    assert places == sorted(places)


def test_an_interrupt_before_any_work_says_so(
    mlzoo: Mlzoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mlzoo.runs.config_loading.merge", interrupt)
    assert mlzoo("train", "cnn", "digits") == (130, "", "stopped; run the same command again\n")
    monkeypatch.setattr(
        "mlzoo.runs.config_loading.merge", lambda *_, **__: signal.raise_signal(signal.SIGTERM)
    )
    assert mlzoo("train", "cnn", "digits") == (143, "", "stopped; run the same command again\n")
    monkeypatch.setattr("mlzoo.api.load", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
    assert mlzoo("evaluate", "x") == (143, "", "stopped; run the same command again\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_command_leaves_its_file_whole(
    mlzoo: Mlzoo, run: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    def stop(*_: Any) -> None:
        signal.raise_signal(number)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    report = (run / "report.html").read_bytes()
    monkeypatch.setattr("mlzoo.core.files.os.fsync", stop)  # as the file is being written
    for words in (("predict", run, "d/ok.csv", "-o", "new.csv"), ("report", run)):
        stopped = mlzoo(*words)
        assert stopped.code == code
        assert stopped.err.splitlines()[-1] == "stopped; run the same command again"
    signal.signal(signal.SIGINT, before)
    assert not Path("new.csv").exists()
    assert (run / "report.html").read_bytes() == report
    assert not list(Path().glob("**/.*.writing"))


@pytest.mark.parametrize(
    ("words", "flags"), [(("predict", "x", "y"), {"--tile"}), (("evaluate", "x"), set())]
)
def test_want_of_memory_names_options_that_the_command_has(
    mlzoo: Mlzoo, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], flags: set[str]
) -> None:
    def load(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("mlzoo.api.load", load)
    done = mlzoo(*words)
    assert done.code == 4 and done.errors[0].startswith("out of memory")
    assert set(re.findall(r"--\w+", done.err)) == flags
    assert flags <= set(re.findall(r"--\w+", mlzoo(words[0], "--help").out))


def test_a_closed_pipe_is_no_fault(world: Path, tmp_path: Path) -> None:
    script = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-m', 'mlzoo_cli.main', "
        "'models', 'show', 'cnn'], stdout=subprocess.PIPE, stderr=subprocess.PIPE); "
        "p.stdout.close(); print(p.stderr.read().decode())"
    )
    assert "Traceback" not in python("-c", script, cwd=tmp_path).out


# -- Python gives the same


@pytest.mark.slow
def test_python_and_the_command_line_give_the_same(mlzoo: Mlzoo, runs: Path) -> None:
    run = library.train(
        "mlp",
        "d/ok.csv",
        target="y",
        epochs=2,
        set={"hidden": 8},
        repeats=2,
        preset="none",
        name="py",
    )
    assert (
        run.metrics["weights_sha256"] == numbers(runs / "table" / "metrics.json")["weights_sha256"]
    )


@pytest.mark.slow
def test_real_photographs_from_data_to_predictions(mlzoo: Mlzoo) -> None:
    data = (SHARED / "crack_patches").resolve()
    if not data.is_dir():
        pytest.skip("real data absent: ../shared/data/crack_patches")
    words = ("train", "cnn", data, "--group-by", r"^(\d+)_", "--size", 32, "--epochs", 1)
    found = document(mlzoo(*words, "--set", "filters=4", "--name", "cracks", "--json"))
    assert found["test"]["samples"] > 50
    parts = numbers(Path("saved_models/cracks/split.json"))["parts"].values()
    assert sum(len(part["names"]) for part in parts) == 541
    photographs = [{Path(name).name[:3] for name in part["names"]} for part in parts]
    assert sum(map(len, photographs)) == len(set.union(*photographs)) == 18, "none is in two parts"
    rows = predictions(mlzoo("predict", "saved_models/cracks", data / "Positive").out)
    assert len(rows) == 213
