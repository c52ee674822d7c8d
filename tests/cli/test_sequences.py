"""The commands on series, labelled sequences and texts."""

from __future__ import annotations

import contextlib
import csv
import datetime
import json
from pathlib import Path

import numpy as np
import pytest

import mlzoo as library
from mlzoo.core.errors import UsageError
from mlzoo.core.messages import over
from tests.cli.shell import Mlzoo, run_mlzoo
from tests.cli.test_bad_input import left_behind, refused
from tests.cli.test_commands import document, predictions, succeeded
from tests.once import once

SMALL = ("--epochs", 1, "--set", "units=3")
# Runs whose predictions and scores alone are looked at.
LEAN = ("--baselines", "none", "--pictures", "none")
RUNS: dict[str, tuple[object, ...]] = {
    "daily": ("rnn", "daily.csv", "--target", "value", "--horizon", 3, *SMALL),
    "other": ("tcn", "daily.csv", "--target", "value", "--horizon", 3, "--epochs", 1)
    + ("--set", "filters=2", *LEAN),
    "plants": ("rnn", "plants.csv", "--group-by", "plant", "--target", "a,b", *SMALL)
    + ("--repeats", 2, "--pictures", "none"),
    "states": ("rnn", "states", "--target", "state", *SMALL),
    "again": ("rnn", "states", "--target", "state", *SMALL, "--set", "cell=simple", *LEAN),
    "classes": ("rnn", "classes", *SMALL, "--repeats", 2, "--pictures", "none"),
    "text": ("rnn", "words.txt", "--window", 16, *SMALL),
    "letters": ("rnn", "words.txt", "--window", 16, *SMALL, "--set", "cell=simple", *LEAN),
    "vectors": ("mlp", "vectors.npz", "--source-set", "kind=sequence", "--epochs", 1),
}


def table(path: Path, header: str, rows: list[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join([header, *lines]) + "\n")


@pytest.fixture(scope="session")
def sequences() -> Path:
    """Small data of each kind."""
    return once("sequences", make_sequences)


def make_sequences(root: Path) -> None:
    rng = np.random.default_rng(0)
    days = [datetime.date(2021, 1, 1) + datetime.timedelta(i) for i in range(150)]
    values = 10 + 3 * np.sin(np.arange(150) * 2 * np.pi / 7) + rng.normal(0, 0.5, 150)
    other = rng.normal(0, 1e-9, 150)
    daily = [[d, f"{o:.4g}", f"{v:.4f}"] for d, o, v in zip(days, other, values, strict=True)]
    table(root / "daily.csv", "date,tiny,value", daily)
    table(root / "short.csv", "date,tiny,value", daily[:5])
    table(root / "lacking.csv", "date,value", [[d, v] for d, _, v in daily])
    plants = [
        [d, plant, f"{v * scale:.3f}", f"{-v:.3f}"]
        for plant, scale in (("north", 1), ("south", 2))
        for d, v in zip(days, values, strict=True)
    ]
    table(root / "plants.csv", "date,plant,a,b", plants)
    for i in range(20):
        x = np.cumsum(rng.normal(0, 0.6, int(rng.integers(12, 20))))
        rows = [[f"{v:.3f}", f"{rng.normal():.3f}", "up" if v > 0 else "down"] for v in x]
        table(root / "states" / f"run_{i:02d}.csv", "x,y,state", rows)
        slope = (1, -1)[i % 2] * np.arange(len(x)) / 5 + rng.normal(0, 0.2, len(x))
        name = f"{('rise', 'fall')[i % 2]}/{i:02d}.csv"
        table(root / "classes" / name, "x", [[f"{v:.3f}"] for v in slope])
    words = "the quick brown fox jumps over the lazy dog and runs away".split()
    (root / "words.txt").write_text(
        "\n".join(" ".join(rng.choice(words, 8)) for _ in range(40)) + "\n"
    )
    x = rng.normal(size=(40, 3)).astype("float32")
    np.savez(root / "vectors.npz", x=x, y=np.stack([x[:, :1], -x[:, :1]], axis=1))


@pytest.fixture(scope="session")
def trained(sequences: Path) -> Path:
    """A folder with a finished run of each of `RUNS`, and what each printed."""

    def train(root: Path) -> None:
        with contextlib.chdir(sequences):
            for name, words in RUNS.items():
                done = succeeded(run_mlzoo("train", *words, "--name", name, "--out", root))
                (root / f"{name}.out").write_text(done.out)
                (root / f"{name}.err").write_text(done.err)

    return once("trained-sequences", train)


@pytest.fixture
def here(mlzoo: Mlzoo, sequences: Path, tmp_path: Path) -> Mlzoo:
    """`mlzoo(...)` in an empty folder where only `s` stands: a link to `sequences`."""
    (tmp_path / "s").symlink_to(sequences)
    return mlzoo


# -- train, evaluate


@pytest.mark.slow
def test_forecasts_are_told_relative_to_naive_ones(trained: Path) -> None:
    test = json.loads((trained / "daily" / "metrics.json").read_text())["test"]
    out = (trained / "daily.out").read_text().splitlines()
    assert out[4].split()[:4] == ["coverage", "(near", "0.9)", f"{test['metrics']['coverage']:.4g}"]
    assert out[5].split("  ")[0] == "MAE relative to (below 1 is better)"
    for line, name in zip(out[6:], ("persistence", "seasonal", "linear"), strict=True):
        row = test["relative_mae"][name]
        ends = row["interval"]  # none from fewer than 6 blocks of time
        shown = f"[{ends[0]:.4g}, {ends[1]:.4g}] " if ends else ""
        unit = over(row["units"], test["interval_unit"])
        assert line.split(maxsplit=2) == [name, f"{row['value']:.4g}", shown + unit]


@pytest.mark.parametrize("name", ["plants", "classes"])
def test_repeats_of_sequences_are_summed_up(trained: Path, name: str) -> None:
    metrics = json.loads((trained / name / "metrics.json").read_text())
    headline = metrics["headline"]["name"]
    spread = metrics["repeats"]["summary"][headline]
    assert spread["mean"] == pytest.approx(np.mean(spread["values"])) and len(spread["values"]) == 2
    assert (
        f"over 2 seeds, {'all with the same' if name == 'plants' else 'each with its own'}"
        in (trained / f"{name}.out").read_text()
    )
    card = (trained / name / "README.md").read_text()
    assert "Over 2 trainings" in card and "\n\n\n" not in card


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RUNS))
def test_scores_are_those_of_the_training(here: Mlzoo, trained: Path, name: str) -> None:
    recorded = json.loads((trained / name / "metrics.json").read_text())["test"]
    found = document(here("evaluate", trained / name, "--json"))
    assert found["metrics"] == recorded["metrics"]
    assert found["intervals"] == recorded["intervals"]
    assert found["interval_unit"] == recorded["interval_unit"]


def test_a_run_s_pictures_stand_in_its_card(trained: Path) -> None:
    wanted = {
        "daily": {"forecasts", "over_time", "horizon", "residual_correlation"},
        "vectors": {"forecasts", "horizon"},
        "states": {"timelines", "confusion_matrix"},
    }
    for name, pictures in wanted.items():
        card = (trained / name / "README.md").read_text()
        for picture in pictures:
            assert (
                f"](plots/{picture}.png)" in card
                and (trained / name / "plots" / f"{picture}.csv").is_file()
            )
    assert not (trained / "vectors" / "plots" / "over_time.png").exists()
    sample = (trained / "text" / "plots" / "sample.txt").read_text()
    assert len(sample) == 16 + 1 + 400 + 1 and sample[16] == "|"


def test_other_series_are_scored_with_the_training_s_scale_and_band(
    here: Mlzoo, trained: Path
) -> None:
    done = succeeded(here("evaluate", trained / "daily", "s/daily.csv"))
    assert "were trained or validated on: the scores flatter the model" in done.err
    found = document(here("evaluate", trained / "daily", "s/daily.csv", "--json"))
    recorded = json.loads((trained / "daily" / "metrics.json").read_text())["test"]["metrics"]
    assert found["metrics"]["scale"] == recorded["scale"]
    assert found["metrics"]["band"] == recorded["band"]
    assert found["metrics"]["mase"] == pytest.approx(found["metrics"]["mae"] / recorded["scale"][0])
    assert set(found["relative_mae"]) == set(found["baselines"]) == {"persistence", "seasonal"}


def test_other_sequences_and_texts_are_scored(here: Mlzoo, trained: Path) -> None:
    states = document(here("evaluate", trained / "states", "s/states", "--json"))
    assert (states["samples"], states["interval_unit"]) == (20, "sequences")
    text = document(here("evaluate", trained / "text", "s/words.txt", "--json"))
    assert text["metrics"]["perplexity"] == pytest.approx(2 ** text["metrics"]["bits"])
    table = succeeded(here("evaluate", trained / "states", "s/states")).out
    assert "class  precision" in table and "segment_f1" in table


@pytest.mark.parametrize(
    ("first", "second", "metric"),
    [("daily", "other", "mase"), ("states", "again", "macro_f1"), ("text", "letters", "bits")],
)
def test_runs_on_the_same_test_part_are_paired(
    here: Mlzoo, trained: Path, first: str, second: str, metric: str
) -> None:
    found = document(here("compare", trained / first, trained / second, "--json"))
    values = {row["run"]: row["value"] for row in found["rows"]}
    (pair,) = found["pairs"]
    assert (pair["metric"], found["notes"]) == (metric, [])
    assert pair["difference"] == pytest.approx(
        values[pair["first"]] - values[pair["second"]], abs=1e-6
    )
    succeeded(here("compare", trained / first, trained / second))


# -- predict


def test_a_series_goes_on_in_time(here: Mlzoo, trained: Path) -> None:
    done = succeeded(here("predict", trained / "daily", "s/daily.csv"))
    rows = predictions(done.out)
    assert [(row["step"], row["time"]) for row in rows] == [
        ("1", "2021-05-31"), ("2", "2021-06-01"), ("3", "2021-06-02")
    ]  # fmt: skip
    assert "daily.csv: forecast from the last" in done.err and "to 2021-05-30" in done.err
    assert "taken to come at the usual step" in done.err
    run = library.load(trained / "daily")
    (forecast,) = run.forecast("s/daily.csv")
    band = run.metrics["test"]["metrics"]["band"]
    for i, row in enumerate(rows):
        value = float(row["value"])
        assert value == pytest.approx(forecast.values[i, 0], rel=1e-6)
        assert float(row["value_low"]) == pytest.approx(value + band["low"][i][0], rel=1e-5)
        assert float(row["value_high"]) == pytest.approx(value + band["high"][i][0], rel=1e-5)
    assert run.predict("s/daily.csv").labels[0].tolist() == forecast.values.tolist()
    assert {row["unlike"] for row in rows} <= {"yes", "no"}
    covered = run.predict("s/daily.csv", coverage=0.5)
    widths = [np.squeeze(each.high - each.low) for each in (covered, forecast)]
    assert (widths[0] < widths[1]).all() and covered.high.shape == (1, 3, 1)
    refused = here("predict", trained / "daily", "s/daily.csv", "--coverage", ".999")
    assert refused.code == 2 and "--coverage 0.999 needs at least 1999 held-out" in refused.err


def test_several_series_and_files_are_told_apart(here: Mlzoo, trained: Path) -> None:
    rows = predictions(succeeded(here("predict", trained / "plants", "s/plants.csv")).out)
    assert [row["series"] for row in rows] == ["north", "south"]
    assert {"a", "a_low", "b_high"} <= set(rows[0])
    words = ("s/plants.csv", "s/./plants.csv", "-o", "out.csv")
    done = succeeded(here("predict", trained / "plants", *words))
    assert done.out == "" and "4 predictions in out.csv" in done.err
    with open("out.csv", newline="") as file:
        names = [row["series"] for row in csv.DictReader(file)]
    assert names == [f"{p} {s}" for p in words[:2] for s in ("north", "south")]
    both = document(here("predict", trained / "daily", "s/daily.csv", "s/daily.csv", "--json"))
    assert [row["series"] for row in both] == ["s/daily.csv"] * 6


@pytest.mark.slow
def test_small_numbers_keep_their_digits(here: Mlzoo, sequences: Path) -> None:
    words = ("linear", "s/daily.csv", "--target", "tiny", "--epochs", 1, "--name", "tiny")
    succeeded(here("train", *words))
    (row,) = predictions(succeeded(here("predict", "saved_models/tiny", "s/daily.csv")).out)
    assert 0 < abs(float(row["tiny"])) < 1e-6


def test_what_follows_vectors_is_forecast(here: Mlzoo, trained: Path) -> None:
    rows = predictions(succeeded(here("predict", trained / "vectors", "s/vectors.npz")).out)
    assert len(rows) == 80 and [row["time"] for row in rows[:2]] == ["+1", "+2"]
    assert (rows[0]["series"], rows[2]["series"]) == ("sample 0", "sample 1")
    x = np.load("s/vectors.npz")["x"]
    found = library.load(trained / "vectors").forecast(x[:1])[0].values
    assert float(rows[0]["target0"]) == pytest.approx(found[0, 0], rel=1e-5)


def test_every_step_has_its_class(here: Mlzoo, trained: Path, sequences: Path) -> None:
    files = [f"s/states/run_{i:02d}.csv" for i in (0, 3)]
    rows = predictions(succeeded(here("predict", trained / "states", *files)).out)
    lengths = [len(Path(file).read_text().splitlines()) - 1 for file in files]
    assert [row["name"] for row in rows] == [
        Path(f).name for f, n in zip(files, lengths, strict=True) for _ in range(n)
    ]
    assert [int(row["step"]) for row in rows[: lengths[0]]] == list(range(1, lengths[0] + 1))
    for row in rows:
        chances = {name: float(row[f"p_{name}"]) for name in ("down", "up")}
        assert sum(chances.values()) == pytest.approx(1, abs=2e-6)
        assert row["prediction"] == max(chances, key=chances.__getitem__)


def test_a_folder_of_sequences_is_classified(here: Mlzoo, trained: Path) -> None:
    rows = predictions(succeeded(here("predict", trained / "classes", "s/classes")).out)
    assert len(rows) == 20 and rows[0]["name"] == "fall/01.csv"
    alone = predictions(
        succeeded(here("predict", trained / "classes", "s/classes/fall/01.csv")).out
    )
    # Alone a sequence is not padded: the same to the last digits.
    assert float(alone[0]["p_rise"]) == pytest.approx(float(rows[0]["p_rise"]), abs=2e-6)


@pytest.mark.slow
def test_text_goes_on_as_the_seed_says(here: Mlzoo, trained: Path) -> None:
    def written(*words: object) -> str:
        return succeeded(here("predict", trained / "text", "the quick", *words)).out

    assert len(written()) == len("the quick") + 200 + 1
    one = written("--length", 40, "--seed", 1)
    assert one.startswith("the quick") and len(one) == len("the quick") + 41
    assert one == written("--length", 40, "--seed", 1) != written("--length", 40, "--seed", 2)
    sure = [written("--length", 40, "--temperature", 0, "--seed", s) for s in (1, 2)]
    assert sure[0] == sure[1]


def test_text_goes_on_from_files(here: Mlzoo, trained: Path) -> None:
    Path("prompt.txt").write_bytes(b"quick\r\nfox ")
    Path("latin.txt").write_bytes("caf\xe9 fox".encode("latin-1"))
    words = ("prompt.txt", "latin.txt", "the dog", "--length", 5)
    found = document(here("predict", trained / "text", *words, "--json"))
    assert [row["prompt"] for row in found] == ["quick\nfox ", "café fox", "the dog"]
    assert [len(row["text"]) for row in found] == [5, 5, 5]
    done = succeeded(here("predict", trained / "text", *words, "-o", "out.txt"))
    assert done.out == "" and "5 characters in out.txt" in done.err
    expected = "\n".join(row["prompt"] + row["text"] for row in found)
    assert Path("out.txt").read_text() == expected + "\n"


def test_characters_that_text_lacks_are_named(here: Mlzoo, trained: Path) -> None:
    done = succeeded(here("predict", trained / "text", "the §quick§ ÿ", "--length", 3))
    assert "'§', 'ÿ': left out of what is gone on from" in done.err
    assert "left out" not in succeeded(here("predict", trained / "text", "the", "--length", 3)).err


def test_a_model_of_text_says_how_it_is_used(trained: Path) -> None:
    with pytest.raises(UsageError, match=r"run\.write\(prompt\)"):
        library.load(trained / "text").predict("the")


WRONG = [
    ("text", "the --length 0", 2, "--length: must be at least 1 (got '0')"),
    ("text", "the --length many", 2, "--length: must be a whole number (got 'many')"),
    ("text", "the --temperature -1", 2, "--temperature: must be at least 0 (got '-1')"),
    ("text", "the --temperature nan", 2, "--temperature: must be a finite number (got 'nan')"),
    ("text", "the --temperature inf", 2, "--temperature: must be a finite number (got 'inf')"),
    ("text", "the --seed -1", 2, "--seed: must be at least 0 (got '-1')"),
    ("text", "the --tile 64", 2, "--tile: has no effect on text"),
    ("text", "the --probabilities", 2, "--probabilities: has no effect on text"),
    ("text", "nowhere.txt", 2, "'nowhere.txt' is not there (looked at "),
    ("text", "s/states", 2, "'s/states' is a folder; name a text file, or give the text itself"),
    ("text", "''", 3, "holds no character that the model knows"),
    ("text", "ÄÖÜ", 3, "holds no character that the model knows"),
    ("daily", "s/daily.csv --length 3", 2, "--length: has no effect on forecasting"),
    ("daily", "s/daily.csv --temperature 0", 2, "--temperature: has no effect on forecasting"),
    ("daily", "s/daily.csv --no-overlays", 2, "--no-overlays: has no effect on forecasting"),
    ("daily", "s/daily.csv -o s/daily.csv", 2, "s/daily.csv exists already; choose another"),
    ("daily", "s/states", 3, "s/states is a folder; name a table of series, a row a step"),
    ("daily", "s/short.csv", 3, "short.csv has 5 steps, but the model forecasts from the last"),
    ("daily", "s/lacking.csv", 3, "lacks the column 'tiny'"),
    ("daily", "s/words.txt", 3, ""),
    ("daily", "nowhere.csv", 2, "'nowhere.csv' is not there"),
    ("states", "s/states --seed 1", 2, "--seed: has no effect on labeling"),
    ("states", "s/classes", 3, "holds no sequences with the channels x, y"),
    ("states", "s/daily.csv", 3, "lacks the columns 'x', 'y'"),
    ("classes", "s/classes --overlap 32", 2, "--overlap: has no effect on classification"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("run", "words", "code", "fragment"), WRONG)
def test_wrong_requests(
    here: Mlzoo, trained: Path, tmp_path: Path, run: str, words: str, code: int, fragment: str
) -> None:
    given = ["" if word == "''" else word for word in words.split()]
    refused(here("predict", trained / run, *given), code, fragment)
    assert [path for path in left_behind(tmp_path) if path != "s"] == []


# -- data inspect


def test_series_are_inspected(here: Mlzoo) -> None:
    found = document(here("data", "inspect", "s/daily.csv", "--target", "value", "--json"))
    assert (found["task"], found["season"], found["lengths"]) == ("forecasting", 7, None)
    assert found["bytes"] == 150 * 2 * 4, "steps that windows share are held once"
    value, tiny = found["channels"]
    assert (value["channel"], tiny["channel"]) == ("value", "tiny")
    with open("s/daily.csv", newline="") as file:
        values = [float(row["value"]) for row in csv.DictReader(file)]
    assert value["mean"] == pytest.approx(np.mean(values), rel=1e-6)
    assert value["max"] == pytest.approx(max(values), rel=1e-6)
    out = succeeded(here("data", "inspect", "s/plants.csv", "--group-by", "plant")).out
    assert "note: series: 2 series of 300 steps" in out and "channel" in out


def test_labelled_sequences_are_inspected(here: Mlzoo) -> None:
    found = document(here("data", "inspect", "s/states", "--target", "state", "--json"))
    truth = [
        [line.rsplit(",")[-1] for line in path.read_text().splitlines()[1:]]
        for path in sorted(Path("s/states").iterdir())
    ]
    for row in found["classes"]:
        assert row["steps"] == sum(labels.count(row["name"]) for labels in truth)
        assert row["sequences"] == sum(row["name"] in labels for labels in truth)
        assert sum(row["parts"].values()) == row["sequences"]
    assert sum(row["share"] for row in found["classes"]) == pytest.approx(1)
    lengths = [len(labels) for labels in truth]
    assert found["lengths"] == {
        "min": min(lengths), "median": np.median(lengths), "max": max(lengths)
    }  # fmt: skip
    assert found["bytes"] == sum(lengths) * 2 * 4
    out = succeeded(here("data", "inspect", "s/states", "--target", "state")).out
    assert f"shape {min(lengths)} to {max(lengths)}x2, median " in out


def test_texts_are_inspected(here: Mlzoo) -> None:
    found = document(here("data", "inspect", "s/words.txt", "--window", 16, "--json"))
    text = Path("s/words.txt").read_text()
    seen = text[1 : 1 + 16 * found["samples"]]
    counts = {row["name"]: row["steps"] for row in found["classes"]}
    assert counts["q"] == seen.count("q") and counts["newline"] == seen.count("\n")
    assert found["channels"] == [] and found["suggestions"] == []
    succeeded(here("data", "inspect", "s/words.txt"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["accelerometer", "sine-mix", "delayed-xor", "moving-spots"])
def test_generated_signals_are_inspected(here: Mlzoo, name: str) -> None:
    found = document(here("data", "inspect", name, "--source-set", "samples=120", "--json"))
    assert found["problems"] == []
    assert set(found["parts"]) == {"train", "valid", "test"}
