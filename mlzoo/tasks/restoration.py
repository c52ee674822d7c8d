"""Images as they were before they were degraded: without noise, in full size, without holes.

Errors are those of pixels from 0 to 1; predictions are not clipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlzoo.data.contracts import Headline, Scorer
from mlzoo.data.moments import mean_and_std
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import Outputs, Target
from mlzoo.statistics.fields import RestorationSums, count, psnr, ssim
from mlzoo.statistics.metrics import scorers
from mlzoo.statistics.scorers import ConfidenceBins
from mlzoo.tasks._dense import DenseTask
from mlzoo.tasks._predictions import ImageScores, read_image_scores

if TYPE_CHECKING:
    import keras

_MEASURED = 2_000
"""Training images that give mean and deviation of pixels, at most."""


class Task(DenseTask):
    """Restoration: what is predicted at each pixel is the clean image's value."""

    target = Target("numbers", "pixel", restores=True)
    losses = ("mse",)
    headline = Headline("psnr", "max")
    metrics = ("psnr", "ssim", "rmse", "mae")
    followed = ("mae",)

    def output_spec(self, train: Part) -> Outputs:
        """Return one output per channel, with mean and deviation of clean training pixels."""
        channels = train.samples.targets.shape[-1]
        some = np.unique(np.linspace(0, len(train) - 1, _MEASURED).astype(int))
        pixels = [train.target(int(position)).reshape(-1, channels) for position in some]
        return Outputs(self.name, channels, *mean_and_std(np.concatenate(pixels)))

    def logits(
        self, outputs: Outputs, features: keras.KerasTensor, units: int, name: str, **settings: Any
    ) -> keras.KerasTensor:
        """Return the output layer, whose weights begin at 0: with the image as it is."""
        return super().logits(
            outputs, features, units, name, **{"kernel_initializer": "zeros", **settings}
        )

    def add_image(
        self, outputs: Outputs, logits: keras.KerasTensor, image: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Return the standardized image plus what a model predicts as the difference from it.

        Zhang et al., "Beyond a Gaussian Denoiser: Residual Learning of Deep CNN for Image
        Denoising" (2017).
        """
        import keras

        from mlzoo.layers.scaling import Standardise

        known = Standardise(outputs.mean, outputs.std, name="degraded")(image)
        return keras.layers.Add(dtype="float32", name="restored")([logits, known])

    def count_image(
        self, rows: Part, position: int, truth: np.ndarray, predicted: np.ndarray
    ) -> Any:
        """Return sums and structural similarity of one image."""
        return count(truth, predicted), ssim(truth, predicted)

    def tally(
        self, counts: list[Any], samples: Samples, bins: ConfidenceBins | None = None
    ) -> RestorationTally:
        """Return the sums of several images."""
        sums, similarity = zip(*counts, strict=True)
        return RestorationTally(RestorationSums(np.stack(sums), np.array(similarity)))

    def read_predictions(self, path: Any) -> SavedRestorations:
        """Read `predictions.csv`; see `Task`."""
        return SavedRestorations(**vars(read_image_scores(path)))


@dataclass(frozen=True)
class RestorationTally:
    """Sums of n restored images."""

    counts: RestorationSums

    def tables(self) -> dict[str, object]:
        """Return nothing beside the metrics."""
        return {}

    def scores(self) -> np.ndarray:
        """Return the signal-to-noise ratio (n,) of each image in dB."""
        return psnr(self.counts.image_errors())

    def columns(self) -> dict[str, list[Any]]:
        """Return what is known of each image."""
        total = self.counts.sums.sum(axis=1)
        return {
            "psnr": self.scores().tolist(),
            "ssim": self.counts.similarity.tolist(),
            "values": total[:, 0].astype(int).tolist(),
            "squared_error": total[:, 1].tolist(),
            "absolute_error": total[:, 2].tolist(),
        }


@dataclass(frozen=True)
class SavedRestorations(ImageScores):
    """Saved scores of restored images, ordered by index."""

    def scorer(self, metric: str, metrics: Mapping[str, Any] | None = None) -> Scorer:
        """Return a metric as a function of weights over images."""
        columns = [self.sums[name] for name in ("values", "squared_error", "absolute_error")]
        unknown = np.full(len(self.indices), np.nan)
        sums = np.stack([*columns, unknown, unknown], axis=1)[:, None]
        return scorers([metric], RestorationSums(sums, self.sums["ssim"]))[metric]
