"""Pictures and data sets at low rank, by singular values and principal components.

The best approximation of a matrix by one of rank k keeps its k largest singular values (Eckart and
Young, "The approximation of one matrix by another of lower rank", 1936). A picture is a matrix a
channel; of a data set each sample is a row, whose principal components are the right singular
vectors of the centered rows (for faces: Turk and Pentland, "Eigenfaces for recognition", 1991).
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np

from mlzoo.auditing.settings import CompressConfig
from mlzoo.core import files
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data import loading
from mlzoo.data.label_files.joined import bare
from mlzoo.data.samples import Part
from mlzoo.drawing.ranks import draw_components, draw_ranks

_MOST_PIXELS = 4096**2
"""Pixels of a picture, whose singular values take time with the third power of its sides."""
_ROWS = 5000
"""Training samples that components are taken of, at most."""
_VALUES = 20_000_000
"""Numbers of these samples, at most."""


class RankRow(TypedDict):
    """Approximation at one rank: the share of the numbers that are stored, the error, ..."""

    rank: int
    stored: float
    energy: float
    rmse: float
    psnr: float


class CompressedData(TypedDict):
    """Files that were written, and a row a rank."""

    picture: str
    csv: str
    of: str
    ranks: list[RankRow]


def compress_picture(data: str, settings: CompressConfig, listener: Listener) -> CompressedData:
    """Draw one picture at several ranks by its singular values, channel by channel.

    Args:
        data: its file, or the name of a photograph of scikit-learn, china or flower.
        settings: the ranks, and the PNG.
        listener: receives progress.

    Raises:
        UsageError: a rank is larger than the picture has.
        DataError: the file can't be read, or all pixels are 0.

    Returns:
        The files, and for each rank `stored`, the numbers that are kept over the pixels, `energy`,
        the share of the squared singular values that is kept, and the error of pixels from 0 to 1:
        `rmse`, and `psnr` in dB.
    """
    path = Path(data)
    pixels = _photograph(path) if path.is_file() else _bundled(data)
    rows = _picture(pixels, settings, listener)
    return _written(settings, f"{pixels.shape[1]}x{pixels.shape[0]} pixels", rows)


def compress_images(
    config: RunConfig, settings: CompressConfig, listener: Listener
) -> CompressedData:
    """Draw the principal components of images, and samples restored from a few numbers.

    Args:
        config: names the data.
        settings: the ranks, and the PNG.
        listener: receives progress.

    Raises:
        UsageError: the data are no images, or a rank is larger than there are components.
        DataError: the data can't be read, or all images are alike.

    Returns:
        As `compress_picture`, with the numbers of a code over those of a sample, the share of the
        training split's variance, and the error on the test split.
    """
    of, rows = _samples(config, settings, listener)
    return _written(settings, of, rows)


def _written(settings: CompressConfig, of: str, rows: list[RankRow]) -> CompressedData:
    csv = settings.picture.with_suffix(".csv")
    files.write_text(csv, files.csv_text([dict(row) for row in rows]))
    return {"picture": str(settings.picture), "csv": str(csv), "of": of, "ranks": rows}


def _bundled(name: str) -> np.ndarray:
    """Return the pixels (height, width, 3) from 0 to 1 of a photograph of scikit-learn."""
    from sklearn.datasets import load_sample_image

    return np.asarray(load_sample_image(f"{name}.jpg")) / 255.0


def _photograph(path: Path) -> np.ndarray:
    """Return the pixels (height, width, 1 or 3) from 0 to 1 of a file."""
    from mlzoo.data.images.decoding import convert, decode
    from mlzoo.data.images.headers import BadFileError, read_header

    try:
        header = read_header(path)
        if header.height * header.width > _MOST_PIXELS:
            raise BadFileError(
                f"{header.width}x{header.height} pixels are more than {_MOST_PIXELS:,}; make it "
                "smaller"
            )
        pixels = decode(path, header)
    except BadFileError as error:
        raise DataError(f"{path}: {error}") from None
    channels = 3 if header.channels > 2 else 1
    return convert(pixels, channels) / np.iinfo(pixels.dtype).max


def _picture(pixels: np.ndarray, settings: CompressConfig, listener: Listener) -> list[RankRow]:
    """Draw one picture (height, width, channels) at several ranks; return a row each."""
    height, width, channels = pixels.shape
    _check_ranks(settings.ranks, min(height, width), f"a picture of {width}x{height} pixels")
    listener.note(f"singular values of {width}x{height} pixels, {channels} channels")
    factors = [np.linalg.svd(pixels[..., k], full_matrices=False) for k in range(channels)]
    squares = np.sum([values**2 for _, values, _ in factors], axis=0)
    if not squares[0]:
        raise DataError("all pixels of the picture are 0: nothing is left to approximate")
    drawn, rows = {"original": pixels}, []
    for rank in settings.ranks:
        near = [(u[:, :rank] * s[:rank]) @ v[:rank] for u, s, v in factors]
        restored = np.clip(np.stack(near, axis=-1), 0, 1)
        stored = rank * (height + width + 1) / (height * width)
        energy = squares[:rank].sum() / squares.sum()
        rows.append(_row(rank, stored, energy, restored - pixels))
        drawn[f"rank {rank}: {stored:.1%} of the numbers"] = restored
    values = np.sqrt(squares / channels)
    draw_ranks(settings.picture, drawn, values, [(r["rank"], r["rmse"]) for r in rows])
    return rows


def _samples(
    config: RunConfig, settings: CompressConfig, listener: Listener
) -> tuple[str, list[RankRow]]:
    """Draw components and restored samples; return what was restored, and a row a rank."""
    from sklearn.decomposition import PCA

    samples, parts = loading.partition(loading.read(config, listener.progress), config, config.seed)
    samples = bare(samples)
    if samples.kind != "image" or len(samples.inputs.shape) != 4:
        raise UsageError(
            f"data compress is for a picture or a data set of images; {config.data} has "
            f"{samples.kind}s"
        )
    train, test = (Part(samples, parts.parts[name]) for name in ("train", "test"))
    if not len(test):
        raise UsageError("data compress restores samples of the test split, which is empty")
    maximum = samples.maximum or 1.0
    values = int(np.prod(samples.inputs.shape[1:]))
    most = max(2, min(_ROWS, _VALUES // values))
    rows = _matrix(train, most, config.seed) / maximum
    held_out = _matrix(test, most, config.seed) / maximum
    largest = min(len(rows) - 1, values)
    _check_ranks(settings.ranks, largest, f"{len(rows)} training images of {values} values")
    listener.note(f"principal components of {len(rows):,} training images of {values:,} values")
    kept = min(largest, max(*settings.ranks, settings.components))
    fit = PCA(kept, random_state=config.seed).fit(rows)
    if not np.isfinite(fit.explained_variance_ratio_).all():
        raise DataError("all training images are alike: they have no principal components")
    codes, table = fit.transform(held_out), []
    shape = samples.inputs.shape[1:]
    shown = held_out[: settings.components]
    drawn = {"original": shown.reshape(-1, *shape)}
    for rank in settings.ranks:
        restored = codes[:, :rank] @ fit.components_[:rank] + fit.mean_
        energy = fit.explained_variance_ratio_[:rank].sum()
        table.append(_row(rank, rank / values, energy, restored - held_out))
        few = np.clip(restored[: settings.components], 0, 1)
        drawn[f"{rank} numbers"] = few.reshape(-1, *shape)
    components = fit.components_[: settings.components].reshape(-1, *shape)
    draw_components(settings.picture, fit.mean_.reshape(shape), components, drawn)
    return f"{len(held_out):,} test images", table


def _matrix(part: Part, most: int, seed: int) -> np.ndarray:
    """Return at most so many samples of a split as rows (n, values)."""
    order = np.random.default_rng([seed, 0xC0]).permutation(len(part))[:most]
    few = Part(part.samples, part.indices[np.sort(order)])
    chunks = [few.inputs(at) for at in few.chunks()]
    return np.concatenate(chunks).reshape(len(few), -1).astype("float64")


def _row(rank: int, stored: float, energy: float, errors: np.ndarray) -> RankRow:
    rmse = float(np.sqrt(np.mean(np.square(errors))))
    psnr = round(-20 * float(np.log10(max(rmse, 1e-9))), 2)
    return {
        "rank": rank,
        "stored": round(float(stored), 4),
        "energy": round(float(energy), 4),
        "rmse": round(rmse, 5),
        "psnr": psnr,
    }


def _check_ranks(ranks: tuple[int, ...], most: int, what: str) -> None:
    if max(ranks) > most:
        raise UsageError(f"--ranks: must be at most {most} for {what} (got {max(ranks)})")
