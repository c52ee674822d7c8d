"""Images that are described in text: sentences, tables that hold them, predictions, scores."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mlzoo
from mlzoo.core.errors import DataError
from mlzoo.data import loading
from mlzoo.data.inputs import read_labelled
from mlzoo.data.text.captions import encode_captions, encode_new_captions
from mlzoo.data.text.pairs import target_text
from mlzoo.data.text.reader import CaptionReader
from mlzoo.reporting.figures.attention import CaptionCase, caption_cases
from mlzoo.sources._captions import captions
from tests.data.pictures import as_stored, config

_MOST = (slice(-60, None), slice(60))
"""Pixels that are brightest, and darkest."""
SHORT = {"epochs": 1, "set": {"filters": [4, 8], "units": 8}}


def _folder(root: Path, count: int, words: tuple[str, str] = ("a dark tile", "light")) -> Path:
    rng = np.random.default_rng(count)
    root.mkdir()
    rows = [["file", "caption"]]
    for i in range(count):
        level = 40 + 150 * (i % 2)
        Image.fromarray((level + rng.integers(0, 30, (16, 16))).astype("uint8")).save(
            root / f"{i}.png"
        )
        rows.append([f"{i}.png", words[i % 2]])
    with (root / "captions.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


def test_sentences_say_what_lies_where() -> None:
    pictures, texts = captions(40, 0.0, np.random.default_rng(0))
    assert pictures.shape == (40, 64, 64, 1) and len({*texts}) > 25
    rows, columns = np.mgrid[:64, :64]
    plane = np.stack([np.ones(4096), rows.ravel(), columns.ravel()], axis=1)
    checked = 0
    for picture, text in zip(pictures[..., 0].astype(float), texts, strict=True):
        first, beside, second = text.partition(" left of ")
        if not beside or {first.split()[0], second.split()[0]} != {"bright", "dark"}:
            continue
        # Above the ground, whose brightness changes along a line, the bright shape stands out.
        rest = picture.ravel() - plane @ np.linalg.lstsq(plane, picture.ravel(), rcond=None)[0]
        bright, dark = (columns.ravel()[rest.argsort()[pixels]].mean() for pixels in _MOST)
        assert (bright < dark) == first.startswith("bright"), text
        checked += 1
    assert checked >= 5


def test_a_table_that_names_images_may_describe_them(tmp_path: Path) -> None:
    path = _folder(tmp_path / "tiles", 30)
    samples = loading.read(config(path, task="translation"))
    reader = as_stored(samples.reader)
    assert isinstance(reader, CaptionReader) and reader.unit == "words"
    assert reader.alphabet == (" dark", " tile", "a", "light") and reader.longest == 4
    assert samples.targets.shape == (30, 4) and samples.kind == "image"
    by_name = dict(zip(samples.names, samples.targets, strict=True))
    assert target_text(by_name["3.png"], reader.alphabet) == "light"
    new = read_labelled(str(_folder(tmp_path / "new", 4)), reader)
    assert [target_text(codes, reader.alphabet) for codes in new.targets[:2]] == [
        "a dark tile",
        "light",
    ]
    other = _folder(tmp_path / "other", 4, ("zebra", "light"))
    with pytest.raises(DataError, match="the target 'zebra' has the words zebra"):
        read_labelled(str(other), reader)


def test_many_words_are_coded_by_characters() -> None:
    texts = [f"tile  {number}, dark " for number in range(300)]
    few, many = encode_captions(texts[:9], "caption"), encode_captions(texts, "caption")
    assert (few.unit, few.longest, many.unit, many.longest) == ("words", 5, "characters", 17)
    for texts_, written in ((texts[:9], few), (texts, many)):
        assert [target_text(codes, written.alphabet) for codes in written.codes] == texts_
    reader = CaptionReader(
        size=(8, 8), channels=1, dtype="uint8", maximum=255, alphabet=few.alphabet, longest=5
    )
    by_words = reader.model_copy(update={"unit": "words"})
    assert np.array_equal(encode_new_captions(texts[:9], by_words), few.codes)
    with pytest.raises(DataError, match="has the characters"):  # a run of before words were codes
        encode_new_captions(texts[:9], reader)


def test_attention_is_drawn_on_images_whose_cells_make_up_a_map(tmp_path: Path) -> None:
    image = np.full((32, 32, 1), 255, np.uint8)
    weights = np.array([[0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5]])  # of 2x2 cells: left, then right
    case = CaptionCase("image 1", image, "a tile", ["a", " tile"], weights)
    path = caption_cases(tmp_path, [case], 255)
    assert path is not None
    with Image.open(path) as picture:
        columns = np.asarray(picture.convert("L")).mean(axis=0)
    _, first, second = np.array_split(columns, 3)
    half = len(first) // 2
    assert first[:half].mean() > first[half:].mean() + 20
    assert second[:half].mean() < second[half:].mean() - 20
    odd = CaptionCase("image 1", image, "a", ["a"], np.ones((1, 7)))
    assert caption_cases(tmp_path, [odd], 255) is None


@pytest.mark.slow
def test_a_run_writes_captions_and_is_scored_beside_those_of_near_images(tmp_path: Path) -> None:
    path = str(_folder(tmp_path / "tiles", 40))
    run = mlzoo.train("captioner", path, task="translation", out=str(tmp_path / "runs"), **SHORT)
    test = run.metrics["test"]
    assert test["headline"] == "exact_match" and list(test["baselines"]) == ["nearest_caption"]
    assert test["baselines"]["nearest_caption"]["exact_match"] == 1
    assert (run.path / "plots" / "captions.png").stat().st_size > 5000
    assert (run.path / "plots" / "attention.png").stat().st_size > 5000
    written = run.predict(tmp_path / "tiles" / "3.png").to_frame()["prediction"].tolist()
    assert len(written) == 1 and isinstance(written[0], str)
    assert {*written[0]} <= {*"a dark tile", *"light"}
    again = run.evaluate(str(_folder(tmp_path / "new", 6)))
    assert again["samples"] == 6 and 0 <= again["metrics"]["exact_match"] <= 1
