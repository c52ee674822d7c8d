"""Activation maximization: an input that a class, or a channel of a layer, answers most to.

Erhan et al., "Visualizing Higher-Layer Features of a Deep Network" (2009), with the jitter of
Mordvintsev, Olah and Tyka, "Inceptionism" (2015), undone after each step. Steps are as large as
the data's own range says, smoothed, and stay within it. It shows what the model answers to, which
need not look like anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.configs import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from mlzoo.explaining.engine.findings import Finding
    from mlzoo.explaining.engine.probe import Probe

KINDS = ("image",)
MODEL = True


class Config(Settings):
    """Settings of activation_maximization."""

    steps: int = Field(256, ge=1, le=100_000)
    """Steps of gradient ascent, at most."""
    rate: float = Field(0.02, gt=0, le=1)
    """Size of a step, as a share of the data's range."""
    pull: float = Field(0.06, ge=0, lt=1)
    """Share of the way back to the middle of the range, each step: what keeps pixels off its
    ends."""
    jitter: int = Field(4, ge=0, le=64)
    """Pixels that the image is shifted by at random, each step, and back; at most a sixteenth of
    its side."""
    smooth: float = Field(1.0, ge=0, le=20)
    """Standard deviation, in pixels, that gradients are smoothed with."""
    channels: int = Field(0, ge=0, le=256)
    """Instead of classes, the first so many channels of the layer (`--layer`)."""
    seed: int = Field(0, ge=0)
    """Decides where it starts, and the jitter."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> list[Finding]:
    """One image a class or channel, and what the model says of it.

    The score reached stands beside those of the samples and of noise.
    """
    import numpy as np

    from mlzoo.explaining.engine.findings import Finding

    real = model.enter(x)
    low, high = float(real.min()), float(real.max())
    rng = np.random.default_rng([config.seed, 0xAC])
    noise = rng.uniform(low, high, (8, *model.shape)).astype("float32")
    wanted = _wanted(config, model, target)
    images, labels = [], []
    for name, weights in wanted:
        goal = model.goal(weights, channel=config.channels > 0)
        image, reached = _climb(config, goal, model.shape, (low, high), rng)
        others = goal(real)[0].max(), goal(noise)[0].mean()
        images.append(image)
        labels.append(f"{name}: {reached:.3g} (best sample {others[0]:.3g}, noise {others[1]:.3g})")
    what = "channels of the layer" if config.channels else "classes"
    return [
        Finding(
            "images",
            f"what {what} answer most to",
            {"values": np.stack(images), "range": np.array([low, high])},
            labels,
            "scores stand before the softmax; the input is what the model sees behind its scaling",
        )
    ]


def _wanted(config: Config, model: Probe, target: np.ndarray) -> list[tuple[str, np.ndarray]]:
    import numpy as np

    if config.channels:
        return [(f"channel {k}", np.array(k)) for k in range(config.channels)]
    outputs = model.known.outputs if model.known is not None else ()
    if target.ndim != 2:
        return [("target", target[:1])]
    if target.shape[1] == 1:
        two = outputs if len(outputs) == 2 else ("less", "more")
        return [(two[0], -np.ones((1, 1), "float32")), (two[1], np.ones((1, 1), "float32"))]
    names = outputs if len(outputs) == target.shape[1] else range(target.shape[1])
    return [
        (str(n), np.eye(target.shape[1], dtype="float32")[k : k + 1]) for k, n in enumerate(names)
    ]


def _climb(
    config: Config,
    goal: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    shape: tuple[int, ...],
    ends: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[np.ndarray, float]:
    """The best image on the way, and its score."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    low, high = ends
    middle, span = (low + high) / 2, high - low
    image = (middle + 0.02 * span * rng.standard_normal((1, *shape))).astype("float32")
    best, reached, since = image, float(goal(image)[0][0]), 0
    jitter = min(config.jitter, min(shape[:2]) // 16)
    for _ in range(config.steps):
        shift = rng.integers(-jitter, jitter + 1, 2)
        score, slope = goal(np.roll(image, shift, (1, 2)))
        slope = np.roll(slope, -shift, (1, 2))
        if score[0] > reached + 1e-3 * abs(reached):
            best, reached, since = image, float(score[0]), 0
        since += 1
        if since > 64:
            break
        smooth = gaussian_filter(slope, (0, config.smooth, config.smooth, 0))
        step = config.rate * span * smooth / max(float(np.sqrt((smooth**2).mean())), 1e-30)
        image = middle + (1 - config.pull) * (image + step - middle)
        image = np.clip(image, low, high).astype("float32")
    return best[0], float(goal(best)[0][0])
