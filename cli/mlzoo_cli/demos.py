"""Runs that need no data of one's own: what each family of models does, in under a minute."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Demo:
    """A configuration by fields of `RunConfig`, and what it shows; all of it works offline."""

    shows: str
    settings: dict[str, object] = field(default_factory=dict)


DEMOS = {
    "mlp": Demo(
        "tells benign from malignant cells by 30 measurements of each (569 biopsies)",
        {"model": "mlp", "data": "breast-cancer", "epochs": 30},
    ),
    "cnn": Demo(
        "reads handwritten digits of 8x8 pixels (1,797 images)",
        {"model": "cnn", "data": "digits", "epochs": 8, "set": {"filters": [16, 32]}},
    ),
    "autoencoder": Demo(
        "learns the digits 0 to 8 without labels, and finds the nines (1,797 images)",
        {
            "model": "autoencoder",
            "data": "digits",
            "epochs": 40,
            "normal": [str(digit) for digit in range(9)],
        },
    ),
    "diffusion": Demo(
        "learns to draw digits of each class out of noise (1,797 images)",
        {
            "model": "diffusion",
            "data": "digits",
            "epochs": 40,
            "set": {"filters": 16, "conditional": True},
        },
    ),
    "unet": Demo(
        "predicts the flow around a body at every pixel (240 generated images)",
        {
            "model": "unet",
            "data": "flow-fields",
            "epochs": 10,
            "batch_size": 8,
            "learning_rate": 0.002,
            # Statistics of batches need more steps than a minute has.
            "set": {"filters": 8, "depth": 3, "batch_normalization": False},
        },
    ),
    "rnn": Demo(
        "tells what a car does at every step of its acceleration (120 generated rides)",
        {"model": "rnn", "data": "accelerometer", "epochs": 15, "learning_rate": 0.005},
    ),
}
