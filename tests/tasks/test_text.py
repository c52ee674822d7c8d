"""Bits per character with known probabilities, and the counts that models of text must beat."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.baselines._characters import counted
from mlzoo.data.contracts import task
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.data.text.characters import cut_text
from mlzoo.data.text.reader import TextReader
from mlzoo.evaluating.evaluate import evaluate, write_predictions
from mlzoo.statistics.metrics import values
from mlzoo.tasks.text import TextTally
from tests.scored import scorers_of


def text_data(text: str, alphabet: str, window: int = 4, stride: int = 4, train: int = 3) -> Data:
    reader = TextReader(alphabet=tuple(alphabet), window=window, stride=stride)
    samples = cut_text(text, reader)
    count = len(samples)
    parts = [Part(samples, piece) for piece in np.split(np.arange(count), [train, train])]
    return Data(
        samples, *parts, Inputs((window, 1), "sequence"), Outputs("text", len(alphabet)), "f"
    )


def always(*chances: float):
    """The same probabilities at every step."""
    return lambda x: np.tile(np.array(chances, "float32"), (*x.shape[:2], 1))


def test_bits_are_the_mean_of_minus_log_two() -> None:
    data = text_data("abab" * 5 + "a", "ab")
    result, outcome = evaluate(always(0.25, 0.75), data, "test")
    # As many a's (2 bits each) as b's (0.415 bits each).
    bits = (2 - np.log2(0.75)) / 2
    assert result["metrics"]["bits"] == pytest.approx(bits)
    assert result["metrics"]["perplexity"] == pytest.approx(2**bits)
    assert result["metrics"]["accuracy"] == 0.5
    assert outcome.tally.columns()["bits"] == pytest.approx([4 * bits] * 2)
    assert result["interval_unit"] == "windows"


def test_no_chance_at_all_costs_a_bounded_number_of_bits() -> None:
    data = text_data("a" * 17 + "bbbb", "ab")
    result, _ = evaluate(always(1.0, 0.0), data, "test")
    assert result["metrics"]["bits"] == pytest.approx(0.5 * np.log2(1e7), rel=1e-6)


def test_characters_without_a_code_do_not_count() -> None:
    data = text_data("abab" * 4 + "a??b" + "a", "ab")
    result, outcome = evaluate(always(0.5, 0.5), data, "test")
    assert outcome.tally.columns()["values"] == [4, 2]
    assert result["metrics"]["bits"] == 1


def test_perplexity_is_of_the_mean_not_a_mean_of_windows() -> None:
    tally = TextTally(np.array([4.0, 0.0]), np.array([[0.0], [2.0]]), np.array([2.0, 2.0]))
    assert values(scorers_of("text", tally), 2) == {"bits": 1.0, "perplexity": 2.0, "accuracy": 0.5}
    assert tally.scores().tolist() == [-2, 0]


def test_counts_of_characters_and_pairs() -> None:
    data = text_data("aabaabaabaab" + "abab" * 2 + "a", "ab", train=3)
    # The training split's pairs: aa 4, ab 4, ba 4 with one more each, bb 1.
    single, pairs = counted(data)
    np.testing.assert_allclose(pairs, [[0.5, 0.5], [5 / 6, 1 / 6]])
    np.testing.assert_allclose(single, [10 / 16, 6 / 16])
    result, _ = evaluate(always(0.5, 0.5), data, "test")
    bigram = -(np.log2(0.5) + np.log2(5 / 6)) / 2
    unigram = -(np.log2(10 / 16) + np.log2(6 / 16)) / 2
    assert result["baselines"]["bigram"]["bits"] == pytest.approx(bigram)
    assert result["baselines"]["unigram"]["bits"] == pytest.approx(unigram)
    assert result["gain"]["baseline"] == "bigram" and result["gain"]["value"] < 0
    assert result["gain"]["value"] == pytest.approx(bigram - 1)


def test_windows_that_overlap_are_drawn_again_together() -> None:
    data = text_data("abba" * 30, "ab", window=8, stride=2, train=10)
    result, outcome = evaluate(always(0.5, 0.5), data, "test")
    assert result["interval_unit"] == "blocks of text"
    firsts = data.samples.windows.spans[data.test.indices, 0]
    assert outcome.blocks.tolist() == [str(first // 16) for first in firsts]
    assert result["units"] == len(set(outcome.blocks)) < len(data.test)


def test_sums_of_windows_are_read_back(tmp_path) -> None:
    data = text_data("abba" * 30, "ab", window=8, stride=2, train=10)
    result, outcome = evaluate(always(0.3, 0.7), data, "test")
    write_predictions(tmp_path / "p.csv", outcome, data.samples)
    found = task(data.samples.task).read_predictions(tmp_path / "p.csv")
    bits = found.sums["bits"].sum() / found.sums["values"].sum()
    assert bits == pytest.approx(result["metrics"]["bits"])
    assert found.groups.tolist() == outcome.blocks.tolist()
