"""What is uploaded is predicted as files are; what is too large or no image is refused."""

from __future__ import annotations

import base64
import io
import math
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

import mlzoo
from mlzoo.api import Run, load
from mlzoo.core.errors import DataError, UsageError
from mlzoo.runs import zoo
from tests.cli.world import mask_folder

pytest.importorskip("fastapi", reason="fastapi is not installed (pip install 'mlzoo-keras[serve]')")
pytest.importorskip("httpx", reason="httpx, which fastapi's test client needs, is not installed")

from fastapi.testclient import TestClient  # noqa: E402

from mlzoo.packing.served.server import Limits  # noqa: E402
from mlzoo.serving.answers import UploadPredictor, data_url  # noqa: E402
from mlzoo.serving.app import create_app  # noqa: E402
from mlzoo.serving.batches import RequestBatcher  # noqa: E402
from mlzoo.serving.explanations import SampleExplainer, TooSlowError  # noqa: E402
from mlzoo.serving.samples import endpoints  # noqa: E402
from tests.browser import Browser, checks, needs_chromium  # noqa: E402
from tests.training.made import LEAN  # noqa: E402

LIMIT = 50_000
RATE = 0.4
"""Rate of false alarms, for which few held-out samples are enough."""


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
    settings: dict[str, Any] = {"set": {"filters": [8], "convolutions": 1}, **LEAN}
    return mlzoo.train("cnn", str(root / "images"), epochs=2, out=str(root), **settings)


@pytest.fixture(scope="module")
def client(run: Run) -> TestClient:
    app = create_app(UploadPredictor(load(run.path), max_pixels=10_000), LIMIT)
    return TestClient(app, base_url="http://localhost")


@pytest.mark.slow
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


@pytest.mark.slow
def test_every_pixel_gets_a_class(tmp_path: Path) -> None:
    mask_folder(tmp_path / "pairs", 24, 24, 31)
    settings: dict[str, Any] = {"set": {"filters": 2, "depth": 1}, "fractions": "30/50/20", **LEAN}
    masks = mlzoo.train("unet", str(tmp_path / "pairs"), epochs=1, out=str(tmp_path), **settings)
    answers = UploadPredictor(masks, unlike=RATE)
    client = TestClient(create_app(answers, LIMIT), base_url="http://localhost")
    image = next((tmp_path / "pairs" / "images").iterdir())
    answer = client.post("/predict", content=image.read_bytes()).json()
    (row,) = answer["predictions"]
    (known,) = masks.masks(image, unlike=RATE)
    assert (row["unlike"], row["unlike_p"]) == (known.unlike, known.unlike_p)
    with ThreadPoolExecutor(4) as pool:
        several = list(pool.map(answers.predict, [image.read_bytes()] * 4))
    assert [each["unlike_p"] for each in several] == [known.unlike_p] * 4
    assert sum(row["probabilities"].values()) == pytest.approx(1)
    assert row["prediction"] == max(row["probabilities"], key=row["probabilities"].get)
    assert answer["map_is"] == "the class of every pixel"
    shown = base64.b64decode(answer["map"].partition(",")[2])
    assert Image.open(io.BytesIO(shown)).size == Image.open(image).size


def test_a_table_is_predicted_row_by_row() -> None:
    wine = load(zoo.find("mlp-wine"))
    client = TestClient(create_app(UploadPredictor(wine), LIMIT), base_url="http://localhost")
    columns = client.get("/run").json()["columns"]
    lines = [",".join(columns), *(",".join([str(value)] * len(columns)) for value in (1, 20))]
    answer = client.post("/predict", content="\n".join(lines).encode()).json()
    assert len(answer["predictions"]) == 2 and "map" not in answer
    assert sum(answer["predictions"][0]["probabilities"].values()) == pytest.approx(1)
    lacking = client.post("/predict", content=b"alcohol\n1\n2\n")
    assert lacking.status_code == 422 and "magnesium" in lacking.json()["error"]


@pytest.fixture(scope="module")
def wine() -> Iterator[TestClient]:
    answers = UploadPredictor(load(zoo.find("mlp-wine")))
    samples = endpoints(answers.run, 10_000, Limits(), explain_seconds=300)
    app = create_app(answers, LIMIT, samples=samples)
    with TestClient(app, base_url="http://localhost") as client:
        yield client


def test_a_row_is_answered_as_a_packed_model_does(wine: TestClient) -> None:
    facts = wine.get("/run").json()
    assert facts["rows"] and set(facts["categories"]) == set(facts["columns"])
    row = {name: 1.5 + i for i, name in enumerate(facts["columns"])}
    table = ",".join(row) + "\n" + ",".join(map(str, row.values()))
    expected = wine.post("/predict", content=table.encode()).json()
    answer = wine.post("/predict", json=row).json()
    both = wine.post("/predict/batch", json={"rows": [row, row]}).json()["predictions"]
    for each in (answer, *both):
        assert each["prediction"] == expected["prediction"]
        assert list(each["probabilities"]) == list(expected["probabilities"])
        said, known = ([*a["probabilities"].values()] for a in (each, expected))
        np.testing.assert_allclose(said, known, atol=1e-6)
    lacking = wine.post("/predict", json={"alcohol": 1})
    assert lacking.status_code == 422 and "the row lacks" in lacking.json()["error"]
    foreign = wine.post("/predict", json=row, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert wine.get("/health").json()["model"] == "mlp-wine"
    counts = wine.get("/metrics").text
    assert 'requests_total{path="/predict",status="200"} 2' in counts, "a file and a row"
    assert 'requests_total{path="/predict/batch",status="200"} 1' in counts
    paths = wine.get("/openapi.json").json()["paths"]
    assert set(paths["/predict"]["post"]["requestBody"]["content"]) == {
        "application/json",
        "text/csv",
    }


ROW = [13.5, 2, 2.4, 18, 100, 2.3, 2, 0.4, 1.6, 5, 1, 2.6, 750]
"""A wine: alcohol, malic acid, ash and so on."""


def test_a_row_is_explained_by_what_each_column_adds(wine: TestClient) -> None:
    known = load(zoo.find("mlp-wine"))
    columns, x = known.record["columns"], np.array([ROW], "float32")
    row = {column["name"]: value for column, value in zip(columns, ROW, strict=True)}
    assert wine.get("/run").json()["explains"]
    answer = wine.post("/explain", json=row).json()
    assert answer["target"] == wine.post("/predict", json=row).json()["prediction"]
    assert answer["method"] == "integrated_gradients"
    expected = known.explain(x, evidence=False).maps["integrated_gradients"]["sample 0"]
    np.testing.assert_allclose(list(answer["contributions"].values()), expected, atol=1e-5)

    means = np.array([known.model.get_layer("scaling").get_config()["mean"]], "float32")
    place = known.record["class_names"].index(answer["target"])
    shares = known.outputs(np.concatenate([x, means]))[:, place].astype("float64")
    odds = np.log(shares / (1 - shares))
    assert sum(answer["contributions"].values()) == pytest.approx(odds[0] - odds[1], rel=0.05)

    other = wine.post("/explain?target=class_2", json=row).json()
    assert other["target"] == "class_2" and other["contributions"] != answer["contributions"]
    unknown = wine.post("/explain?target=class_7", json=row)
    assert unknown.status_code == 422 and "class_7" in unknown.json()["error"]
    assert "/explain" in wine.get("/openapi.json").json()["paths"]


def test_the_class_that_is_decided_for_is_explained() -> None:
    answers = UploadPredictor(load(zoo.find("mlp-wine")))
    samples = endpoints(answers.run, 10_000, Limits(), explain_seconds=300)
    assert samples is not None
    classes = answers.run.record["class_names"]
    costs = {true: {name: float(name != "class_2") for name in classes} for true in classes}
    facts = samples._predictor.facts
    facts["decision"] = {"costs": costs, "positive": None, "threshold": None}
    row = dict(zip(answers.about()["columns"], ROW, strict=True))  # type: ignore[call-overload]
    with TestClient(create_app(answers, LIMIT, samples=samples), "http://localhost") as client:
        assert client.post("/explain", json=row).json()["target"] == "class_2"


def test_classes_may_be_called_like_the_words_of_a_target() -> None:
    explainer = SampleExplainer(UploadPredictor(load(zoo.find("mlp-wine"))).run)
    explainer._subject = replace(explainer._subject, outputs=("true", "predicted", "class_2"))
    place = explainer.position("predicted")
    assert (place, explainer.position(None)) == (1, "predicted")
    assert explainer.explain(np.array([ROW], "float32"), place, math.inf)["target"] == "predicted"


def test_an_explanation_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = UploadPredictor(load(zoo.find("mlp-wine")))
    row = dict(zip(answers.about()["columns"], ROW, strict=True))  # type: ignore[call-overload]
    samples = endpoints(answers.run, 10_000, Limits(), explain_seconds=1e-9)
    app = create_app(answers, LIMIT, samples=samples)
    with TestClient(app, base_url="http://localhost") as client:
        late = client.post("/explain", json=row)
        assert late.status_code == 503 and "--explain-seconds" in late.json()["error"]
        assert client.post("/predict", json=row).status_code == 200, "it serves on"
    clock = iter(range(1000))
    monkeypatch.setattr("mlzoo.serving.explanations.time.monotonic", lambda: next(clock))
    explainer = SampleExplainer(answers.run)
    with pytest.raises(TooSlowError):
        explainer.explain(np.array([ROW], "float32"), "predicted", 5)
    assert next(clock) == 7, "the model is called no more once 5 seconds have passed"
    off = create_app(answers, LIMIT, samples=endpoints(answers.run, 9, Limits(), explain_seconds=0))
    client = TestClient(off, base_url="http://localhost")
    assert not client.get("/run").json()["explains"]
    assert client.post("/explain", json=row).status_code == 404


@pytest.mark.slow
def test_images_together_are_answered_as_each_alone(run: Run) -> None:
    answers = UploadPredictor(load(run.path), maps=False, unlike=RATE)
    app = create_app(answers, LIMIT, samples=endpoints(answers.run, 10_000, Limits(), RATE))
    files = [png(noise(seed, bright)) for seed, bright in ((1, True), (2, False))]
    files.append(png(np.full((16, 16, 3), 255, np.uint8)))
    with TestClient(app, base_url="http://localhost") as client:
        alone = [client.post("/predict", content=file).json() for file in files]
        images = [base64.b64encode(file).decode() for file in files]
        answered = client.post("/predict/batch", json={"images": images}).json()["predictions"]
        why = client.post("/explain", content=files[0]).json()
    assert (why["target"], why["method"]) == (alone[0]["prediction"], "gradcam")
    assert why["map"].startswith("data:image/png;base64,") and why["map"] != why["picture"]
    for one, other in zip(alone, answered, strict=True):
        assert one["prediction"] == other["prediction"]
        said, known = ([*a["probabilities"].values()] for a in (other, one))
        np.testing.assert_allclose(said, known, atol=1e-5)
        assert (one["unlike"], one["unlike_p"]) == (other["unlike"], other["unlike_p"])
    assert answered[-1]["unlike"] and answered[-1]["unlike_p"] <= RATE
    assert not all(each["unlike"] for each in answered), "noise as in training"


def test_what_no_file_holds_is_not_served(run: Run) -> None:
    other = load(run.path)
    other.record["task"] = "text"
    with pytest.raises(UsageError, match="can't be served"):
        UploadPredictor(other)


# -- Other origins, slow and vanishing clients, many at once


class Slow:
    """UploadPredictor without a run."""

    def predict(self, body: bytes) -> dict[str, Any]:
        if body == b"fails":
            raise RuntimeError("never mind")
        return {"predictions": [{"name": "", "prediction": len(body)}], "warnings": []}

    def about(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://localhost:8000", 200),
        ("http://localhost", 403),
        ("http://localhost:3000", 403),
        ("https://localhost:8000", 403),
        ("http://127.0.0.1:8000", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_only_the_page_itself_may_post(origin: str | None, status: int) -> None:
    client = TestClient(create_app(Slow(), LIMIT), base_url="http://localhost:8000")  # type: ignore[arg-type]
    headers = {} if origin is None else {"Origin": origin}
    answer = client.post("/predict", content=b"x", headers=headers)
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["referrer-policy"] == "same-origin"


def test_what_fails_inside_is_told_without_a_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    client = TestClient(create_app(Slow(), LIMIT), base_url="http://localhost")  # type: ignore[arg-type]
    answer = client.post("/predict", content=b"fails")
    assert answer.status_code == 500 and "RuntimeError" in answer.json()["error"]
    assert "never mind" not in answer.text and "Traceback" not in capfd.readouterr().err


@contextmanager
def running(app: Any) -> Iterator[tuple[str, int]]:
    """A server in a thread of its own, and its address."""
    uvicorn = pytest.importorskip("uvicorn")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """A real server that waits .3 seconds for an upload."""
    with running(create_app(Slow(), LIMIT, timeout=0.3)) as where:  # type: ignore[arg-type]
        yield where


HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"


def test_slow_clients_are_let_go(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=5) as client:
        client.sendall(HEAD + b"some")
        answer = b""
        while piece := client.recv(4096):  # until the server closes the connection
            answer += piece
    assert answer.startswith(b"HTTP/1.1 408") and b"--timeout" in answer


def test_clients_that_vanish_leave_no_traceback(
    address: tuple[str, int], capfd: pytest.CaptureFixture[str]
) -> None:
    for sent in (HEAD + b"some", HEAD + b"x" * 100, HEAD[:20], b"\x00\xff\r\n\r\n"):
        with socket.create_connection(address, timeout=5) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(sent)
    with socket.create_connection(address, timeout=5) as client:
        client.sendall(HEAD + b"x" * 100)
        assert client.recv(4096).startswith(b"HTTP/1.1 200"), "it serves on"
    assert "Traceback" not in capfd.readouterr().err


def test_inputs_that_wait_together_go_through_the_model_together() -> None:
    calls: list[int] = []
    begun, go = threading.Event(), threading.Event()

    def model(x: np.ndarray) -> np.ndarray:
        calls.append(len(x))
        begun.set()
        go.wait(5)
        if (x < 0).any():
            raise ValueError("negative")
        return 2 * x

    batches = RequestBatcher(model)
    inputs = [np.full((1 + i % 2, 3), i) for i in range(8)] + [np.zeros((1, 5), int)]
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(batches, np.full((1, 3), 9))
        begun.wait(5)
        rest = [pool.submit(batches, x) for x in inputs]
        while len(batches._waiting) < len(inputs):
            time.sleep(0.001)
        go.set()
        for x, found in zip(inputs, rest, strict=True):
            np.testing.assert_array_equal(found.result(5), 2 * x)
        np.testing.assert_array_equal(first.result(5), np.full((1, 3), 18))
        assert sorted(calls) == [1, 1, 12], "one call for all of a shape"
        begun.clear(), go.clear(), calls.clear()
        first = pool.submit(batches, np.ones((1, 3)))
        begun.wait(5)
        pair = [pool.submit(batches, np.full((1, 3), float(v))) for v in (-1, 4)]
        while len(batches._waiting) < 2:
            time.sleep(0.001)
        go.set()
        with pytest.raises(ValueError, match="negative"):
            pair[0].result(5)
        assert pair[1].result(5)[0, 0] == 8, "another's fault is not its own"


def test_answers_are_bounded() -> None:
    wine = UploadPredictor(load(zoo.find("mlp-wine")), max_rows=3)
    columns = wine.about()["columns"]
    line = ",".join(["1"] * len(columns))
    body = "\n".join([",".join(columns), *[line] * 3]).encode()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(wine.predict, [body] * 4))
    said = [[list(r["probabilities"].values()) for r in a["predictions"]] for a in answers]
    assert np.shape(said) == (4, 3, 3)
    np.testing.assert_allclose(said, np.broadcast_to(said[0], (4, 3, 3)), atol=1e-6)
    for end in (b"\n", b"\r"):
        with pytest.raises(DataError, match="more than 3 rows"):
            wine.predict(body.replace(b"\n", end) + (end + line.encode()) * 2)
    with pytest.raises(DataError) as wide:
        wine.predict(b",".join(b"column%d" % i for i in range(8_000)) + b"\n")
    assert len(str(wide.value)) <= 1000
    url = data_url(np.zeros((2000, 4000, 3)))
    assert Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size == (1600, 800)


@needs_chromium
def test_one_row_can_be_filled_in() -> None:
    answers = UploadPredictor(load(zoo.find("mlp-wine")))
    samples = endpoints(answers.run, 10_000, Limits(), explain_seconds=300)
    app = create_app(answers, LIMIT, samples=samples)
    explained = "new Promise(d => setInterval(() => document.querySelector('#why tr') && d(1), 20))"
    filled = "new Promise(d => setInterval(() => at('form').children.length > 3 && d(1), 20))"
    shown = "new Promise(d => setInterval(() => at('result').textContent && d(1), 20))"
    with running(app) as (_, port), Browser() as browser:
        for width, dark in ((390, False), (1280, True)):
            browser.open(f"http://localhost:{port}/", width=width, dark=dark)
            browser.run(filled)
            assert browser.run("at('row').open"), "13 columns are shown at once"
            assert browser.run("/accuracy [.0-9]+, 95 % interval /.test(at('about').textContent)")
            browser.run(
                "(i => { i.value = '13.5'; i.form.requestSubmit(); })"
                "(document.querySelector('#form input'))"
            )
            browser.run(shown)
            assert browser.run("document.querySelectorAll('#result meter').length") == 3
            browser.run(explained)
            lines = browser.run("[...document.querySelectorAll('#why tr')].map(r => r.innerText)")
            assert len(lines) == 13 and any(line.startswith("alcohol = 13.5\t") for line in lines)
            assert "log-odds of class_" in browser.run("at('why').innerText")
            sizes = "[...document.querySelectorAll('.bar i')].map(i => parseFloat(i.style.width))"
            assert browser.run(sizes) == sorted(browser.run(sizes), reverse=True)
            browser.run(checks())
            assert browser.run("document.documentElement.scrollWidth") <= width
            assert browser.run("serious()") == browser.run("nameless()") == []
            assert browser.complaints == []


@pytest.mark.slow
def test_the_command_prints_its_address_alone() -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "GRPC_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "mlzoo", "serve", str(zoo.find("mlp-wine")), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert first.startswith("http://localhost:"), first
        with urlopen(first.split()[0], timeout=120) as page:  # waits until the server runs
            assert page.status == 200
    finally:
        process.terminate()
        rest, _ = process.communicate(timeout=60)
    assert rest in ("", "stopped; run the same command again\n"), first + rest
