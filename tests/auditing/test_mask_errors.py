"""Masks that do not fit their images are ranked first."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mlzoo
from mlzoo.auditing.audit import audit
from mlzoo.auditing.mask_errors import mask_score
from mlzoo.auditing.settings import AuditConfig
from mlzoo.data.specs import IGNORED
from tests.training.made import LEAN
from tests.training.masks import folder

WRONG = (2, 9, 14)


def test_the_score_of_a_mask_by_hand() -> None:
    p = np.array([[0.8, 0.2], [0.4, 0.6], [0.9, 0.1], [0.3, 0.7]])
    # Of class 1 the mask has pixels 1 and 2: 2 (.6 + .1) / (1.6 + 2), of class 0 the first two.
    judged = mask_score(p[None], np.array([[0, 1, 1, 0]]))
    assert judged.worst == 1 and judged.score == pytest.approx(1 - 1.4 / 3.6)
    assert (judged.labeled, judged.predicted) == (0.5, 0.5)
    ignored = mask_score(p[None], np.array([[0, 1, IGNORED, IGNORED]]))
    assert ignored.score == pytest.approx(1 - 2 * 0.6 / 1.8)
    assert mask_score(p[None], np.full((1, 4), IGNORED)).score == 0
    # Nothing of a class in the mask and in the prediction: it is not judged by it.
    none = mask_score(np.array([[[0.9, 0.1], [0.8, 0.2]]]), np.array([[0, 0]]))
    assert none.worst == 0 and none.score == pytest.approx(1 - 2 * 1.7 / 3.7)


def test_erased_and_shifted_masks_are_found_and_drawn(tmp_path: Path) -> None:
    folder(tmp_path, 24, 24, 24)
    for number in WRONG:
        path = tmp_path / "masks" / f"{number:02}.png"
        mask = np.asarray(Image.open(path))
        Image.fromarray(np.roll(mask, 12, axis=0) if number % 2 else 0 * mask).save(path)
    run = mlzoo.train(
        "unet",
        str(tmp_path),
        folds=2,
        epochs=15,
        learning_rate=0.02,
        early_stopping=0,
        keep="last",
        preset="none",
        set={"filters": 4, "depth": 1},
        out=str(tmp_path / "runs"),
        **LEAN,
    )
    findings = audit(run, AuditConfig())
    assert len(findings.labels) == 24
    assert {label.index for label in findings.labels[:3]} == set(WRONG)
    assert {label.index for label in findings.label_errors} == set(WRONG)
    assert any(label.label.endswith("on 0.0%") for label in findings.label_errors)
    assert findings.pictures is not None and findings.pictures.shape == (3, 160, 320, 3)
    page = (findings.folder / "audit.html").read_text()
    assert "3 labels are probably wrong" in page and "or mend the masks" in page
    with (findings.folder / "label_errors.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3
