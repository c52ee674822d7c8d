"""Folders of WAV files: what is read, and a model that is trained on them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

import mlzoo
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError
from mlzoo.data.decoders.wav import read_wav
from mlzoo.runs import datasets


def _tone(frequency: float, seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    times = np.arange(int(seconds * rate)) / rate
    return 0.5 * np.sin(2 * np.pi * frequency * times) + 0.01 * rng.normal(size=len(times))


def _write(path: Path, samples: np.ndarray, rate: int, dtype: str = "int16") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scale = {"int16": 32767, "int32": 2**31 - 1, "float32": 1}
    values = samples * 127 + 128 if dtype == "uint8" else samples * scale[dtype]
    wavfile.write(path, rate, values.astype(dtype))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
def test_samples_are_read_at_one_rate_and_scale(dtype: str, tmp_path: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(4410) / 44_100)
    stereo = np.stack([tone, tone], axis=1)
    _write(tmp_path / "a.wav", stereo, 44_100, dtype)
    values = read_wav(tmp_path / "a.wav").columns["waveform"]
    assert len(values) == 1600, ".1 s at 16 kHz"
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(1600) / 16_000)
    atol = 0.02 if dtype == "uint8" else 0.005
    np.testing.assert_allclose(values[100:-100], expected[100:-100], atol=atol)


def test_what_is_no_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no sound")
    with pytest.raises(DataError, match="a.wav can't be read as WAV"):
        read_wav(tmp_path / "a.wav")
    _write(tmp_path / "short.wav", np.zeros(100), 16_000)
    with pytest.raises(DataError, match=r"is 0.00625 s long; sounds of 0.025 to 60 s"):
        read_wav(tmp_path / "short.wav")


def test_a_table_beside_the_sounds_gives_their_values(tmp_path: Path) -> None:
    for i in range(12):
        _write(tmp_path / f"clip{i}.wav", _tone(300 + 50 * i, 0.1, 16_000, i), 16_000)
    lines = [f"clip{i}.wav,{300 + 50 * i}" for i in range(12)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,pitch", *lines]))
    data = datasets.load(RunConfig(model="rnn", data=str(tmp_path), target="pitch"))
    assert data.samples.task == "regression" and len(data.samples.targets) == 12
    assert "read at 16,000 samples a second" in " ".join(data.notes)


@pytest.mark.slow
def test_a_model_of_sounds_takes_waveforms(tmp_path: Path) -> None:
    for name, frequency in (("high", 3000), ("low", 300)):
        for i in range(16):
            seconds = 0.1 + 0.01 * (i % 5)
            _write(
                tmp_path / "clips" / name / f"{i}.wav", _tone(frequency, seconds, 22_050, i), 22_050
            )
    fields = {"epochs": 8, "learning_rate": 0.01, "baselines": "none", "pictures": "none"}
    run = mlzoo.train("rnn", str(tmp_path / "clips"), out=str(tmp_path / "runs"), **fields)
    assert run.metrics["test"]["metrics"]["accuracy"] == 1
    _write(tmp_path / "new" / "a.wav", _tone(3000, 0.13, 8000, 99), 8000)
    assert run.predict(tmp_path / "new").to_frame()["prediction"].tolist() == ["high"]
    result = run.explain(method="occlusion", limit=2)
    first = result.explained.explanations[0]
    assert first.x.shape[1] == 40 and first.values.shape[0] == first.x.shape[0]
    assert json.loads((run.path / "data.json").read_text())["reader"]["rate"] == 16_000
