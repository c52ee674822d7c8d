"""Generated pictures, with masks or labels, and fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.samples import Samples


def shapes_samples(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Pictures of shapes, and masks that tell what each is."""
    from mlzoo.data.images.reader import MAX_PIXELS
    from mlzoo.data.masks.arrays import count_masks, encode_masks
    from mlzoo.data.masks.classes import choose_classes
    from mlzoo.data.masks.reader import DenseReader
    from mlzoo.data.masks.values import GRAY
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples
    from mlzoo.sources._shapes import CLASSES, SIDE, shapes

    pictures, masks = shapes(count, noise, rng)
    whole, counted = count_masks(masks, "shapes")
    classes, _ = choose_classes(counted, [(i * GRAY, name) for i, name in enumerate(CLASSES)])
    targets, pixels = encode_masks(whole, counted, classes)
    return Samples(
        inputs=pictures,
        targets=targets,
        task="segmentation",
        kind="image",
        class_names=classes.names,
        target_names=("mask",),
        maximum=255,
        names=[f"picture {i + 1}" for i in range(count)],
        hashes=row_digests(pictures),
        target_hashes=row_digests(targets),
        pixels=pixels,
        reader=DenseReader(
            kind="image",
            size=None,
            channels=1,
            dtype="uint8",
            maximum=255,
            max_pixels=MAX_PIXELS,
            masks=classes,
        ),
        notes=(
            f"shapes: {count} pictures of {SIDE}x{SIDE} with one to four {', '.join(CLASSES[1:])}, "
            f"noise {noise:g} gray levels (--source-set samples=, --source-set noise=)",
        ),
    )


def scenes_samples(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Pictures, and which shapes lie in each."""
    from mlzoo.sources._scenes import LABELS, SIDE, scenes

    pictures, labels = scenes(count, noise, rng)
    note = f"scenes: {count} pictures of {SIDE}x{SIDE} with any of {', '.join(LABELS)}"
    return _recognized(pictures, labels, LABELS, "shapes", "scene", f"{note}, noise {noise:g}")


def faces_samples(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Pictures of drawn faces, and who it is."""
    from mlzoo.sources._faces import PEOPLE, SIDE, faces

    pictures, people = faces(count, noise, rng)
    note = (
        f"faces: {count} drawn pictures of {SIDE}x{SIDE}, no photographs, of {len(PEOPLE)} people"
    )
    return _recognized(pictures, people, PEOPLE, "person", "picture", f"{note}, noise {noise:g}")


def _recognized(
    pictures: np.ndarray,
    targets: np.ndarray,
    names: tuple[str, ...],
    target: str,
    sample: str,
    note: str,
) -> Samples:
    """Pictures with a class each, or with any number of labels.

    Args:
        pictures: (n, side, side, 1) uint8.
        targets: (n,) positions of classes, or (n, labels) of 0 and 1.
        names: of classes or labels.
        target: name of what is recognized.
        sample: what a picture is called.
        note: on the pictures.
    """
    from mlzoo.data.images.reader import ImageReader
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples

    return Samples(
        inputs=pictures,
        targets=targets,
        task="classification" if targets.ndim == 1 else "multilabel",
        kind="image",
        class_names=names,
        target_names=(target,),
        maximum=255,
        names=[f"{sample} {i + 1}" for i in range(len(pictures))],
        hashes=row_digests(pictures),
        reader=ImageReader(size=pictures.shape[1:3], channels=1, dtype="uint8", maximum=255),
        notes=(f"{note} gray levels (--source-set samples=, --source-set noise=)",),
    )


def captions_samples(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Pictures of two shapes, and sentences that describe them."""
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples
    from mlzoo.data.text.captions import encode_captions
    from mlzoo.data.text.reader import CaptionReader
    from mlzoo.sources._captions import SIDE, captions

    pictures, texts = captions(count, noise, rng)
    written = encode_captions(texts, "caption")
    return Samples(
        inputs=pictures,
        targets=written.codes,
        task=written.task,
        kind="image",
        class_names=written.class_names,
        target_names=("caption",),
        maximum=255,
        names=[f"picture {i + 1}" for i in range(count)],
        hashes=row_digests(pictures),
        target_hashes=row_digests(written.codes),
        reader=CaptionReader(
            size=(SIDE, SIDE),
            channels=1,
            dtype="uint8",
            maximum=255,
            alphabet=written.alphabet,
            longest=written.longest,
            unit=written.unit,
        ),
        notes=(
            f"captions: {count} pictures of {SIDE}x{SIDE} with two shapes, noise {noise:g} gray "
            "levels (--source-set samples=, --source-set noise=)",
            written.note,
        ),
    )


def touching_cells(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Pictures of cells, and masks that number them."""
    from mlzoo.data.images.reader import MAX_PIXELS
    from mlzoo.data.masks.arrays import dense_instances
    from mlzoo.data.masks.reader import DenseReader
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples
    from mlzoo.sources._cells import SIDE, cells

    pictures, ids = cells(count, noise, rng)
    dense = dense_instances(ids, "touching-cells")
    return Samples(
        inputs=pictures,
        kind="image",
        maximum=255,
        names=[f"picture {i + 1}" for i in range(count)],
        hashes=row_digests(pictures),
        reader=DenseReader(
            kind="image",
            size=None,
            channels=1,
            dtype="uint8",
            maximum=255,
            max_pixels=MAX_PIXELS,
            masks=dense.classes,
        ),
        **dense.sample_fields(),
        notes=(
            f"touching-cells: {count} pictures of {SIDE}x{SIDE} with "
            f"{int(ids.max(axis=(1, 2)).sum()):,} cells, noise {noise:g} gray levels "
            "(--source-set samples=, --source-set noise=)",
        ),
    )


def flow_fields_samples(count: int, noise: float, rng: np.random.Generator) -> Samples:
    """Signed distances from ellipses, and the velocities of a stream around them."""
    from mlzoo.sources._flow import SIDE, flow_fields

    distances, fields = flow_fields(count, noise, rng)
    note = (
        f"flow-fields: {count} ellipses in a stream, {SIDE}x{SIDE} pixels of signed distance; "
        f"velocities within a body don't count; noise {noise:g} (--source-set samples=, "
        "--source-set noise=)"
    )
    return _fields(distances, fields, ("velocity_x", "velocity_y"), "body", note)


def equation_fields(
    name: str, count: int, points: int | None, noise: float, rng: np.random.Generator
) -> Samples:
    """Random starts of a differential equation, and what becomes of them."""
    from mlzoo.sources import _parametric

    if name == "reaction-fields":
        points = points or _parametric.SIDE
        sources, solved = (each[..., None] for each in _parametric.reaction(count, points, rng))
        note = (
            f"{name}: {count} random sources in a square and what diffusion (d = "
            f"{_parametric.DIFFUSION:g}) and reaction make of them, {points} points a side, noise "
            f"{noise:g} (--source-set samples=, --source-set resolution=, --source-set noise=)"
        )
        solved = solved + rng.normal(0, noise, solved.shape)
        return _fields(sources, solved, ("u",), "source", note)
    points = points or _parametric.POINTS
    if name == "burgers-fields":
        starts, ends = (each[..., None] for each in _parametric.burgers(count, points, rng))
        names: tuple[str, ...] = ("u",)
        what = (
            f"Burgers' equation, viscosity {_parametric.VISCOSITY:g}, at time "
            f"{_parametric.BURGERS_TIME:g}"
        )
    else:
        starts, ends = _parametric.heat(count, points, rng)
        names = tuple(f"temperature_at_{time:g}" for time in _parametric.HEAT_TIMES)
        what = "heat in a rod of random conductivity"
    ends = ends + rng.normal(0, noise, ends.shape)
    note = (
        f"{name}: {count} random starts of {what}, {points} points, noise {noise:g} (--source-set "
        "samples=, --source-set resolution=, --source-set noise=)"
    )
    return _fields(starts[:, None], ends[:, None], names, "start", note)


def _fields(
    inputs: np.ndarray, fields: np.ndarray, names: tuple[str, ...], sample: str, note: str
) -> Samples:
    """Inputs (n, height, width, channels) with named fields of that height and width."""
    import numpy as np

    from mlzoo.data.images.reader import MAX_PIXELS
    from mlzoo.data.masks.reader import DenseReader
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.samples import Samples

    inputs, fields = inputs.astype(np.float32), fields.astype(np.float32)
    return Samples(
        inputs=inputs,
        targets=fields,
        task="fields",
        target_names=names,
        names=[f"{sample} {i + 1}" for i in range(len(inputs))],
        hashes=row_digests(inputs),
        target_hashes=row_digests(fields),
        reader=DenseReader(
            kind="array",
            line=inputs.shape[1] == 1,
            size=None,
            channels=inputs.shape[-1],
            dtype="float32",
            maximum=None,
            max_pixels=MAX_PIXELS,
        ),
        notes=(note,),
    )
