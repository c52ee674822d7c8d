"""What is uploaded is predicted as files are; what is too large or no image is refused."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mlzoo
from mlzoo import zoo
from mlzoo.errors import UsageError
from mlzoo.trained import Run, load
from tests.cli.world import mask_folder

pytest.importorskip("fastapi", reason="fastapi is not installed (pip install 'mlzoo[serve]')")
pytest.importorskip("httpx", reason="httpx, which fastapi's test client needs, is not installed")

from fastapi.testclient import TestClient  # noqa: E402

from mlzoo.serving.answers import Answers  # noqa: E402
from mlzoo.serving.app import create_app  # noqa: E402

LIMIT = 50_000


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def noise(seed: int, bright: bool) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 90, (16, 16, 3), dtype=np.uint8)
    image[4:12, 4:12] += np.uint8(150 * bright)
    return image


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("serving")
    for name, bright in (("dark", False), ("light", True)):
        (root / "images" / name).mkdir(parents=True)
        for seed in range(12):
            path = root / "images" / name / f"{seed}.png"
            path.write_bytes(png(noise(2 * seed + bright, bright)))
    settings: dict[str, Any] = {"filters": [8], "convolutions": 1}
    return mlzoo.train("cnn", str(root / "images"), epochs=2, out=str(root), set=settings)


@pytest.fixture(scope="module")
def client(run: Run) -> TestClient:
    app = create_app(Answers(load(run.path), max_pixels=10_000), LIMIT)
    return TestClient(app, base_url="http://localhost")


def test_an_upload_is_predicted_as_a_file_is(client: TestClient, run: Run, tmp_path: Path) -> None:
    (tmp_path / "new.png").write_bytes(png(noise(99, True)))
    expected = run.predict(tmp_path / "new.png")
    answer = client.post("/predict", content=png(noise(99, True)))
    assert answer.status_code == 200
    (row,) = answer.json()["predictions"]
    assert row["prediction"] == expected.labels[0]
    said = list(row["probabilities"].values())
    np.testing.assert_allclose(said, expected.probabilities[0], atol=1e-6)
    assert answer.json()["map"].startswith("data:image/png;base64,")
    assert "Grad-CAM" in answer.json()["map_is"]


def test_the_page_asks_nobody_else(client: TestClient) -> None:
    page = client.get("/")
    assert (
        page.status_code == 200 and "connect-src 'self'" in page.headers["content-security-policy"]
    )
    assert "http://" not in page.text and "https://" not in page.text
    assert client.get("/run").json()["classes"] == ["dark", "light"]
    assert client.get("/docs").status_code == 404


def bomb() -> bytes:
    """A PNG that says it has 3.6 thousand million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    size = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 422, "empty"),
        (b"hello", 422, "no image"),
        (b"\x89PNG\r\n broken", 422, "upload"),
        (b"../../etc/passwd", 422, "no image"),
        (bomb(), 422, "pixels"),
        (png(np.zeros((200, 200, 3), np.uint8)), 422, "pixels"),
        (b"\x89PNG" + bytes(LIMIT), 413, "larger than 0.05 MB"),
    ],
)
def test_what_can_not_be_read_is_refused(
    client: TestClient, body: bytes, status: int, reason: str
) -> None:
    answer = client.post("/predict", content=body)
    assert answer.status_code == status
    assert reason in answer.json()["error"]
    assert "/tmp" not in answer.json()["error"]


def test_a_body_without_a_length_is_cut_off(client: TestClient) -> None:
    pieces = (b"\x89PNG" + bytes(10_000) for _ in range(20))
    assert client.post("/predict", content=pieces).status_code == 413


def test_other_hosts_are_not_answered(client: TestClient) -> None:
    answer = client.get("/run", headers={"host": "evil.example"})
    assert answer.status_code == 400


def test_every_pixel_gets_a_class(tmp_path: Path) -> None:
    mask_folder(tmp_path / "pairs", 15, 24, 31)
    settings = {"filters": 2, "depth": 1}
    masks = mlzoo.train("unet", str(tmp_path / "pairs"), epochs=1, out=str(tmp_path), set=settings)
    client = TestClient(create_app(Answers(masks), LIMIT), base_url="http://localhost")
    image = next((tmp_path / "pairs" / "images").iterdir())
    answer = client.post("/predict", content=image.read_bytes()).json()
    (row,) = answer["predictions"]
    assert sum(row["probabilities"].values()) == pytest.approx(1)
    assert row["prediction"] == max(row["probabilities"], key=row["probabilities"].get)
    assert answer["map_is"] == "the class of every pixel"
    shown = base64.b64decode(answer["map"].partition(",")[2])
    assert Image.open(io.BytesIO(shown)).size == Image.open(image).size


def test_a_table_is_predicted_row_by_row() -> None:
    wine = load(zoo.find("mlp-wine"))
    client = TestClient(create_app(Answers(wine), LIMIT), base_url="http://localhost")
    columns = client.get("/run").json()["columns"]
    lines = [",".join(columns), *(",".join([str(value)] * len(columns)) for value in (1, 20))]
    answer = client.post("/predict", content="\n".join(lines).encode()).json()
    assert len(answer["predictions"]) == 2 and "map" not in answer
    assert sum(answer["predictions"][0]["probabilities"].values()) == pytest.approx(1)
    lacking = client.post("/predict", content=b"alcohol\n1\n2\n")
    assert lacking.status_code == 422 and "magnesium" in lacking.json()["error"]


def test_what_no_file_holds_is_not_served(run: Run) -> None:
    other = load(run.path)
    other.record["task"] = "text"
    with pytest.raises(UsageError, match="can't be served"):
        Answers(other)
