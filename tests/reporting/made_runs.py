"""A run folder that was never trained: what a report reads, with pictures and explanations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from mlzoo.core import files
from mlzoo.reporting.facts import gather
from mlzoo.reporting.pages.report import write_report
from tests.reporting.test_card import make_facts

LAYERS = [
    ("input", "InputLayer", [None, 8, 8, 1], 0, []),
    ("convolution", "Conv2D", [None, 8, 8, 16], 160, ["input"]),
    ("relu", "Activation", [None, 8, 8, 16], 0, ["convolution"]),
    ("second", "Conv2D", [None, 8, 8, 16], 2320, ["relu"]),
    ("add", "Add", [None, 8, 8, 16], 0, ["second", "relu"]),
    ("logits", "Dense", [None, 3], 51, ["add"]),
]


def run_folder(root: Path, name: str = "my run", pictures: int = 3, epochs: int = 12) -> Path:
    """Write a run folder and its report."""
    facts = make_facts()
    folder = root / name
    (folder / "plots").mkdir(parents=True)
    facts["folder"] = str(folder)
    facts["data"]["warnings"] = ["<script>alert(1)</script> stands in a name"]
    facts["environment"] = {
        "versions": {"keras": "3.15"},
        "backend": "tensorflow",
        "device": "cpu (2 cores)",
        "precision": "float32",
        "seed": 3,
        "git_commit": None,
        "determinism": "bitwise",
        "command": None,
    }
    facts["metrics"]["epochs"] = epochs
    for part in ("data", "metrics", "environment"):
        files.write_json(folder / f"{part}.json", facts[part])  # type: ignore[literal-required]
    text = yaml.safe_dump(facts["config"], sort_keys=False)
    files.write_text(folder / "config.yaml", text.replace("seed: 3", "seed: 3  # default"))
    files.write_json(folder / "split.json", {"parts": {"train": {}, "valid": {}, "test": {}}})
    names = ("name", "type", "output", "parameters", "inputs")
    layers = [dict(zip(names, layer, strict=True)) for layer in LAYERS]
    files.write_json(folder / "layers.json", layers)
    curve = [
        {
            "epoch": i + 1,
            "loss": 1 / (i + 1),
            "val_loss": 1.2 / (i + 1),
            "accuracy": 1 - 0.5 / (i + 1),
            "val_accuracy": 1 - 0.6 / (i + 1),
        }
        for i in range(epochs)
    ]
    files.write_text(folder / "history.csv", files.csv_text(curve))
    maps = folder / "explanations" / "gradcam" / "overlays" / "gradcam"
    maps.mkdir(parents=True)
    record = {
        "evidence": {"sentences": ["its maps beat random ones"]},
        "sanity": {"gradcam": {"labels": {"verdict": "pass"}}},
    }
    (maps.parents[1] / "explain.json").write_text(json.dumps(record))
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    for number in range(pictures):
        place = folder / "plots" if number % 2 else maps
        Image.fromarray(np.roll(noise, number, axis=1)).save(place / f"picture_{number:02d}.png")
    write_report(folder, gather(folder))
    return folder
