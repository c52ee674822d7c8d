"""Responses to uploads: predictions, and for images a picture of the evidence behind them."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data.images.reader import ImageReader
from mlzoo.runs.opened import OpenedRun
from mlzoo.runs.predicting import novelty
from mlzoo.runs.predicting.settings import UNLIKE
from mlzoo.serving.batches import Served
from mlzoo.serving.settings import MAX_PIXELS, MAX_ROWS

_SIDE = 1600
"""Pixels a side that a picture in an answer has at most."""
_TEXT, _TEXTS = 1000, 20
"""Characters of a message, and warnings, that an answer has at most."""

_KINDS = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"RIFF": ".webp",
}


class UploadPredictor:
    """Predictor for uploads; concurrent requests share one call of the model.

    An upload is written to a temporary file whose name is ours, and is read as `mlzoo predict`
    reads files; nothing that a request says is taken for a path.

    Args:
        run: the run.
        max_pixels: images with more are refused before they are decoded.
        maps: whether images of classes get a Grad-CAM map.
        max_rows: tables with more are refused.
        unlike: samples unlike the training data are marked at this rate of false alarms; 0: none.

    Raises:
        UsageError: the run is of text or of arrays, which no file that is uploaded holds; or its
            configuration names code that is not trusted.
    """

    def __init__(
        self,
        run: OpenedRun,
        max_pixels: int = MAX_PIXELS,
        maps: bool = True,
        max_rows: int = MAX_ROWS,
        unlike: float = UNLIKE,
    ) -> None:
        kind, task = run.record["kind"], run.record["task"]
        if isinstance(run.reader, ImageReader) and run.reader.beside:
            raise UsageError(
                "a run of images with columns can't be served: an upload is one file; use "
                "`mlzoo predict` with a table that names images, or `mlzoo export`"
            )
        files = kind in ("image", "table", "sequence") and not run.reader.depth
        if run.target.causal or not files:
            shown = "volume" if run.reader.depth else kind
            raise UsageError(
                f"a run of {task} on {shown}s can't be served: what is uploaded is an image or a "
                "CSV table; see `mlzoo export`"
            )
        run.limit_pixels(max_pixels)
        self.run, self._max_rows, self._unlike = Served(run), max_rows, unlike
        if run.dense:
            run.tiling()  # So that a configuration that can't be read is told now.
        reference = run.reference if unlike and run.dense else None
        self._marks_images = not novelty.limitation(reference, unlike or 1)
        self.maps = maps and kind == "image" and run.target.sample_class
        self._probe: Any = None

    def about(self) -> dict[str, object]:
        """Return the facts of the run that the page shows."""
        record = self.run.record
        return {
            "name": self.run.path.name,
            "task": record["task"],
            "kind": record["kind"],
            "input_shape": record["input_shape"],
            "classes": record["class_names"],
            "targets": record["target_names"],
            "columns": [column["name"] for column in record["columns"]],
            "categories": {c["name"]: c["categories"] for c in record["columns"]},
            "headline": self.run.metrics["headline"],
            "map": self.maps or self.run.target.pixel_class,
        }

    def predict(self, body: bytes) -> dict[str, object]:
        """Answer an upload: `predictions`, `warnings`, and `picture` or `map`, data URLs.

        Of a single sample `prediction` and `probabilities` stand there directly, too.

        Raises:
            DataError: the upload can't be read as what the run takes.
        """
        with _file(body, self.run.record["kind"]) as path:
            if path.suffix == ".csv" and max(map(body.count, b"\n\r")) > self._max_rows + 1:
                raise DataError(
                    f"the upload has more than {self._max_rows:,} rows (--max-rows); predict it "
                    "with `mlzoo predict`"
                )
            try:
                dense = self.run.target.dense
                answer = self._dense(path) if dense else self._whole(path)
            except (DataError, UsageError) as error:
                # Do not reveal paths of this machine.
                text = str(error).replace(str(path), "the upload").replace(path.name, "the upload")
                raise DataError(text[:_TEXT]) from None
        warnings = [text[:_TEXT] for text in answer["warnings"][:_TEXTS]]
        rows = answer["predictions"]
        # One sample is answered as a packed model does, with what only a page shows beside it.
        single = {k: v for k, v in rows[0].items() if k != "name"} if len(rows) == 1 else {}
        return {**answer, **single, "warnings": warnings}

    def _whole(self, path: Path) -> dict[str, Any]:
        predictions = self.run.predict(path, unlike=self._unlike)
        rows = []
        for i, (name, label) in enumerate(zip(predictions.names, predictions.labels, strict=True)):
            label = label.tolist() if isinstance(label, np.ndarray) else label
            row: dict[str, object] = {"name": "" if len(predictions.names) == 1 else name}
            row["prediction"] = " ".join(label) if self.run.target.is_label_set else label
            if predictions.probabilities is not None and not self.run.target.stepwise:
                probabilities = predictions.probabilities[i].tolist()
                row["probabilities"] = dict(
                    zip(self.run.record["class_names"], probabilities, strict=True)
                )
            if predictions.unlike is not None:
                row["unlike"] = bool(predictions.unlike[i])
                row["unlike_p"] = float(predictions.unlike_p[i])
            rows.append(row)
        answer: dict[str, object] = {"predictions": rows, "warnings": list(predictions.warnings)}
        if self.maps:
            answer |= self._explained(path)
        return answer

    def _explained(self, path: Path) -> dict[str, object]:
        """Return where the evidence for the predicted class lies, on the image."""
        from mlzoo.data.inputs import read_inputs
        from mlzoo.drawing.pictures import as_picture
        from mlzoo.explainers import gradcam
        from mlzoo.explaining.pages.rendering import laid_over, scaled
        from mlzoo.explaining.target_weights import of_classes
        from mlzoo.introspection.probe import Probe
        from mlzoo.statistics.metrics import as_probabilities

        reader = self.run.reader
        x = np.asarray(read_inputs(str(path), reader).rows[:1])
        outputs = self.run.outputs(x)
        place = as_probabilities(outputs).argmax(axis=1)
        target = of_classes(place, outputs.shape[1])
        with self.run.batches.alone():
            if self._probe is None:
                self._probe = Probe(self.run.model, x, depth=reader.depth)
            if self._probe.layer is None:
                return {}
            values = gradcam.explain(gradcam.Config(), self._probe, x, target)[0]
        picture = as_picture(x[0], reader.maximum)
        return {
            "picture": data_url(picture),
            "map": data_url(laid_over(picture, scaled(values))),
            "map_is": f"Grad-CAM: where the last maps speak for {self._class(int(place[0]))}",
        }

    def _class(self, position: int) -> str:
        return str(self.run.record["class_names"][position])

    def _dense(self, path: Path) -> dict[str, Any]:
        from mlzoo.drawing.palette import class_colors, instance_overlay, overlay
        from mlzoo.drawing.pictures import as_picture

        if self._marks_images:
            # What collects the features of an image's tiles knows one image at a time.
            with self.run.batches.alone():
                (painted,) = self.run.masks(path, unlike=self._unlike)
        else:
            (painted,) = self.run.masks(path, unlike=0)
        record = self.run.record
        row: dict[str, object] = {"name": ""}
        if painted.unlike is not None:
            row |= {"unlike": painted.unlike, "unlike_p": painted.unlike_p}
        picture = as_picture(painted.image, self.run.reader.maximum)
        answer: dict[str, object] = {
            "warnings": list(painted.warnings),
            "picture": data_url(picture),
        }
        if self.run.target.restores:
            answer["map"] = data_url(as_picture(painted.values, self.run.reader.maximum))
            answer["map_is"] = "the restored image"
            return {**answer, "predictions": [{**row, "prediction": "restored"}]}
        if self.run.target.pixel_numbers:
            means = painted.values.mean(axis=(0, 1)).tolist()
            named = dict(zip(record["target_names"], means, strict=False))
            return {**answer, "predictions": [{**row, "prediction": named}]}
        classes = record["class_names"]
        counts = np.bincount(painted.values.reshape(-1), minlength=len(classes))
        shares = dict(zip(classes, (counts[: len(classes)] / counts.sum()).tolist(), strict=True))
        colors = class_colors(self.run.reader.class_colors, len(classes))
        if painted.values.shape == picture.shape[:2]:
            base = np.rint(255 * picture).astype("uint8")
            if painted.instances is None:
                drawn, what = overlay(base, painted.values, colors), "the class of every pixel"
            else:
                drawn = instance_overlay(base, painted.instances)
                what = f"{painted.instances.max()} instances"
            answer |= {"map": data_url(drawn / 255), "map_is": what}
        largest = max(shares, key=shares.__getitem__)
        row |= {"prediction": largest, "probabilities": shares}
        return {**answer, "predictions": [row], "shares": True}


@contextmanager
def _file(body: bytes, kind: str) -> Iterator[Path]:
    """Provide an upload as a temporary file for the duration of the context.

    Raises:
        DataError: it is empty, or no image where images are taken.
    """
    if not body:
        raise DataError("the upload is empty")
    suffix = next((end for magic, end in _KINDS.items() if body.startswith(magic)), ".csv")
    if kind == "image" and suffix == ".csv":
        raise DataError("the upload is no image (JPEG, PNG, BMP, TIFF or WebP)")
    with tempfile.TemporaryDirectory(prefix="mlzoo-") as folder:
        path = Path(folder) / f"upload{suffix}"
        path.write_bytes(body)
        yield path


def data_url(picture: np.ndarray) -> str:
    """Encode an image (height, width, 3) from 0 to 1 as a PNG data URL; large ones are shrunk."""
    from PIL import Image

    buffer = io.BytesIO()
    image = Image.fromarray(np.rint(255 * np.clip(picture, 0, 1)).astype("uint8"))
    image.thumbnail((_SIDE, _SIDE))
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
