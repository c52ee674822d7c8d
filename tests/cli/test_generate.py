"""`mlzoo generate`: what is written, and what is refused."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mlzoo.core.errors import UsageError
from mlzoo.data.images.reader import ImageReader
from mlzoo.data.tables.reader import Column, TableReader
from mlzoo.reporting.drawn_samples import write_samples
from tests.cli.shell import run_mlzoo


def test_images_become_pictures_a_sheet_and_a_manifest(tmp_path: Path) -> None:
    from PIL import Image

    images = np.linspace(0, 16, 3 * 8 * 8).reshape(3, 8, 8, 1).astype("float32")
    reader = ImageReader(size=(8, 8), channels=1, dtype="float32", maximum=16.0)
    files = write_samples(tmp_path / "out", images, reader, {"seed": 7})
    assert files == ["0.png", "1.png", "2.png", "sheet.png", "manifest.json"]
    written = np.asarray(Image.open(tmp_path / "out" / "2.png"))
    np.testing.assert_array_equal(written, (images[2, ..., 0] * 255 / 16).round())
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest == {"seed": 7, "samples": 3, "files": files[:-1]}
    with pytest.raises(UsageError, match="holds files; choose another --output, or add --over"):
        write_samples(tmp_path / "out", images, reader, {})
    write_samples(tmp_path / "out", images, reader, {}, overwrite=True)


def test_rows_of_a_table_have_its_columns_and_categories(tmp_path: Path) -> None:
    columns = (Column("length"), Column("color", ("red", "blue")))
    rows = np.array([[1.25, 1], [-3, 0]], "float32")
    files = write_samples(tmp_path / "out", rows, TableReader(columns=columns), {})
    assert files == ["samples.csv", "sheet.png", "manifest.json"]
    text = (tmp_path / "out" / "samples.csv").read_text()
    assert text.splitlines() == ["length,color", "1.25,blue", "-3.0,red"]


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match="is a file; choose a folder"):
        write_samples(tmp_path / "out", np.zeros((1, 2)), TableReader(columns=()), {})


@pytest.fixture
def drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of a generator, whose samples are its seed."""
    reader = TableReader(columns=(Column("length"),))
    run = SimpleNamespace(
        path=tmp_path,
        config=SimpleNamespace(model="vae"),
        metrics={"weights_sha256": "0"},
        reader=reader,
        generate=lambda count, seed, *_: SimpleNamespace(
            samples=np.full((count, 1), float(seed)), numbers=None
        ),
    )
    monkeypatch.setattr("mlzoo.api.load", lambda *_, **__: run)
    return tmp_path


def test_samples_go_into_the_run_where_no_folder_is_named(drawing: Path) -> None:
    done = run_mlzoo("generate", drawing, "--count", 2, "--seed", 3)
    assert done.code == 0, done.err
    text = (drawing / "generated" / "samples.csv").read_text()
    assert text.splitlines() == ["length", "3.0", "3.0"]
    again = run_mlzoo("generate", drawing)
    assert again.code == 2
    assert "holds files; choose another --output" in again.err


def test_samples_that_are_written_in_part_are_removed(
    drawing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "mlzoo.reporting.drawn_samples._sheet", lambda *_: signal.raise_signal(signal.SIGTERM)
    )
    done = run_mlzoo("generate", drawing)
    assert done.code == 128 + signal.SIGTERM
    folder = drawing / "generated"
    assert done.cause == "stopped while writing; nothing was written; run the same command again"
    assert not folder.exists()


def test_samples_of_an_earlier_call_are_replaced_and_other_files_stay(drawing: Path) -> None:
    folder = drawing / "generated"
    images = np.zeros((3, 4, 4, 1))
    reader = SimpleNamespace(maximum=255, input_names=())
    assert write_samples(folder, images, reader, {})[:3] == ["0.png", "1.png", "2.png"]
    (folder / "mine.txt").write_text("kept")
    write_samples(folder, images[:1], reader, {}, overwrite=True)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["0.png", "manifest.json", "mine.txt", "sheet.png"]


@pytest.mark.slow
def test_what_needs_predictions_is_refused_for_a_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    two = ("--set", "code=2", "--baselines", "none")
    trained = run_mlzoo("train", "vae", "iris", "--epochs", 1, "--name", "v", *two)
    assert trained.code == 0, trained.err
    run, rows = "saved_models/v", tmp_path / "new.csv"
    scored = json.loads((tmp_path / run / "metrics.json").read_text())["test"]["metrics"]
    assert scored["elbo"] < scored["log_likelihood"] < 0
    again = json.loads(run_mlzoo("evaluate", run, "--json").out)["metrics"]
    for name in ("elbo", "log_likelihood"):
        assert again[name] == pytest.approx(scored[name], rel=1e-4)
    plots = tmp_path / run / "plots"
    assert (plots / "latent_grid.png").exists() and (plots / "codes.csv").exists()
    grid = run_mlzoo("generate", run, "--latent-grid", "--count", 10, "-o", tmp_path / "grid")
    assert grid.code == 0 and "9 samples written" in grid.err
    assert len((tmp_path / "grid" / "samples.csv").read_text().splitlines()) == 10
    manifest = json.loads((tmp_path / "grid" / "manifest.json").read_text())
    assert manifest["latent_grid"] == [3, 3] and manifest["samples"] == 9
    given = ("generate", run, "--count", 3, "-o", tmp_path / "way", "--overwrite")
    for ends, message in (
        (("test:0", "test:400"), "test:400 is no sample of the test split, which has 30"),
        (("0", "nothing.csv"), "nothing.csv"),
    ):
        assert message in run_mlzoo(*given, "--interpolate", *ends).err
    assert run_mlzoo(*given, "--interpolate", 5, "test:0").code == 0
    way = (tmp_path / "way" / "samples.csv").read_text().splitlines()
    assert run_mlzoo(*given, "--seed", 5).code == 0
    drawn = (tmp_path / "way" / "samples.csv").read_text().splitlines()
    assert way[1] == drawn[1], "the first sample of the seed"
    both = run_mlzoo(*given, "--interpolate", 1, 2, "--latent-grid")
    assert both.code == 2 and "exclude each other" in both.err
    rows.write_text("a,b,c,d\n1,2,3,4\n")
    explained = run_mlzoo("explain", run, "--method", "traversal", "--limit", 2)
    assert explained.code == 0, explained.err
    for command in ("check", "export", "landscape", "serve", "predict"):
        done = run_mlzoo(command, run, *([rows] if command == "predict" else []))
        assert done.code == 2, done.err
        assert f"error: {command}: {run} draws new samples and predicts nothing" in done.err
        assert f"use `mlzoo generate {run}`" in done.err
    assert not (tmp_path / run / "exports").exists()
    assert run_mlzoo("generate", run, "--count", 3).code == 0


@pytest.mark.slow
def test_a_number_of_a_column_is_what_samples_are_drawn_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    rng, lines = np.random.default_rng(0), ["file,width"]
    for number in range(30):
        pixels = rng.integers(0, 60, (8, 8)).astype("uint8")
        pixels[:, : 2 + number % 6] += 150
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{2.5 + number % 6}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    given = ("labels.csv", "--target", "width", "--epochs", 1, "--baselines", "none")
    small = ("--set", "conditional=true", "--set", "filters=4", "--pictures", "none")
    trained = run_mlzoo("train", "dcgan", *given, *small, "--name", "of-width")
    assert trained.code == 0, trained.err
    run = "saved_models/of-width"
    quantiles = json.loads((tmp_path / run / "data.json").read_text())["condition_quantiles"]
    assert quantiles[0] == 2.5 and quantiles[-1] == 7.5 and quantiles == sorted(quantiles)
    for extra, numbers in ((("--number", 4.25), [4.25] * 3), ((), None)):
        done = run_mlzoo("generate", run, "--count", 3, "-o", "out", "--overwrite", *extra)
        assert done.code == 0, done.err
        written = json.loads((tmp_path / "out" / "manifest.json").read_text())["numbers"]
        assert written == numbers if numbers else len(set(written)) == 3
    for extra, message in (
        (("--number", 9), "was trained on numbers from 2.5 to 7.5"),
        (("--class", "a"), "draws samples of a number; use --number"),
    ):
        refused = run_mlzoo("generate", run, "--count", 3, *extra)
        assert refused.code == 2 and message in refused.err
    refused = run_mlzoo("train", "diffusion", *given, *small[:2])
    assert refused.code == 2 and "conditional is for classes" in refused.err
    assert run_mlzoo("evaluate", run, "--json").code == 0
