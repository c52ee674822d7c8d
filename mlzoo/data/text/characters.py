"""Texts as codes of characters: windows for training, and writing on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.samples import Samples
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.sequences.windows import Windows
from mlzoo.data.specs import IGNORED
from mlzoo.data.tables.tables import decode
from mlzoo.data.text.reader import TextReader

RARE = "\ufffd"
"""Stands for characters without a code of their own."""
_SHORTEST = 200


def read_text(path: Path) -> str:
    """A file's text, with one kind of line end. Raises DataError where there is too little."""
    if path.is_dir():
        raise DataError(f"{path} is a folder; give one text file")
    text = decode(path)[0].replace("\r\n", "\n").replace("\r", "\n")
    if len(text) < _SHORTEST:
        raise DataError(
            f"{path} has {len(text)} characters, but at least {_SHORTEST} are needed; give more "
            "text"
        )
    if len(set(text)) < 2:
        raise DataError(f"{path} holds {text[0]!r} only; give a text of different characters")
    return text


def alphabet_of(text: str) -> tuple[list[str], int]:
    """The characters with a code, sorted, and how many different rare ones share the last."""
    counts = Counter(text)
    if len(counts) < IGNORED:
        return sorted(counts), 0
    kept = [character for character, _ in counts.most_common(IGNORED - 2)]
    return [*sorted(kept), RARE], len(counts) - len(kept)


def encode(text: str, reader: TextReader) -> np.ndarray:
    """Codes (characters,) uint8; `IGNORED` for those that the alphabet lacks."""
    alphabet = reader.alphabet
    place = {character: code for code, character in enumerate(alphabet)}
    other = place.get(RARE, IGNORED)
    text = text.lower() if reader.lower else text
    return np.array([place.get(character, other) for character in text], dtype=np.uint8)


def unknown_characters(text: str, reader: TextReader) -> list[str]:
    """The characters of a text that the alphabet lacks, which are read over, each once."""
    characters = sorted(set(text.lower() if reader.lower else text))
    return [character for character in characters if encode(character, reader)[0] == IGNORED]


def cut_text(text: str, reader: TextReader) -> Samples:
    """Windows of a text, in order, each with the characters that are one further.

    Raises:
        DataError: the text is shorter than a window.
    """
    codes = encode(text, reader)
    window, stride = reader.window, reader.stride
    starts = np.arange(0, len(codes) - window, stride)
    if not len(starts):
        raise DataError(
            f"the text has {len(codes)} characters, but a window and the character after it take "
            f"{window + 1}; give more text, or train with a shorter --window"
        )
    lengths = np.full(len(starts), window)
    numbers = codes.astype(np.float32)[:, None]
    numbers[codes == IGNORED] = np.nan
    inputs = Sequences(numbers, starts, lengths)
    targets = Sequences(codes, starts + 1, lengths)
    labels = np.array([f"character {i + 1}" for i in range(len(codes))], dtype=object)
    return Samples(
        inputs=inputs,
        targets=targets,
        task="text",
        kind="sequence",
        class_names=tuple(map(shown, reader.alphabet)),
        target_names=("next",),
        names=[f"from character {start + 1}" for start in starts.tolist()],
        hashes=inputs.digests(),
        target_hashes=targets.digests(),
        windows=Windows(np.stack([starts, starts + window + 1], axis=1), starts, 1, labels),
        reader=reader,
    )


def shown(character: str) -> str:
    """A character as a name: spaces and line ends are spelled out."""
    return {" ": "space", "\n": "newline", "\t": "tab"}.get(character, character)


def continue_text(
    predict: Callable[[np.ndarray], np.ndarray],
    prompt: str,
    reader: TextReader,
    length: int,
    temperature: float,
    seed: int,
) -> str:
    """Text that a model writes after a prompt.

    Args:
        predict: from codes (1, window, 1) to probabilities (1, window, characters).
        prompt: what to go on from; its last window is read.
        reader: `Samples.reader` of the training text.
        length: characters to write.
        temperature: 0 takes the likeliest character; 1 draws from the probabilities p, other
            values from p^(1 / temperature), scaled.
        seed: decides what is drawn.

    Raises:
        DataError: the prompt holds no character that the model knows.
    """
    random = np.random.default_rng(seed)
    codes = [code for code in encode(prompt, reader).tolist() if code != IGNORED]
    window, alphabet = reader.window, reader.alphabet
    if not codes:
        raise DataError(
            f"the text to go on from, {prompt[:40]!r}, holds no character that the model knows; it "
            f"has {len(alphabet)}, such as {' '.join(map(shown, alphabet[:20]))}"
        )
    drawable = np.array([character != RARE for character in alphabet])
    written = []
    for _ in range(length):
        last = codes[-window:]
        fed = np.full((1, window, 1), np.nan, dtype=np.float32)
        fed[0, : len(last), 0] = last
        chances = np.asarray(predict(fed))[0, len(last) - 1].astype("float64") * drawable
        code = _draw(chances, temperature, random)
        codes.append(code)
        written.append(alphabet[code])
    return "".join(written)


def _draw(chances: np.ndarray, temperature: float, random: np.random.Generator) -> int:
    if temperature == 0:
        return int(chances.argmax())
    logits = np.log(np.maximum(chances, 1e-30)) / temperature
    weights = np.exp(logits - logits.max())
    return int(random.choice(len(weights), p=weights / weights.sum()))
