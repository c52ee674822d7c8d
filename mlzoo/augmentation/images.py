"""A policy made ready for images of one shape and type, each changed with its mask."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from mlzoo.augmentation import catalogue
from mlzoo.core.errors import UsageError
from mlzoo.data.policies import Step
from mlzoo.data.specs import IGNORED
from mlzoo.data.volumes.slices import slices_of

_WORDS = {
    "border_mode": {
        "constant": cv2.BORDER_CONSTANT,
        "replicate": cv2.BORDER_REPLICATE,
        "reflect": cv2.BORDER_REFLECT,
        "wrap": cv2.BORDER_WRAP,
        "reflect_101": cv2.BORDER_REFLECT_101,
    },
    "interpolation": {
        "nearest": cv2.INTER_NEAREST,
        "linear": cv2.INTER_LINEAR,
        "cubic": cv2.INTER_CUBIC,
        "area": cv2.INTER_AREA,
    },
}
_WORDS["mask_interpolation"] = _WORDS["interpolation"]
"""OpenCV's numbers by name; a policy may use either."""


@dataclass(frozen=True)
class AugmentedForm:
    """Shape (height, width, channels), type and largest value of images.

    Without `maximum` an image's own smallest and largest value are its range.
    """

    shape: tuple[int, int, int]
    dtype: str
    maximum: float | None


class ImageChanges:
    """A policy as a function of an image, its mask and a seed.

    albumentations works on uint8 from 0 to 255 and on float32 from 0 to 1. Images of other types
    and ranges are brought there and back; what a policy of geometry alone does needs no range.

    Args:
        steps: checked by `policy_checks.check`; those of whole batches are left out.
        form: of the images.

    Raises:
        UsageError: a parameter is wrong, or a transform can't be applied to such images.
    """

    def __init__(self, steps: Sequence[Step], form: AugmentedForm) -> None:
        self._form = form
        singles = [s for s in steps if not catalogue.is_marked(next(iter(s)), "MIXES")]
        self._transforms = [build(step, form.shape) for step in singles]
        self._nodes = [node for each in self._transforms for node in _walk(each)]
        self._bits = np.random.Philox(0)
        self._generator = np.random.Generator(self._bits)
        self._python = _Drawn(self._generator)
        for node in self._nodes:
            node.random_generator, node.py_random = self._generator, self._python
        self._bytes = form.dtype == "uint8" and form.maximum == 255
        images_only = catalogue.albumentations().ImageOnlyTransform
        self.moves = any(
            not isinstance(node, images_only) for node in self._nodes if not _holds(node)
        )
        """True where a transform moves pixels, so that masks and points have to move along."""
        self._try()

    def __call__(
        self,
        image: np.ndarray,
        mask: np.ndarray | None,
        seed: Sequence[int],
        span: tuple[float, float] | None = None,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The image (height, width, channels) and the mask (height, width) changed alike.

        Args:
            image: of the form that was given.
            mask: uint8 class positions; None: there is none.
            seed: up to four whole numbers that decide all that is random.
            span: the range of values where the form has no maximum; by default the image's own.
        """
        self._seed(seed)
        return self._apply(image, mask, span)

    def applied(self) -> list[str]:
        """The transforms that the last call applied, with what was drawn where it is short."""
        return [_with_numbers(node) for node in self._nodes if not _holds(node) and node.params]

    def _seed(self, seed: Sequence[int]) -> None:
        # A counter-based generator starts anywhere without being mixed first.
        key = np.zeros(4, np.uint64)
        key[: len(seed)] = seed
        state = self._bits.state
        state["state"] = {"counter": np.array([0, 0, key[2], key[3]], np.uint64), "key": key[:2]}
        self._bits.state = {**state, "buffer_pos": 4, "has_uint32": 0, "uinteger": 0}
        for node in self._nodes:
            node.params = {}

    def _apply(
        self, image: np.ndarray, mask: np.ndarray | None, span: tuple[float, float] | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        low, high = 0.0, self._form.maximum
        ready = image
        if not self._bytes:
            if high is None:
                low, high = span or (float(image.min()), float(image.max()))
            ready = ((image.astype(np.float32) - low) / ((high - low) or 1)).astype(np.float32)
        arrays: dict[str, Any] = {"image": np.ascontiguousarray(ready)}
        if mask is not None:
            arrays["mask"] = np.ascontiguousarray(mask)
        for transform in self._transforms:
            arrays = transform(**arrays)
        changed, mask = arrays["image"], arrays.get("mask")
        if changed.ndim == 2:
            changed = changed[..., None]
        if changed.shape[:2] != image.shape[:2]:
            size = image.shape[1], image.shape[0]
            changed = _resized(changed, size, cv2.INTER_AREA)
            mask = None if mask is None else _resized(mask, size, cv2.INTER_NEAREST_EXACT)
        if not self._bytes:
            assert high is not None
            changed = np.clip(changed * ((high - low) or 1) + low, low, high)
            if image.dtype.kind in "iu":
                changed = np.rint(changed)
            changed = changed.astype(image.dtype)
        return changed, mask

    def _try(self) -> None:
        """Apply every transform once, so that what does not fit is found before the training."""
        image = np.zeros(self._form.shape, self._form.dtype)
        image[::2] = 1 if self._form.maximum is None else self._form.maximum
        self._seed([0])
        if not self._bytes:
            image = image.astype(np.float32)
            image /= image.max() or 1
        else:
            image = image.astype(np.uint8)
        mask = np.zeros(self._form.shape[:2], np.uint8)
        for node in self._nodes:
            if _holds(node):
                continue
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    changed = node(image=image.copy(), mask=mask.copy(), force_apply=True)
            except Exception as error:
                raise UsageError(
                    f"augment: {type(node).__name__} can't be applied to images "
                    f"{'x'.join(map(str, self._form.shape))} {self._form.dtype}: "
                    f"{' '.join(str(error).split()) or type(error).__name__}"
                ) from error
            shape = changed["image"].shape
            if (shape[2] if len(shape) == 3 else 1) != self._form.shape[2]:
                raise UsageError(
                    f"augment: {type(node).__name__} makes {shape[2:]} channels of "
                    f"{self._form.shape[2]}; the network needs as many as before"
                )


class FilmChanges:
    """A policy as a function of a film (frames, height, width, channels) and a seed.

    All frames are changed alike, so that what moves between them is what moved before.

    Args:
        steps: checked by `policy_checks.check`; those of whole batches are left out.
        form: of the frames.

    Raises:
        UsageError: as `ImageChanges`.
    """

    def __init__(self, steps: Sequence[Step], form: AugmentedForm) -> None:
        self._frame = ImageChanges(steps, form)

    def __call__(
        self, film: np.ndarray, labels: np.ndarray | None, seed: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The film changed; labels stay as they are."""
        span = float(film.min()), float(film.max())
        return np.stack([self._frame(frame, None, seed, span)[0] for frame in film]), labels

    def applied(self) -> list[str]:
        """The transforms that the last call applied, with what was drawn where it is short."""
        return self._frame.applied()


class VolumeChanges:
    """A policy as a function of a volume, its mask and a seed; all slices are changed alike.

    Args:
        steps: checked by `policy_checks.check`; those of whole batches are left out.
        form: of the slices.
        depth: number of slices, one below the other in the image that holds a volume.

    Raises:
        UsageError: as `ImageChanges`.
    """

    def __init__(self, steps: Sequence[Step], form: AugmentedForm, depth: int) -> None:
        self._slice, self._depth = ImageChanges(steps, form), depth

    def __call__(
        self, volume: np.ndarray, mask: np.ndarray | None, seed: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The volume (depth * height, width, channels) and its mask, if any, changed alike."""
        span = float(volume.min()), float(volume.max())
        slices = slices_of(volume, self._depth)
        masks = [None] * self._depth if mask is None else slices_of(mask, self._depth)
        pairs = zip(slices, masks, strict=True)
        changed = [self._slice(image, below, seed, span) for image, below in pairs]
        moved = None if mask is None else np.concatenate([below for _, below in changed])
        return np.concatenate([image for image, _ in changed]), moved

    def applied(self) -> list[str]:
        """The transforms that the last call applied, with what was drawn where it is short."""
        return self._slice.applied()


class _Drawn(random.Random):
    """Python's generator fed by NumPy's, so that one seed decides both."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        super().__init__(0)

    def random(self) -> float:
        """A number from 0 up to 1."""
        return float(self._generator.random())

    def getrandbits(self, k: int, /) -> int:
        """K random bits, 0 to 2**k - 1."""
        random_bytes = self._generator.bytes(-(-k // 8))
        return int.from_bytes(random_bytes, "little") >> (-k % 8)


def _resized(image: np.ndarray, size: tuple[int, int], how: int) -> np.ndarray:
    resized = cv2.resize(image, size, interpolation=how)
    return resized[..., None] if image.ndim == 3 and resized.ndim == 2 else resized


def _holds(node: Any) -> bool:
    return type(node).__name__ in catalogue.COMPOSITES


def _walk(node: Any) -> Iterator[Any]:
    yield node
    for inner in node.transforms if _holds(node) else ():
        yield from _walk(inner)


def build(step: Step, shape: tuple[int, int, int]) -> Any:
    """One transform from its name and parameters."""
    library = catalogue.albumentations()
    ((name, given),) = step.items()
    if name in catalogue.COMPOSITES:
        inner = [build(each, shape) for each in given["transforms"]]
        rest = {key: value for key, value in given.items() if key != "transforms"}
        if name == "SomeOf":
            rest = {"n": 1, "replace": False, **rest}
        return getattr(library, name)(inner, **rest)
    arguments = {key: _worded(name, key, value) for key, value in given.items()}
    allowed = catalogue.parameters("images", name)
    # Pixels from beyond the image have no class, and crops are as large as the image.
    for key, value in (
        ("fill_mask", IGNORED),
        ("size", shape[:2]),
        *zip(_SIDES, shape, strict=False),
    ):
        if key in allowed and key not in arguments and (key != "fill_mask" or _borders(allowed)):
            arguments[key] = value
    made = catalogue.find("images", name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that it would write otherwise
            return made(**arguments)
    except Exception as error:
        raise UsageError(f"augment: {name}: {_reason(error)}") from None


_SIDES = ("height", "width")


def _borders(allowed: Mapping[str, object]) -> bool:
    """Return whether `fill_mask` is for what comes from beyond the image, not for holes in it."""
    return "border_mode" in allowed


def _worded(name: str, key: str, value: Any) -> Any:
    codes = _WORDS.get(key)
    if codes is None or not isinstance(value, str):
        return tuple(value) if isinstance(value, list) else value
    if value not in codes:
        raise UsageError(f"augment: {name}: {key} is one of {', '.join(codes)}, got {value!r}")
    return codes[value]


def _reason(error: Exception) -> str:
    """The library's sentence; pydantic's holds several lines, of which two say something."""
    checked = next((e for e in (error, error.__cause__) if hasattr(e, "errors")), None)
    if checked is not None:
        return "; ".join(
            f"{'.'.join(map(str, e['loc'][:1]))}: {e['msg']}" for e in checked.errors()
        )
    return " ".join(str(error).split())


def _with_numbers(node: Any) -> str:
    """A transform's name and what it drew: the numbers among its parameters."""
    numbers = {}
    for key, value in node.params.items():
        if isinstance(value, bool | int | float | np.number) and key not in _UNSAID:
            numbers[key] = f"{float(value):.3g}"
    inside = ", ".join(f"{key} {value}" for key, value in list(numbers.items())[:3])
    return f"{type(node).__name__}{f' ({inside})' if inside else ''}"


_UNSAID = ("interpolation", "fill", "fill_mask", "rows", "cols", "mask_interpolation")
