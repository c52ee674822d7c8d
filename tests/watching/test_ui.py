"""The page of runs and searches: what it shows as it comes, and that nothing of a folder runs."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlzoo.runs import zoo
from mlzoo.tuning.trials.journal import Journal
from tests.browser import Browser, checks, needs_chromium
from tests.reporting.made_runs import run_folder

pytest.importorskip("starlette", reason="starlette is missing (pip install 'mlzoo-keras[serve]')")
pytest.importorskip("httpx", reason="httpx, which starlette's test client needs, is not installed")
uvicorn = pytest.importorskip("uvicorn")

from starlette.testclient import TestClient  # noqa: E402

from mlzoo.watching.app import create_app  # noqa: E402

ROWS = "[...document.querySelectorAll('#rows tr')].map(r => r.querySelector('b').textContent)"
CURVES = {"loss": 1.0, "val_loss": 2.0}
HOSTILE = "<title>still</title><p id=p>text</p><script>document.title = 'ran'</script>"


def unfinished(root: Path, name: str, process: int) -> Path:
    folder = root / f"{name}.partial"
    folder.mkdir()
    (folder / "config.yaml").write_text("model: cnn\ndata: /some/where/photos\nepochs: 4\n")
    (folder / "lock").write_text(f"process {process}")
    return folder


def search(root: Path, name: str) -> Path:
    folder = root / name
    folder.mkdir()
    plan: dict[str, Any] = {"run": {"model": "mlp", "data": "wine", "repeats": 1}}
    plan |= {"space": [{"name": "units"}], "search": {"trials": 4, "folds": 2, "metric": None}}
    with Journal(folder / "journal.jsonl") as journal:
        journal.append({"kind": "plan", "metric": "accuracy", "plan": plan})
        for trial, scores in enumerate(((0.5, 0.75), (0.875, 0.9375), (0.25,))):
            shared = {"trial": trial, "epochs": None, "continues": None}
            journal.append({"kind": "trial", **shared, "values": {"units": 8 * trial}})
            for fold, score in enumerate(scores):
                fit = {"fold": fold, "repeat": 0, "score": score, "epochs": 3, "error": None}
                journal.append({"kind": "fit", "trial": trial, **fit})
    (folder / "lock").write_text(f"process {os.getpid()}")
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("saved")
    for name in ("mlp-wine", "mlp-breast-cancer"):
        shutil.copytree(zoo.find(name), root / "deep" / name)
    run_folder(root, "reported", pictures=1)
    lines = [f"seed-0,{e},{n},{v / e},{10 * e}" for e in (1, 2) for n, v in CURVES.items()]
    table = unfinished(root, "live", os.getpid()) / "epochs.csv"
    table.write_text("\n".join(["training,epoch,name,value,time", *lines, ""]))
    unfinished(root, "killed", 2**22 + 5)
    search(root, "tune-mlp-wine")
    (root / "bad").mkdir()
    (root / "bad" / "config.yaml").write_text("<b>: [")
    (root / "bad" / "report.html").write_text(HOSTILE)
    (root / "bad" / "model.keras").write_text("model")
    (root / "bad" / "outside.csv").symlink_to("/etc/hostname")
    (root / "piped").mkdir()
    os.mkfifo(root / "piped" / "config.yaml")
    (root / "empty").mkdir()
    os.utime(root / "live.partial" / "epochs.csv", (time.time() + 60, time.time() + 60))
    return root


@pytest.fixture(scope="module")
def client(root: Path) -> TestClient:
    return TestClient(create_app([root]), base_url="http://localhost")


@pytest.fixture(scope="module")
def address(root: Path) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(create_app([root]), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://localhost:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


def test_each_folder_is_a_row_with_its_state(client: TestClient) -> None:
    answer = client.get("/entries").json()
    rows = {row["name"]: row for row in answer["entries"]}
    assert answer["more"] == 0 and "empty" not in rows and "piped" not in rows
    assert {name: row["state"] for name, row in rows.items()} == {
        "mlp-wine": "done",
        "mlp-breast-cancer": "done",
        "reported": "done",
        "live": "training",
        "killed": "stopped",
        "tune-mlp-wine": "searching",
        "bad": "damaged",
    }
    live, found, wine = rows["live"], rows["tune-mlp-wine"], rows["mlp-wine"]
    assert (live["model"], live["data"], live["share"]) == ("cnn", "photos", 0.5)
    assert live["progress"] == "epoch 2 of 4, at most 20 s left"
    assert (found["kind"], found["progress"], found["share"]) == ("search", "2 of 4 trials", 0.5)
    assert found["score"] == "accuracy 0.9062" and found["interval"] == "mean of 2 fits"
    assert wine["key"] == "0/deep/mlp-wine" and wine["verdict"] and not wine["report"]
    assert rows["bad"]["progress"].startswith("can't be read: bad/config.yaml is damaged")
    assert rows["killed"]["progress"] == "no epoch yet" and rows["reported"]["report"]


def test_a_comparison_of_strategies_is_no_search_without_trials(tmp_path: Path) -> None:
    folder = search(tmp_path, "compared")
    (folder / "searches").mkdir()
    client = TestClient(create_app([tmp_path]), base_url="http://localhost")
    (row,) = client.get("/entries").json()["entries"]
    assert (row["progress"], row["share"]) == ("strategies are compared", None)
    charts = client.get("/charts", params={"key": "0/compared"}).text
    assert "strategies compared on units" in charts and "at the end" in charts
    (folder / "lock").unlink()
    (folder / "report.html").write_text("report")
    (row,) = client.get("/entries").json()["entries"]
    assert (row["state"], row["progress"], row["share"]) == ("done", "strategies compared", None)


def test_charts_are_of_what_was_chosen(client: TestClient) -> None:
    one = client.get("/charts", params={"key": "0/live.partial"}).text
    assert one.count("<figure") == 1 and "validation ends at 1" in one and "<h3>live<" in one
    runs = {"key": ["0/deep/mlp-wine", "0/deep/mlp-breast-cancer", "0/tune-mlp-wine", "0/bad"]}
    several = client.get("/charts", params=runs).text
    assert "2 runs over common axes" in several and "bad: no epoch yet." in several
    assert "tune-mlp-wine: units" in several and "best so far" in several
    assert "trial 1: " in several and "trial 2: " not in several, "it is not done"
    assert client.get("/charts", params={"key": "0/nothing"}).text == ""
    page = client.get("/compare", params={"key": runs["key"][:2]})
    assert page.status_code == 200 and "2 runs side by side" in page.text
    alone = client.get("/compare", params={"key": "0/deep/mlp-wine"})
    assert alone.status_code == 422 and "two run folders" in alone.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("0/reported/report.html", 200),
        ("0/deep/mlp-wine/metrics.json", 200),
        ("0/bad/model.keras", 404),
        ("0/bad/outside.csv", 404),
        ("0/%2e%2e/%2e%2e/etc/hostname", 404),
        ("0//etc/hostname.csv", 404),
        ("0/piped/config.yaml", 404),
        ("0/reported", 404),
        ("1/reported/report.html", 404),
        ("x", 404),
        ("0/%00.csv", 404),
    ],
)
def test_files_are_those_below_the_folders(client: TestClient, path: str, status: int) -> None:
    answer = client.get(f"/files/{path}")
    assert answer.status_code == status
    assert answer.headers["content-security-policy"].startswith(
        "sandbox allow-scripts; default-src 'none'" if status == 200 else "default-src 'none'"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example"}, 400),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
)
def test_other_sites_are_refused(client: TestClient, headers: dict[str, str], status: int) -> None:
    for path in ("/", "/entries", "/files/0/reported/report.html"):
        answer = client.get(path, headers=headers)
        assert answer.status_code == status
        assert "access-control-allow-origin" not in answer.headers
    assert client.post("/entries").status_code == 405


def wait(browser: Browser, condition: str) -> None:
    """Wait at most 10 s until a JavaScript expression is true."""
    browser.run("end = Date.now() + 10000")
    look = f"({condition}) ? done(true) : Date.now() > end ? done(false) : setTimeout(look, 50)"
    script = f"new Promise(done => {{ const look = () => {look}; look(); }})"
    assert browser.run(script), condition


@needs_chromium
@pytest.mark.parametrize(
    ("width", "dark"), [(390, False), (768, True), (1280, False), (1920, True)]
)
def test_the_page_fits_and_asks_nobody_else(
    browser: Browser, address: str, width: int, dark: bool
) -> None:
    browser.open(address, width=width, dark=dark)
    wait(browser, "document.querySelector('#charts figure')")
    browser.run(checks())
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("serious()") == browser.run("faint()") == browser.run("nameless()") == []
    assert browser.complaints == []
    assert all(request.startswith(address) for request in browser.requests)


@needs_chromium
def test_rows_are_sorted_filtered_and_compared(browser: Browser, address: str) -> None:
    browser.open(address)
    wait(browser, "document.querySelectorAll('#rows tr').length === 7")
    assert browser.run(ROWS)[0] == "live", "the newest"
    head = "document.querySelector('th[data-sort={}] button').click()"
    browser.run(head.format("name"))
    assert browser.run(ROWS) == sorted(browser.run(ROWS))
    browser.run(head.format("name"))
    assert browser.run(ROWS) == sorted(browser.run(ROWS), reverse=True)
    browser.run("document.getElementById('filter').value = 'done mlp-'")
    browser.run("document.getElementById('filter').dispatchEvent(new Event('input'))")
    assert browser.run(ROWS) == ["mlp-wine", "mlp-breast-cancer"]
    assert browser.run("document.getElementById('compare').hidden")
    browser.run("document.querySelectorAll('#rows input').forEach(box => box.click())")
    compare = "document.getElementById('compare')"
    assert browser.run(f"{compare}.textContent") == "Compare 2 runs"
    wait(browser, "document.querySelector('#charts h3')?.textContent.includes('2 runs')")
    browser.open(browser.run(f"{compare}.href"))
    assert browser.run("document.querySelector('h1').textContent") == "2 runs side by side"
    assert browser.run("typeof readCharts") == "function" and browser.complaints == []


@needs_chromium
def test_curves_come_as_epochs_do(browser: Browser, address: str, root: Path) -> None:
    browser.open(address)
    points = "document.querySelectorAll('#charts figure g[data-line=\"0\"] circle').length"
    wait(browser, f"{points} === 2")
    browser.run("document.querySelector('#charts .key').click()")
    table = root / "live.partial" / "epochs.csv"
    before = table.read_bytes()
    with table.open("a") as file:
        file.write(f"seed-0,3,loss,0.25,{time.time()}\nseed-0,3,val_loss,0.5,{time.time()}\n")
    wait(browser, f"{points} === 3")
    pressed = "document.querySelector('#charts .key').getAttribute('aria-pressed')"
    assert browser.run(pressed) == "false", "a line that was switched off stays so"
    assert "epoch 3 of 4" in browser.run("document.getElementById('rows').textContent")
    table.write_bytes(before)


@needs_chromium
def test_reports_open_and_nothing_of_a_folder_runs(browser: Browser, address: str) -> None:
    browser.open(f"{address}files/0/reported/report.html")
    assert browser.run("document.querySelectorAll('[role=tabpanel][hidden]').length") > 3
    assert browser.run("self.origin") == "null" and browser.complaints == []
    browser.open(f"{address}files/0/bad/report.html")
    assert browser.run("document.title") == "still" and browser.run("p.textContent") == "text"
    assert len(browser.complaints) == 1 and "Content Security Policy" in browser.complaints[0]
