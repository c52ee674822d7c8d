"""Texts that are turned into texts: pairs, codes, decoding with attention, scores."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.contracts import task
from mlzoo.data.inputs import read_inputs, read_labelled
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.data.specs import IGNORED, Inputs, Outputs
from mlzoo.data.text.pairs import source_text, target_text
from mlzoo.evaluating.evaluate import evaluate, write_predictions
from mlzoo.layers.attention_decoder import attention_of
from mlzoo.layers.input_scaling import input_spec
from mlzoo.sources._dates import dates
from mlzoo.statistics.metrics import scorers, values
from mlzoo.statistics.steps import edit_distance
from mlzoo.tasks.translation import predicted_texts, tally
from tests.data.pictures import config

DATES = {"source_set": {"samples": 40}}


def table(folder: Path, rows: list[tuple[str, str]], header: str = "words\tiso") -> Path:
    path = folder / "pairs.tsv"
    header += "\tmore" * ("\t" in rows[0][1])
    path.write_text("\n".join([header, *("\t".join(row) for row in rows)]) + "\n", "utf-8")
    return path


def pairs(count: int = 30) -> list[tuple[str, str]]:
    return list(zip(*dates(count, np.random.default_rng(1)), strict=True))


def split(samples: Samples) -> Data:
    cuts = np.split(np.arange(len(samples)), (24, 32))
    parts = [Part(samples, piece) for piece in cuts]
    outputs = task("translation").output_spec(parts[0])
    return Data(samples, *parts, Inputs(samples.inputs.shape[1:], "sequence"), outputs, "f")


def test_dates_in_words_are_the_same_days() -> None:
    words, iso = dates(200, np.random.default_rng(0))
    assert len({*iso}) == 200
    for text, day in zip(words, iso, strict=True):
        year, _, number = day.split("-")
        assert year in text and str(int(number)) in text
    assert any("2nd" in text for text in words) and not any("12nd" in text for text in words)


def test_two_columns_of_texts_that_hardly_repeat_are_pairs(tmp_path: Path) -> None:
    samples = loading.read(config(table(tmp_path, pairs())))
    assert samples.task == "translation" and samples.target_names == ("iso",)
    assert samples.class_names[-1] == "end" and samples.targets.shape == (30, 11)
    for (words, iso), x, y in zip(pairs(), samples.inputs, samples.targets, strict=True):
        assert (
            source_text(x, samples.reader) == words
            and target_text(y, samples.reader.alphabet) == iso
        )
    few = [("ab"[i % 2], "cd"[i % 3 % 2]) for i in range(30)]
    labels = table(tmp_path, few)
    assert loading.read(config(labels)).task == "classification"
    numbers = table(tmp_path, [(f"{i}", f"{i / 7:.3f}") for i in range(30)])
    assert loading.read(config(numbers)).task == "regression"
    path = table(tmp_path, pairs())
    said = loading.read(config(path, task="translation", target="words"))
    assert said.reader.columns == ("iso", "words") and (said.targets == IGNORED).any()


@pytest.mark.parametrize(
    ("rows", "fields", "error", "message"),
    [
        ([("a", "b"), ("c", "")], {}, DataError, "column 'iso' is empty in row 2"),
        ([("a", "b" * 200)], {}, DataError, "a decoder takes at most 199"),
        ([("a", "b\tc"), ("d", "e\tf")], {}, DataError, "needs a table of two columns of text"),
        (pairs(), {"target": "day"}, UsageError, "no column 'day'; there are words and iso"),
        (pairs(), {"group_by": "iso"}, UsageError, "--group-by: has no effect on translation"),
    ],
)
def test_what_can_be_no_pairs(
    tmp_path: Path,
    rows: list[tuple[str, str]],
    fields: dict[str, str],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        loading.read(config(table(tmp_path, rows), task="translation", **fields))


def test_new_texts(tmp_path: Path) -> None:
    reader = loading.read(config(table(tmp_path, pairs()))).reader
    one = read_inputs("3 May 1977", reader)
    assert one.names == ["3 May 1977"] and source_text(one.rows[0], reader) == "3 May 1977"
    (tmp_path / "new.txt").write_text("4 May 1988\n\n5 May § 1999\n", "utf-8")
    lines = read_inputs(str(tmp_path / "new.txt"), reader)
    assert lines.names == ["line 1", "line 2"] and "§: left out" in lines.warnings[0]
    assert len(read_inputs(str(tmp_path / "pairs.tsv"), reader)) == 30
    assert read_labelled(str(tmp_path / "pairs.tsv"), reader).targets.shape == (30, 11)
    with pytest.raises(DataError, match="holds no character that the model knows"):
        read_inputs("§§", reader)


def test_scores_by_hand() -> None:
    assert edit_distance("kitten", "sitting") == 3
    counts = tally(["a", "b"], ["1977-05-03", "99"], ["1977-05-03", "9"])
    assert counts.edits.tolist() == [0, 1]
    found = values(scorers(("exact_match", "character_error_rate"), counts), 2)
    assert found == {"exact_match": 0.5, "character_error_rate": pytest.approx(1 / 12)}


def test_predictions_beside_the_baselines(tmp_path: Path) -> None:
    data = split(loading.read(config("dates", **DATES)))
    targets = data.test.targets

    def predict(x: np.ndarray) -> np.ndarray:
        return np.eye(12, dtype="float32")[np.where(targets == IGNORED, 0, targets)]

    result, outcome = evaluate(predict, data, "test")
    assert result["metrics"] == {"exact_match": 1, "character_error_rate": 0}
    assert list(result["baselines"]) == ["copy", "nearest_pair"]
    copied, nearest = (each["character_error_rate"] for each in result["baselines"].values())
    assert copied > 1 > nearest > 0.2
    write_predictions(tmp_path / "p.csv", outcome, data.samples)
    saved = task("translation").read_predictions(tmp_path / "p.csv")
    assert saved.scorer("exact_match")(np.ones((1, 8))).tolist() == [1]


def model(teacher: bool = True) -> tuple[keras.Model, Samples]:
    samples = loading.read(config("dates", **DATES))
    plugin = registry.load("model", "seq2seq")
    settings = plugin.Config(units=8, embedding=4, teacher_forcing=teacher)
    inputs = input_spec(Part(samples, np.arange(40)))
    keras.utils.set_random_seed(0)
    return plugin.build(settings, inputs, Outputs("translation", 12, shape=(11,))), samples


def test_a_taught_decoder_sees_what_came_before_and_no_more() -> None:
    network, samples = model()
    x, y = samples.inputs[:2], samples.targets[:2].astype("float32")
    taught = network.twin.model
    before = keras.ops.convert_to_numpy(taught([x, y]))
    changed = y.copy()
    changed[:, 4] = (changed[:, 4] + 1) % 10
    after = keras.ops.convert_to_numpy(taught([x, changed]))
    np.testing.assert_allclose(before[:, :5], after[:, :5], atol=1e-6)
    assert np.abs(before[:, 5] - after[:, 5]).max() > 1e-4
    # Taught its own choices, it is the decoder that is fed them.
    own = keras.ops.convert_to_numpy(network(x))
    again = keras.ops.convert_to_numpy(taught([x, own.argmax(axis=-1).astype("float32")]))
    np.testing.assert_allclose(own, again, atol=1e-5)
    assert model(teacher=False)[0].__dict__.get("twin") is None


def test_padding_of_sources_changes_nothing_and_gets_no_attention() -> None:
    network, samples = model()
    x = samples.inputs[:1]
    length = int((~np.isnan(x)).sum())
    longer = np.concatenate([x, np.full((1, 5, 1), np.nan, "float32")], axis=1)
    first, second = (keras.ops.convert_to_numpy(network(each)) for each in (x[:, :length], longer))
    np.testing.assert_allclose(first, second, atol=1e-5)
    weights = attention_of(network, longer)
    assert weights.shape == (1, 11, longer.shape[1])
    np.testing.assert_allclose(weights[..., :length].sum(axis=-1), 1, atol=1e-5)
    texts = predicted_texts(
        lambda each: keras.ops.convert_to_numpy(network(each)), x, samples.reader.alphabet
    )
    assert len(texts) == 1
