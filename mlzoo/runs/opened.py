"""A finished run, opened: its files and data (`loaded.py`), and its predictions (`predicting/`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.text.reader import TextReader
from mlzoo.runs import run_folder
from mlzoo.runs.loaded import ChooseTiling, LoadedRun
from mlzoo.runs.predicting.settings import COUNT, LENGTH, TEMPERATURE, UNLIKE
from mlzoo.runs.results import Forecast, Generated, Painted, Predictions, Reconstructed

if TYPE_CHECKING:
    import numpy as np


class OpenedRun(LoadedRun):
    """A finished run, opened; its model is loaded when it is first needed."""

    def predict(
        self,
        new: Any,
        listener: Listener | None = None,
        coverage: float | None = None,
        unlike: float = UNLIKE,
    ) -> Predictions:
        """Predict new samples.

        Where something is predicted at every pixel, images may have any height and width, and
        `masks` gives them one by one.

        Args:
            new: an array (n, *shape) of raw inputs, a DataFrame, or a file or folder's path.
            listener: hears of progress.
            coverage: give intervals of numbers, or sets of classes, that hold the truth of this
                share of samples; of forecasts the band at each step, of fields intervals of each
                value, of masks of two classes those that hold this share of the rarer class's
                pixels.
            unlike: mark samples unlike the training data at this rate of false alarms; 0: none.

        Raises:
            DataError: the samples do not fit what the model was trained on.
            UsageError: the run has no scores for such a coverage.
        """
        from mlzoo.runs.predicting.conformal import scores_for, with_coverage
        from mlzoo.runs.predicting.forecasts import as_predictions
        from mlzoo.runs.predicting.pixels import as_masks
        from mlzoo.runs.predicting.samples import predict_rows

        scores = None
        if coverage is not None and not (self.dense or self.target.ahead):
            scores = scores_for(self.path, self.record["task"], coverage)
        if self.dense:
            masks = list(self.masks(new, listener=listener, coverage=coverage, unlike=unlike))
            return as_masks(masks, self.reader.depth)
        if self.target.causal:
            raise UsageError("a model of text writes on: run.write(prompt)")
        if self.target.ahead:
            return as_predictions(self.forecast(new, listener, coverage, unlike))
        self.require_predictions("predict")
        if self.target.is_input:
            restored = self.reconstruct(new, listener)
            return Predictions(restored.names, restored.facts(), None, restored.warnings)
        listener = listener or Listener()
        rows, names, warnings = self.read_new(new, listener)
        predictions = predict_rows(self, rows, names, warnings, listener, unlike)
        if coverage is None:
            return predictions
        classes = self.record["class_names"]
        return with_coverage(self.model, classes, rows, predictions, scores, coverage)

    def masks(
        self,
        new: Any,
        *,
        tiling: ChooseTiling | None = None,
        outputs: bool = False,
        listener: Listener | None = None,
        coverage: float | None = None,
        unlike: float = UNLIKE,
    ) -> Iterator[Painted]:
        """Predict at every pixel of new images, one after another.

        Args:
            new: an array (n, height, width, channels), or a file or folder's path.
            tiling: how large images are cut; as `self.tiling()` by default.
            outputs: give the model's outputs (height, width, k) as well, which are k times four
                bytes a pixel.
            listener: hears of progress.
            coverage: share of the pixels of the rarer of two classes that masks are to hold, of
                fields of the values that intervals are to hold.
            unlike: mark images unlike the training data at this rate of false alarms; 0: none.

        Raises:
            DataError: the images do not fit what the model was trained on.
            UsageError: the run has no miss rates for such a coverage.
        """
        from mlzoo.runs.predicting.pixels import masks_of

        cut, listener = tiling or self.tiling(), listener or Listener()
        return masks_of(self, new, cut, outputs, listener, coverage, unlike)

    def forecast(
        self,
        new: Any,
        listener: Listener | None = None,
        coverage: float | None = None,
        unlike: float = UNLIKE,
    ) -> list[Forecast]:
        """Forecast series: those of a table's path, or windows (n, steps, channels).

        A model that goes on from vectors takes (n, numbers).

        Args:
            new: path or windows.
            listener: hears of progress.
            coverage: share of the true values that bands hold; by default that of the report.
            unlike: mark windows unlike the training data at this rate of false alarms; 0: none.

        Raises:
            DataError: the series do not fit what the model was trained on.
            UsageError: the run has too few held-out windows for such a coverage.
        """
        from mlzoo.runs.predicting.forecasts import forecasts

        return forecasts(self, new, coverage, unlike)

    def reconstruct(self, new: Any, listener: Listener | None = None) -> Reconstructed:
        """Reconstruct new samples: an array (n, *shape) of raw inputs, or a path.

        Raises:
            DataError: the samples do not fit what the model was trained on.
        """
        from mlzoo.runs.predicting.reconstructions import reconstruct

        return reconstruct(self, new, listener or Listener())

    def features(self, new: Any, listener: Listener | None = None) -> tuple[list[str], np.ndarray]:
        """Return names of new samples and the features (n, features) that the output layer sees.

        Of a model of samples themselves they are its code.

        Args:
            new: an array (n, *shape) of raw inputs, or a file or folder's path.
            listener: hears of progress.

        Raises:
            UsageError: the model has no features of a whole sample.
            DataError: the samples do not fit what the model was trained on.
        """
        from mlzoo.runs.predicting.features import features_of

        return features_of(self, new, listener or Listener())

    def generate(
        self,
        count: int = COUNT,
        seed: int = 0,
        class_name: str | None = None,
        interpolate: tuple[str, str] | None = None,
        latent_grid: bool = False,
        number: float | None = None,
    ) -> Generated:
        """Draw new samples from a generative model.

        Args:
            count: how many.
            seed: decides what is drawn.
            class_name: class of all samples, of a conditional model, by default each in turn, and
                the first where they are interpolated or of a grid.
            interpolate: draw samples on the way between the codes of two ends: seeds, samples of
                the run's data (`test:3`) or files of one sample.
            latent_grid: draw samples at a square grid of codes, of at most `count`.
            number: of all samples, of a model that is conditional on one, by default spread as
                those of the training split, and the median where they are interpolated or of a
                grid.

        Raises:
            UsageError: the run's model draws no samples, or none of a class or number that is
                chosen, or there is no such end.
            DataError: the file of an end can't be read, or does not fit.
        """
        from mlzoo.runs.predicting.drawing import draw

        return draw(self, count, seed, class_name, interpolate, latent_grid, number)

    def write(
        self,
        prompt: str,
        length: int = LENGTH,
        temperature: float = TEMPERATURE,
        seed: int = 0,
    ) -> str:
        """Continue a prompt with a model of text.

        Args:
            prompt: what to go on from.
            length: characters to write.
            temperature: 0 takes the likeliest character, 1 draws as the model says.
            seed: decides what is drawn.

        Raises:
            DataError: the prompt holds no character that the model knows.
        """
        from mlzoo.data.text.characters import continue_text

        reader = self.reader_as(TextReader)
        return continue_text(self.outputs, prompt, reader, length, temperature, seed)


def open_run(path: str | Path, trust: bool = False, tta: str = "none") -> OpenedRun:
    """Open a finished run folder; the arguments are those of `mlzoo.load`.

    Raises:
        UsageError: there is no finished run at the path, or it has no images to flip.
    """
    return OpenedRun(run_folder.find(path), trust, tta)
