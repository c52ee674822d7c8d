"""Samples of a generator among those that a model is trained on: `--augment generated:RUN`.

The training split gets as many drawn samples as it has, of the same classes. Validation and test
split, baselines, scaling and class names are those of the real samples. The same model is trained
without them too and stands beside it among the baselines, so that the scores say what they change.
Neither Keras nor NumPy is imported before samples are drawn.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError, MlzooError, UsageError
from mlzoo.core.files import expand, original
from mlzoo.core.progress import Listener
from mlzoo.data.policies import GENERATED, adds_generated, generator_of

if TYPE_CHECKING:
    import keras
    import numpy as np

    from mlzoo.data.contracts import Baseline
    from mlzoo.data.samples import Data, Part
    from mlzoo.runs.loaded import LoadedRun

BESIDE = "without_generated"
"""Name among the baselines of the model that is trained on real samples alone."""
_DIGITS = 16


def recorded_generator(augment: str) -> str:
    """Return the setting as a run keeps it: the generator's absolute path and its digest."""
    path, _ = generator_of(augment)
    folder = expand(path).resolve()
    return f"{GENERATED}{original(folder)}@{digest_of(folder)}"


def digest_of(folder: Path) -> str:
    """Return a digest of all that decides what a generator draws: its settings and networks."""
    files = [folder / "config.yaml", folder / "model.keras"]
    files += sorted((folder / "networks").glob("*.keras"))
    sha256 = hashlib.sha256()
    for file in files:
        if not file.is_file():
            raise UsageError(
                f"--augment {GENERATED}{folder}: there is no {file.name} in it; name the folder of "
                "a run of a generative model, such as dcgan with --set conditional=true"
            )
        sha256.update(file.read_bytes())
    return sha256.hexdigest()[:_DIGITS]


def with_generated(
    config: RunConfig, data: Data, seed: int, listener: Listener, held_out: Part | None = None
) -> Data:
    """Return data whose training split has drawn samples too, where the configuration says so.

    Args:
        config: of the run.
        data: as split for the run, or for one of its folds.
        seed: decides what is drawn.
        listener: hears of what is added, and of samples that the generator has seen.
        held_out: the fold that is predicted later; None: the test split alone is.

    Raises:
        UsageError: the generator can't be opened, has changed, draws no samples of these classes,
            or none of this shape.
        DataError: it was trained on samples that the model is scored on.
    """
    import numpy as np

    from mlzoo.data.samples import Part
    from mlzoo.training.starting.appended_rows import AppendedRows

    if not adds_generated(config.augment):
        return data
    run = _opened(config)
    samples, train = data.samples, data.train
    _check_unseen(config, run, data, listener, held_out)
    classes = np.asarray(train.targets)
    inputs = _drawn(run, data, classes, seed)
    count = len(inputs)
    listener.note(f"{count:,} samples drawn by {run.path} join the training split (--augment)")
    names = [samples.name_of(index) for index in range(len(samples))]
    more = replace(
        samples,
        inputs=AppendedRows(samples.inputs, inputs),
        targets=np.concatenate([samples.labels, classes]),
        names=[*names, *(f"generated {number}" for number in range(1, count + 1))],
        groups=None,
        sizes=None,
        copies=None,
        given_parts=None,
        hashes=None,
        near_hashes=None,
    )
    indices = np.concatenate([train.indices, np.arange(len(samples), len(samples) + count)])
    return replace(data, samples=more, train=Part(more, indices))


def _opened(config: RunConfig) -> LoadedRun:
    """Return the generator's run, which is as it was when this run began."""
    from mlzoo.runs.loaded import LoadedRun

    path, recorded = generator_of(str(config.augment))
    folder = expand(path)
    digest = digest_of(folder)
    if recorded and digest != recorded:
        raise UsageError(
            f"--augment: the generator {path} has changed since the run began (digest {digest} "
            f"instead of {recorded}): put the old one back, or start a new run"
        )
    run = LoadedRun(folder)
    of_class = run.config.set.get("conditional") and run.record["class_names"]
    if not run.target.drawn or not of_class:
        raise UsageError(
            f"--augment: {path} draws no samples of a class that is asked for; train a generator "
            "with --set conditional=true, such as dcgan or diffusion"
        )
    return run


def _drawn(run: LoadedRun, data: Data, classes: np.ndarray, seed: int) -> np.ndarray:
    """Return drawn samples (n, *shape) of given classes (n,), as raw as those of the data."""
    import numpy as np

    from mlzoo.runs.predicting.drawing import draw_of_classes

    samples = data.samples
    known = list(run.record["class_names"])
    missing = [name for name in samples.class_names if name not in known]
    if missing:
        raise UsageError(
            f"--augment: {run.path} draws no samples of class {', '.join(missing)}; it knows "
            f"{', '.join(known)}"
        )
    at = np.array([known.index(name) for name in samples.class_names])
    drawn = draw_of_classes(run, at[classes], seed)
    shape = tuple(samples.inputs.shape[1:])
    if drawn.shape[1:] != shape:
        raise UsageError(
            f"--augment: {run.path} draws samples of shape {drawn.shape[1:]}, but these have "
            f"{shape}; set --size and --color as the generator has them"
        )
    if samples.maximum and run.reader.maximum:
        drawn = drawn * (samples.maximum / run.reader.maximum)
    kind = np.dtype(samples.inputs.dtype)
    return (np.round(drawn) if kind.kind in "ui" else drawn).astype(kind)


def warn_of_seen(config: RunConfig, aside: Part | None, listener: Listener) -> None:
    """Warn of samples set aside for conformal scores that the generator was trained on.

    Where its own data can't be read, `with_generated` tells it.
    """
    if aside is None or not adds_generated(config.augment):
        return
    run = _opened(config)
    try:
        again = _count_seen(run, aside)
    except MlzooError:
        return
    if again:
        listener.warn(
            f"{run.path} was trained on {again:,} of the {len(aside):,} samples set aside for "
            "`predict --coverage`, whose intervals and sets may hold fewer true values than asked"
        )


def _check_unseen(
    config: RunConfig, run: LoadedRun, data: Data, listener: Listener, held_out: Part | None
) -> None:
    """Refuse a generator that was trained on the test split.

    One that knows a held-out fold, or without folds the validation split, is warned of.
    """
    parts = (data.test, data.valid if held_out is None else held_out)
    try:
        counts = [_count_seen(run, part) for part in parts]
    except MlzooError as error:
        listener.warn(
            f"whether {run.path} was trained on the test split is not known, since its data can't "
            f"be read: {error}"
        )
        return
    for part, again in zip(parts, counts, strict=True):
        if not again:
            continue
        text = f"{run.path} was trained on {again:,} of the {len(part):,} samples"
        if part is held_out and len(data.test):
            listener.warn(f"{text} of the held-out fold, whose scores are therefore too good")
            continue
        if part is data.valid:
            listener.warn(
                f"{text} of the validation split, by which the epoch is chosen and probabilities "
                "are calibrated; train both with --split hash and the same --fractions"
            )
            continue
        if not config.allow_leakage:
            raise DataError(
                f"--augment: {text} that the model is scored on; train both with --split hash and "
                "the same --fractions and --group-by, or add --allow-leakage"
            )
        listener.warn(f"{text} that the model is scored on (--allow-leakage)")


def _count_seen(run: LoadedRun, part: Part) -> int:
    """Return how many samples of a part a generator was trained on.

    Raises:
        MlzooError: its own data can't be read.
    """
    import numpy as np

    seen = _seen_by(run.path.resolve(), digest_of(run.path))
    return int(np.isin(_digests(part), seen).sum()) if len(part) else 0


@lru_cache(maxsize=1)
def _seen_by(folder: Path, digest: str) -> np.ndarray:
    """Return digests of the samples that a generator was trained on, read once a process.

    Args:
        folder: of its run.
        digest: of its settings and networks, so that another one there is read anew.
    """
    from mlzoo.runs.loaded import LoadedRun

    return _digests(LoadedRun(folder).own_data().train)


def _digests(part: Part) -> np.ndarray:
    """Return a digest of each sample's values as float32, (n,); of images as shares of their
    maximum, so that the same image in another bit depth has the same.
    """
    import numpy as np

    from mlzoo.data.quality.digests import row_digests

    maximum = np.float32(part.samples.maximum or 1)
    chunks = [row_digests(part.inputs(at).astype("float32") / maximum) for at in part.chunks()]
    return np.concatenate(chunks) if chunks else np.array([], dtype=str)


def beside_real(model: keras.Model) -> dict[str, Baseline]:
    """Return a model that was trained on real samples alone as a baseline, by its name."""
    from mlzoo.data.contracts import Baseline
    from mlzoo.runs.models import outputs_of

    note = "the same model, trained on real samples alone"
    return {BESIDE: Baseline(lambda inputs: outputs_of(model, inputs), note)}


def refuse_in_search(config: RunConfig) -> None:
    """Raise UsageError where a search would train with generated samples."""
    if adds_generated(config.augment):
        raise UsageError(
            f"tune: --augment {config.augment} is for a training; leave it out of the search, and "
            "train the winner with it"
        )
