"""TensorBoard's page in Chromium shows the curves and pictures that the tracker wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.browser import Browser, needs_chromium
from tests.trackers.test_trackers import told

# The table below a chart has the value of the last epoch; pictures come by requests of their own.
_CARDS = "[...document.querySelectorAll('tb-truncated-path')].map(e => e.textContent.trim())"
_SHOWN = f"""new Promise(done => setInterval(() => {{
  const picture = [...document.querySelectorAll('image-card img')].some(i => i.naturalWidth);
  if (picture && document.body.innerText.includes('0.125')) done({_CARDS});
}}, 50))"""


@needs_chromium
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:html5lib:DeprecationWarning")
def test_the_page_shows_curves_scores_and_pictures(tmp_path: Path) -> None:
    from tensorboard import default, program

    (tmp_path / "plots").mkdir()
    Image.new("RGB", (40, 30), (200, 30, 30)).save(tmp_path / "plots" / "residuals.png")
    told("tensorboard", tmp_path)
    board = program.TensorBoard(default.get_plugins())
    folder = str(tmp_path / "tensorboard")
    board.configure(argv=["", "--logdir", folder, "--port", "0", "--load_fast", "false"])
    address = board.launch()
    with Browser() as browser:
        browser.open(address, height=2400)
        assert {"loss/training", "residuals"} <= set(browser.run(_SHOWN))
        lines = browser.run("document.body.innerText").splitlines()
        assert {"seed-0", "test"} <= set(lines), "a run of the training, and scores of the test"
        assert all(request.startswith(address) for request in browser.requests)
        assert browser.complaints == []
