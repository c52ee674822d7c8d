"""A packed run answers as `mlzoo predict` does, where mlzoo, Keras and a backend are missing."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from mlzoo.api import load
from mlzoo.core.errors import MlzooError, UsageError
from mlzoo.packing import pack as packing
from mlzoo.packing.pack import pack
from mlzoo.packing.requirements import pinned
from mlzoo.runs import zoo

for library in ("tf2onnx", "onnxruntime", "starlette", "uvicorn"):
    pytest.importorskip(library, reason="pip install 'mlzoo-keras[export,serve]'")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="graphs that are packed are TensorFlow's"
)

BLOCKED = "mlzoo mlzoo_cli tensorflow keras jax cv2 pandas scipy sklearn pydantic".split()
SERVE = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({BLOCKED!r}))
sys.argv = ["served", "--port", "0"]
runpy.run_module("served", run_name="__main__")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CNN on images of 8x8 pixels with values up to 16, packed."""
    output = tmp_path_factory.mktemp("pack") / "digits"
    record = pack(zoo.find("cnn-digits"), output=output)
    assert record["largest"] <= packing.TOLERANCE
    return output


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """The port of the packed server, which runs in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield int(process.stdout.readline().partition("127.0.0.1:")[2].split()[0])
    process.terminate()
    process.wait(20)
    process.stdout.close()


def post(port: int, body: bytes) -> dict[str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/predict", body)
    response = connection.getresponse()
    answer: dict[str, object] = json.loads(response.read())
    assert response.status == 200, answer
    return answer


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size", "mode"),
    [("a.png", (20, 31), "L"), ("b.jpg", (90, 64), "RGB"), ("c.png", (5, 7), "RGBA")],
)
def test_a_packed_server_answers_as_predict_does(
    folder: Path, port: int, tmp_path: Path, name: str, size: tuple[int, int], mode: str
) -> None:
    channels = len(mode) if mode != "L" else 1
    noise = np.random.default_rng(3).integers(0, 256, (*size, channels), dtype=np.uint8)
    Image.fromarray(noise[..., 0] if channels == 1 else noise).save(tmp_path / name)
    expected = load(zoo.find("cnn-digits")).predict(tmp_path / name)
    answer = post(port, (tmp_path / name).read_bytes())
    assert answer["prediction"] == expected.labels[0]
    probabilities = list(dict(answer["probabilities"]).values())  # type: ignore[call-overload]
    np.testing.assert_allclose(probabilities, expected.probabilities[0], atol=1e-5)


@pytest.mark.slow
def test_a_packed_folder_has_what_a_stranger_needs(folder: Path, port: int) -> None:
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"model.onnx", "model.json", "README.md", "Dockerfile", "requirements.txt"} <= files
    assert "mlzoo" not in "".join(p.read_text() for p in (folder / "served").glob("*.py"))
    url = f"http://127.0.0.1:{port}"
    for command in (
        [sys.executable, "examples/predict.py", url],
        ["sh", "examples/predict.sh", url],
    ):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["prediction"] in "0123456789"
    assert f"python:{sys.version_info[0]}.{sys.version_info[1]}-slim" in (
        folder / "Dockerfile"
    ).read_text("utf-8")
    with pytest.raises(UsageError, match="exists already"):
        pack(zoo.find("cnn-digits"), output=folder)


@pytest.mark.slow
def test_a_reader_that_differs_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mirrored(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
        return np.asarray(Image.fromarray(pixels[..., 0]).resize((width, height)))[..., None]

    monkeypatch.setattr("mlzoo.packing.served.images.resize", mirrored)
    run = load(zoo.find("cnn-digits"))
    with pytest.raises(MlzooError, match="its answers differ"):
        packing._compare(run, folder, np.zeros(1))


def test_runs_of_other_kinds_are_refused(tmp_path: Path) -> None:
    for name in ("unet-shapes", "rnn-accelerometer", "conv_lstm-moving-spots"):
        with pytest.raises(UsageError, match=r"can't be packed: only images and tables"):
            pack(zoo.find(name), output=tmp_path / "pack")
    assert not list(tmp_path.iterdir())


def test_what_lies_at_the_output_is_kept(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no packed model"):
        pack(zoo.find("mlp-wine"), output=tmp_path, overwrite=True)


def test_requirements_are_pinned_with_what_they_need() -> None:
    names = [line.partition("==")[0] for line in pinned(images=False)]
    assert {"numpy", "onnxruntime", "starlette", "anyio", "uvicorn", "h11"} <= set(names)
    assert "pillow" not in names and "pillow" in "".join(pinned(images=True))
    assert all("==" in line for line in pinned(images=True))
