"""Texts: alphabets, windows, writing on, and new texts for a trained model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlzoo.core.errors import DataError
from mlzoo.data import loading
from mlzoo.data.inputs import read_inputs, read_labelled
from mlzoo.data.record import split_record, trained_on
from mlzoo.data.samples import Samples
from mlzoo.data.specs import IGNORED
from mlzoo.data.text.characters import RARE, alphabet_of, continue_text, encode
from mlzoo.data.text.reader import TextReader
from mlzoo.runs import datasets
from tests.data.pictures import as_stored, config

LETTERS = "abcdefghij"


def read(path: object, **fields: Any) -> Samples:
    return loading.read(config(path, **fields))


def reader_of(samples: Samples) -> Any:
    return as_stored(samples.reader)


def written(folder: Path, text: str, name: str = "t.txt") -> Path:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder / name


def draws(count: int, seed: int = 0) -> str:
    return "".join(np.random.default_rng(seed).choice(list(LETTERS), count))


# -- Windows


def test_windows_and_the_characters_one_further(tmp_path: Path) -> None:
    text = draws(1001)
    samples = read(written(tmp_path, text), source="text", window=20)
    assert (samples.task, samples.kind, samples.class_names) == ("text", "sequence", tuple(LETTERS))
    assert samples.inputs.shape == (50, 20, 1) and samples.targets.shape == (50, 20)
    for i in (0, 1, 49):
        inside = [LETTERS.index(c) for c in text[20 * i : 20 * i + 21]]
        assert samples.inputs[i].ravel().tolist() == inside[:-1]
        assert samples.targets[i].tolist() == inside[1:]
    assert samples.names[1] == "from character 21"
    assert samples.windows.spans[1].tolist() == [20, 41]
    assert len(read(written(tmp_path, text[:-1]), source="text", window=20)) == 49
    assert len(read(tmp_path / "t.txt", source="text", window=20, stride=7)) == 140
    assert len(read(tmp_path / "t.txt", source="text")) == 15  # windows of 64


def test_parts_share_no_character(tmp_path: Path) -> None:
    data = datasets.load(config(written(tmp_path, draws(1001)), source="text", window=20))
    assert [len(part) for part in data.parts().values()] == [30, 9, 9]
    spans = [data.samples.windows.spans[part.indices] for part in data.parts().values()]
    assert spans[0].max() <= spans[1].min() and spans[1].max() <= spans[2].min()
    assert data.outputs.units == 10


def test_line_ends_and_letters(tmp_path: Path) -> None:
    path = written(tmp_path, "Ab\r\nc\rD\n" * 50)
    assert read(path, source="text").reader.alphabet == tuple("\nADbc")
    assert read(path, source="text").class_names[0] == "newline"
    small = read(path, source="text", source_set={"lower": True})
    assert small.reader.alphabet == tuple("\nabcd")
    assert small.inputs[0][:4, 0].tolist() == [1, 2, 0, 3]
    assert encode("aB", small.reader).tolist() == [1, 2]


def test_texts_that_are_too_short(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="t.txt has 199 characters, but at least 200 are needed"):
        read(written(tmp_path, draws(199)), source="text")
    with pytest.raises(DataError, match="has 200 characters, but a window and .* take 201; give"):
        read(written(tmp_path, draws(200)), source="text", window=200)
    assert len(read(tmp_path / "t.txt", source="text", window=199)) == 1
    with pytest.raises(DataError, match="is a folder; give one text file"):
        read(tmp_path, source="text")
    with pytest.raises(DataError, match="t.txt holds 'a' only; give a text of diff"):
        read(written(tmp_path, "a" * 300), source="text")


# -- Alphabets


def test_rare_characters_share_a_code(tmp_path: Path) -> None:
    common = [chr(0x4E00 + i) for i in range(253)]
    rare = [chr(0x3041 + i) for i in range(7)]
    text = "".join(common) * 3 + "".join(rare)
    alphabet, left = alphabet_of(text)
    assert alphabet == [*sorted(common), RARE] and left == 7
    reader = TextReader(alphabet=tuple(alphabet), window=4, stride=4)
    assert encode(rare[2] + common[0] + "x", reader).tolist() == [253, 0, 253]
    samples = read(written(tmp_path, text), source="text")
    assert len(samples.class_names) == 254
    assert samples.targets[:].max() < IGNORED
    assert any("7 rare ones count as one" in note for note in samples.notes)
    assert alphabet_of("".join(common) + "z") == (sorted([*common, "z"]), 0)


# -- Writing on


def model(follow: Callable[[list[int]], np.ndarray], fed: list[list[float]]) -> Any:
    """A predict function: chances of what follows each window, from its codes."""

    def predict(x: np.ndarray) -> np.ndarray:
        assert x.shape == (1, 4, 1) and x.dtype == np.float32
        fed.append(x[0, :, 0].tolist())
        known = [int(code) for code in x[0, :, 0] if code == code]
        said = np.full((1, 4, 10), 0.1)
        said[0, len(known) - 1] = follow(known)
        return said

    return predict


def next_letter(known: list[int]) -> np.ndarray:
    chances = np.full(10, 0.04)
    chances[(known[-1] + 1) % 10] = 0.64
    return chances


READER = TextReader(alphabet=tuple(LETTERS), window=4, stride=4, lower=True)


def test_the_likeliest_character_at_temperature_0() -> None:
    fed: list[list[float]] = []
    predict = model(next_letter, fed)
    assert continue_text(predict, "xxH?I", READER, 6, 0, 0) == "jabcde"
    assert continue_text(predict, "xxH?I", READER, 6, 0, 9) == "jabcde"
    assert fed[0][:2] == [7, 8] and np.isnan(fed[0][2:]).all()
    assert fed[1][:3] == [7, 8, 9] and fed[3] == [8, 9, 0, 1]
    assert continue_text(predict, "abcdefg", READER, 0, 0, 0) == ""


def test_seeds_and_temperatures() -> None:
    fed: list[list[float]] = []
    predict = model(next_letter, fed)
    one = continue_text(predict, "a", READER, 300, 1.0, 3)
    assert one == continue_text(predict, "a", READER, 300, 1.0, 3)
    assert one != continue_text(predict, "a", READER, 300, 1.0, 4)

    def share(temperature: float) -> float:
        text = "a" + continue_text(predict, "a", READER, 1500, temperature, 0)
        return float(
            np.mean([(ord(b) - ord(a)) % 10 == 1 for a, b in zip(text, text[1:], strict=False)])
        )

    def expected(temperature: float) -> float:
        weights = np.array([0.64, *[0.04] * 9]) ** (1 / temperature)
        return float(weights[0] / weights.sum())

    for temperature in (0.5, 1.0, 2.0):
        assert share(temperature) == pytest.approx(expected(temperature), abs=0.04)


def test_a_prompt_without_a_known_character() -> None:
    for prompt in ("", "?!"):
        with pytest.raises(DataError, match=r"holds no character .* it has 10, such as a b c"):
            continue_text(model(next_letter, []), prompt, READER, 3, 0, 0)


def test_the_rare_character_is_read_but_not_written() -> None:
    reader = TextReader(alphabet=(*LETTERS[:9], RARE), window=4, stride=4)
    fed: list[list[float]] = []

    def rare(known: list[int]) -> np.ndarray:
        return np.array([0.0] * 8 + [0.1, 0.9])

    for temperature in (0, 1.0, 3.0):
        assert continue_text(model(rare, fed), "aß", reader, 5, temperature, 0) == "iiiii"
    assert fed[0][:2] == [0, 9]


# -- New texts


def test_new_texts_are_read_with_the_alphabet_of_the_old(tmp_path: Path) -> None:
    samples = read(written(tmp_path, draws(1001)), source="text", window=20)
    reader = reader_of(samples)
    text = draws(205, seed=1)
    text = text[:30] + "X" + text[31:]
    new = written(tmp_path, text, "n.txt")
    found = read_labelled(str(new), reader)
    assert found.task == "text" and len(found) == 10
    assert np.isnan(found.inputs[1][10, 0]) and found.targets[1][9] == IGNORED
    assert (found.targets[:] == IGNORED).sum() == 1
    assert found.class_names == samples.class_names
    inputs = read_inputs(str(new), reader)
    assert np.array_equal(inputs.rows[:], found.inputs[:], equal_nan=True)
    assert inputs.names[1] == "from character 21"


def test_the_training_text_is_known_again(tmp_path: Path) -> None:
    settings = config(written(tmp_path, draws(1001)), source="text", window=20)
    data = datasets.load(settings)
    record = json.loads(json.dumps(split_record(data, settings)))
    again = read_labelled(str(tmp_path / "t.txt"), reader_of(data.samples))
    assert trained_on(again, record) == 39
    other = written(tmp_path, draws(1001, seed=2), "o.txt")
    assert trained_on(read_labelled(str(other), reader_of(data.samples)), record) == 0
