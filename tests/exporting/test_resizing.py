"""Images of any size in an exported graph: the answers are those for their files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import mlzoo
from mlzoo.core.errors import UsageError
from mlzoo.data.inputs import read_inputs
from mlzoo.exporting.export import check, export
from mlzoo.formats._resizing import resized
from mlzoo.packing.served.resizing import resize
from tests.training.made import LEAN

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="graphs that are exported are TensorFlow's"
)
SIZES = [(12, 16), (24, 32), (36, 48), (12, 64), (30, 41), (9, 13), (40, 10), (7, 40), (1, 1)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_pixels_are_resized_as_opencv_does(size: tuple[int, int], channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*size, channels), dtype=np.uint8)
    exact = resize(pixels, 12, 16).astype(int)
    given = np.asarray(resized(pixels[None], 12, 16))[0].astype(int)
    assert given.shape == (12, 16, channels)
    # Sums in another order may round a value between two to the other one.
    assert np.abs(given - exact).max() <= (1 if size == (30, 41) else 0)
    assert (given != exact).mean() < 0.01


@pytest.mark.slow
def test_a_graph_answers_for_a_file_as_the_run_does(tmp_path: Path) -> None:
    if importlib.util.find_spec("tf2onnx") is None:
        pytest.skip("tf2onnx is not installed (pip install 'mlzoo-keras[export]')")
    import onnxruntime

    random = np.random.default_rng(0)
    for index in range(24):
        folder = tmp_path / "images" / "ab"[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 128, (12, 16, 3), dtype=np.uint8) + 127 * (index % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{index}.png")
    data, out = str(tmp_path / "images"), str(tmp_path)
    run = mlzoo.train("mlp", data, epochs=2, set={"hidden": [4]}, out=out, **LEAN)
    record = export(run, "onnx", output=tmp_path / "onnx", resize=True)
    assert record["input"]["shape"] == [None, None, None, 3]
    assert record["input"]["resized_to"] == [12, 16]
    session = onnxruntime.InferenceSession(str(tmp_path / "onnx" / record["file"]))
    for size in [(50, 37), (24, 32), (9, 13)]:
        pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        path = tmp_path / "new.png"
        Image.fromarray(pixels).save(path)
        with Image.open(path) as image:
            fed = np.asarray(image)[None]
        expected = np.asarray(run.outputs(np.asarray(read_inputs(str(path), run.reader).rows)))
        np.testing.assert_allclose(session.run(None, {"input": fed})[0], expected, atol=1e-4)


def test_only_formats_and_runs_of_images_are_resized(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--resize: has no effect on --format keras; it is for on"):
        check("keras", resize=True)
