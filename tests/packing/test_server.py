"""The packed server: answers, refusals, limits, counts and batches."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="pip install 'mlzoo-keras[export,serve]'")
pytest.importorskip("onnxruntime", reason="pip install 'mlzoo-keras[export,serve]'")
pytest.importorskip("httpx", reason="Starlette's test client needs httpx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from starlette.testclient import TestClient  # noqa: E402

from mlzoo.packing.openapi import description  # noqa: E402
from mlzoo.packing.served.batching import Batcher  # noqa: E402
from mlzoo.packing.served.server import Limits, create_app  # noqa: E402

COLUMNS = [{"name": "a", "categories": []}, {"name": "b", "categories": ["no", "yes"]}]


def packed(folder: Path, units: int, classes: list[str], targets: list[str]) -> Path:
    """A folder whose model gives a + b, a + 2b, ..."""
    weights = np.array([[1.0] * units, [1.0 + i for i in range(units)]], np.float32)
    float32 = TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "sums",
        [helper.make_tensor_value_info("x", float32, [None, 2])],
        [helper.make_tensor_value_info("y", float32, [None, units])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "model.onnx")
    facts = {"name": "sums", "model": "linear", "task": "regression", "kind": "table"}
    facts |= {"digest": "0123456789abcdef"}
    facts |= {"classes": classes, "targets": targets, "columns": COLUMNS}  # type: ignore[dict-item]
    (folder / "model.json").write_text(json.dumps(facts))
    (folder / "openapi.json").write_text(json.dumps(description(facts, {"a": 1, "b": "no"})))
    return folder


def client(folder: Path, token: str = "", **limits: Any) -> TestClient:
    return TestClient(create_app(folder, Limits(**limits), token), base_url="http://localhost")


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    return packed(tmp_path, 2, [], ["first", "second"])


def test_rows_are_answered_alone_and_together(sums: Path) -> None:
    server = client(sums)
    answer = server.post("/predict", json={"a": 3, "b": "yes"})
    assert answer.json() == {"prediction": {"first": 4.0, "second": 5.0}, "warnings": []}
    rows = [{"a": 3, "b": "yes"}, {"a": 0.5, "b": "maybe"}]
    first, second = server.post("/predict/batch", json={"rows": rows}).json()["predictions"]
    assert first == answer.json()
    assert second["prediction"] == {"first": -0.5, "second": -1.5}
    assert "'maybe' did not occur" in second["warnings"][0]


def test_one_probability_is_of_the_second_of_two_classes(tmp_path: Path) -> None:
    server = client(packed(tmp_path, 1, ["bad", "good"], ["quality"]))
    answer = server.post("/predict", json={"a": -0.25, "b": "yes"}).json()
    assert answer["prediction"] == "good"
    assert answer["probabilities"] == {"bad": 0.25, "good": 0.75}


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/predict", b"{", 400, "no JSON"),
        ("/predict", b'{"a": 1}', 422, "lacks 'b'"),
        ("/predict", b'{"a": "x", "b": null}', 422, "takes numbers"),
        ("/predict", b'{"a": NaN, "b": null, "c": "' + b"x" * 2000 + b'"}', 413, "larger than"),
        ("/predict/batch", b'{"rows": []}', 422, "at least one"),
        ("/predict/batch", b"[1]", 422, "at least one"),
        ("/predict/batch", b'{"rows": [{"a": 1, "b": "no"}, 5]}', 422, r"rows\[1\]: a row is"),
        ("/predict/batch", b'{"rows": [1, 2, 3]}', 413, "3 rows are more than the limit of 2"),
    ],
)
def test_bad_requests_are_refused_with_a_reason(
    sums: Path, path: str, body: bytes, status: int, message: str
) -> None:
    server = client(sums, megabytes=0.001, samples=2)
    answer = server.post(path, content=body)
    assert answer.status_code == status
    assert re.search(message, answer.json()["error"])
    assert server.post("/predict", json={"a": 3, "b": "yes"}).status_code == 200


def test_a_token_is_asked_for_everywhere_but_of_health(sums: Path) -> None:
    server = client(sums, token="secret")
    row = {"a": 3, "b": "yes"}
    for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer sécret"}):
        headers = {name: value.encode("utf-8") for name, value in given.items()}
        assert server.post("/predict", json=row, headers=headers).status_code == 401
        assert server.get("/metrics", headers=headers).status_code == 401
    right = {"Authorization": "Bearer secret"}
    assert server.post("/predict", json=row, headers=right).status_code == 200
    assert server.get("/health").json() == {
        "status": "ok", "model": "sums", "digest": "0123456789abcdef",
    }  # fmt: skip


def test_pages_of_other_sites_are_refused(sums: Path) -> None:
    server, row = client(sums), {"a": 3, "b": "yes"}
    assert server.post("/predict", json=row, headers={"Origin": "http://evil"}).status_code == 403
    own = {"Origin": "http://localhost"}
    assert server.post("/predict", json=row, headers=own).status_code == 200
    assert server.get("/health", headers={"Host": "evil"}).status_code == 400


def test_too_many_requests_are_sent_away(sums: Path) -> None:
    answer = client(sums, waiting=0).post("/predict", json={"a": 3, "b": "yes"})
    assert answer.status_code == 503 and answer.headers["retry-after"] == "1"


def test_requests_are_counted(sums: Path) -> None:
    server = client(sums)
    server.post("/predict", json={"a": 3, "b": "yes"})
    server.post("/predict", content=b"{")
    text = server.get("/metrics").text
    assert 'requests_total{path="/predict",status="200"} 1' in text
    assert 'requests_total{path="/predict",status="400"} 1' in text
    assert "request_seconds_count 2" in text and 'batch_samples_bucket{le="1"} 1' in text
    assert "requests_in_flight 0" in text


def test_the_description_names_every_path_and_column(sums: Path) -> None:
    document = client(sums).get("/openapi.json").json()
    assert set(document["paths"]) == {"/predict", "/predict/batch", "/health", "/metrics"}
    row = document["components"]["schemas"]["Row"]
    assert row["required"] == ["a", "b"] and row["properties"]["b"]["examples"] == ["no", "yes"]


def test_requests_that_wait_share_a_call() -> None:
    sizes: list[int] = []
    free = threading.Event()

    def call(batch: np.ndarray) -> np.ndarray:
        sizes.append(len(batch))
        free.wait(10)
        if (batch < 0).any():
            raise ValueError("negative")
        return batch * 2

    async def ask() -> list[Any]:
        batcher = Batcher(call, most=4)
        tasks = [asyncio.create_task(batcher(np.array([0.0])))]
        while not sizes:
            await asyncio.sleep(0)
        tasks += [asyncio.create_task(batcher(np.array([float(i)]))) for i in range(1, 7)]
        await asyncio.sleep(0)
        free.set()
        outputs = await asyncio.gather(*tasks)
        failed = await asyncio.gather(batcher(np.array([-1.0])), return_exceptions=True)
        return [*outputs, *failed]

    # A sample that is lost would wait forever.
    *outputs, failed = asyncio.run(asyncio.wait_for(ask(), 30))
    assert [float(output[0]) for output in outputs] == [2.0 * i for i in range(7)]
    assert sizes == [1, 4, 2, 1]
    assert isinstance(failed, ValueError)
