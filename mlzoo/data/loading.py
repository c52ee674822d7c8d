"""From a run's configuration to its split samples: recognize, read, limit, split, check.

Importing this module loads no numerical library, so that the command line can check a
configuration first; the work imports what it needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.validation.values import image_size, shares
from mlzoo.data.recognition import check_source, recognize, source_config
from mlzoo.data.specs import target_of

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.reader import Reader
    from mlzoo.data.samples import Data, Samples
    from mlzoo.data.splits.splitting import Split

__all__ = [
    "as_test_part",
    "check_source",
    "partition",
    "read",
    "read_again",
    "recognize",
    "source_config",
    "unread_by_samples",
]

Progress = Callable[[int, int, str], Any]
"""Called with how many are done, how many there are, and what is being done."""


def read(config: RunConfig, progress: Progress | None = None) -> Samples:
    """All samples of the run's source."""
    from dataclasses import replace

    import numpy as np

    from mlzoo.data.images.reader import PixelReader
    from mlzoo.data.large_tables.rows import RowNames
    from mlzoo.data.quality.differences import measure_arrays
    from mlzoo.data.samples import without_labels

    refuse_undecodable([config.data], "the path")
    source, settings = source_config(config)
    module = registry.load("source", source)
    unlabeled = _restoring_task() if config.restore else _unlabeled_task(config.model, config.task)
    reads = not config.restore or "size" in type(settings).model_fields  # images, not tables
    if unlabeled is not None and reads and getattr(module, "UNLABELED", False):
        settings = settings.model_copy(update={"task": unlabeled})
    samples: Samples = module.load(settings, progress)
    if config.restore:
        from mlzoo.data.images.degradation import to_restore
        from mlzoo.data.masks.reader import Degradation

        how = Degradation.parse(config.restore, config.seed)
        samples = to_restore(samples, _restoring_task(), how, image_size(config.size))
    elif unlabeled is not None:
        samples = without_labels(samples, unlabeled)
    if not len(samples):
        raise DataError(f"{config.data} holds no samples")
    names = [] if isinstance(samples.names, RowNames) else samples.names
    refuse_undecodable([*names, *samples.class_names], config.data)
    if config.exclude is not None or config.relabel is not None:
        from mlzoo.data.quality.corrections import correct

        samples = correct(samples, config.exclude, config.relabel)
    reader_fields: dict[str, object] = {
        "kind": samples.kind,
        "source": source,
        "task": samples.task,
        "class_names": samples.class_names,
        "target_names": samples.target_names,
    }
    if config.normal:
        reader_fields["normal"] = _normal(config.normal, samples)
    reader, x, maximum = _typed(samples, source), samples.inputs, samples.maximum
    if isinstance(reader, PixelReader) and maximum and isinstance(x, np.ndarray) and x.ndim == 4:
        reader_fields["images"] = measure_arrays(x, maximum)
    why = f"source: {source} (--source)"
    reader = reader.model_copy(update=reader_fields)
    return replace(samples, reader=reader, notes=(why, *samples.notes))


def _normal(names: list[str], samples: Samples) -> tuple[str, ...]:
    """Return the classes that are normal.

    Raises:
        UsageError: samples have no such class, or no other one.
    """
    if samples.classes is None:
        raise UsageError(
            "--normal: has no effect, since the samples have no classes; of a table, --target "
            "names the column that holds them"
        )
    known = samples.class_names
    problems = [registry.unknown("class", name, known) for name in names if name not in known]
    if not problems and set(names) == set(known):
        problems = ["all classes are normal, so that there is nothing to find"]
    if problems:
        listed = f"; there are {', '.join(known)}"
        raise UsageError([f"--normal: {problem}{listed}" for problem in problems])
    return tuple(names)


def _unlabeled_task(model: str, wanted: str | None) -> str | None:
    """Return the task of a model that learns samples themselves; None for any other.

    Args:
        model: its name.
        wanted: task that was asked for, of a model of several; by default that of its first target.
    """
    targets = registry.constants("model", model).get("TARGETS", ())
    first = next((entry for entry in targets if entry.startswith("inputs")), None)
    tasks = [name for name in registry.names("task") if target_of(name).is_input]
    tasks = [name for name in tasks if registry.accepts(model, name)]
    if wanted in tasks:
        return wanted
    return next((name for name in tasks if str(target_of(name)) == first), None)


def _restoring_task() -> str:
    """Return the task of models that restore images."""
    return next(name for name in registry.names("task") if target_of(name).restores)


def _typed(samples: Samples, source: str) -> Reader:
    """Return the reader of samples; a user's source of earlier versions gives names and values.

    Raises:
        UsageError: they describe none.
    """
    from mlzoo.data.reader import Reader
    from mlzoo.data.reader_record import parse_reader

    given: Any = samples.reader
    if isinstance(given, Reader):
        return given
    try:
        return parse_reader({"kind": samples.kind, "task": samples.task} | dict(given))
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"the source {source} gives a reader that can't be used ({error}); give a model of "
            "the kind of data, such as mlzoo.data.tables.reader.TableReader"
        ) from None


def read_again(config: RunConfig, reader: Reader, progress: Progress | None = None) -> Samples:
    """All samples of a run that exists, read as they were when it began.

    What was recognized then (source, header, time, window, season) is not recognized anew, and
    windows of runs made before inputs could reach back across a border still share no step.

    Args:
        config: of the run.
        reader: that of its training data.
        progress: called as files are read.
    """
    from dataclasses import replace

    from mlzoo.data.sequences.reader import SeriesReader

    samples = read(_as_recognized(config, reader), progress)
    run_reader = samples.reader
    reaches_back = isinstance(reader, SeriesReader) and reader.reach_back
    if samples.windows is None or not isinstance(run_reader, SeriesReader) or reaches_back:
        return samples
    run_reader = run_reader.model_copy(update={"reach_back": False})
    return replace(samples, windows=replace(samples.windows, targets=None), reader=run_reader)


def _as_recognized(config: RunConfig, reader: Reader) -> RunConfig:
    """A run's configuration with what was recognized in its data written out."""
    from mlzoo.data.decoded.space import usable_cache
    from mlzoo.data.images.reader import ImageReader
    from mlzoo.data.sequences.reader import SeriesReader
    from mlzoo.data.tables.reader import TableReader
    from mlzoo.data.text.reader import TextReader

    source = reader.source or config.source
    if source is None:  # a run of before sources were written down
        return config
    fields = registry.load("source", source).Config.model_fields
    source_settings: dict[str, object] = {}
    if "season" in fields and isinstance(reader, SeriesReader):
        source_settings = {"time": reader.time or "none", "season": reader.season}
        if not reader.ahead:  # older runs know the calendar of the past alone
            source_settings["known_ahead"] = ["none"]
    header = config.source_set.get("header", "auto")
    names = reader.table_columns if isinstance(reader, TableReader) else reader.input_names
    if isinstance(reader, SeriesReader):  # other channels may be of the calendar
        names = reader.targets
    if "header" in fields and header == "auto" and names:
        unnamed = all(re.fullmatch(r"column\d+", name) for name in names)
        source_settings["header"] = "no" if unnamed else "yes"
    update: dict[str, object] = {
        "source": source,
        "source_set": {**config.source_set, **source_settings},
        "cache": usable_cache(config.cache),
    }
    if isinstance(reader, TableReader):
        update["raw_columns"] = reader.raw_columns
    if isinstance(reader, ImageReader) and reader.labels is not None:
        update["file_column"] = reader.labels.file_column
    if "window" in fields and isinstance(reader, SeriesReader | TextReader):
        update["window"] = reader.window
    return config.model_copy(update=update)


def _conformal(samples: Samples) -> bool:
    """Return whether samples can be set aside for predictions of a coverage."""
    target = samples.target
    two = target.pixel_class and not target.separate and len(samples.class_names) == 2
    series = target.ahead and samples.windows is not None
    return target.sample_class or target.sample_numbers or two or target.field or series


def unread_by_samples(samples: Samples, config: RunConfig) -> dict[str, str]:
    """Fields of the run that these samples leave without effect, each with the reason."""
    from mlzoo.data.splits.names import PARTS

    unread: dict[str, str] = {}
    if not samples.target.dense:
        reason = f"has no effect on {samples.task}: it is for images with masks"
        unread = dict.fromkeys(("tile", "overlap"), reason)
    if not samples.target.pixel_class:
        unread["tolerance"] = f"has no effect on {samples.task}: it is for masks of classes"
    if not samples.target.is_input:
        unread["normal"] = f"has no effect on {samples.task}: it is for models without labels"
    if samples.windows is None:
        reason = f"has no effect on {samples.task}: it is for series that are forecast"
        unread |= dict.fromkeys(("window", "horizon", "stride", "gap"), reason)
    else:
        unread["split"] = "has no effect: windows are split in order of time"
    if not samples.target.sample_class:  # as in `splitting`, whose classes are of whole samples
        reason = f"has no effect on {samples.task}: it is for one class a sample"
        unread |= dict.fromkeys(("rare", "rare_below"), reason)
    if (not samples.target.is_class or samples.target.written) and config.calibrate != "none":
        unread["calibrate"] = f"has no effect on {samples.task}: it is for classifiers"
    two = samples.target.pixel_class and len(samples.class_names) == 2
    if config.operating_point != "none" and not (two and not samples.reader.depth):
        unread["operating_point"] = (
            f"has no effect on {samples.task}: it is for masks of images with two classes"
        )
    if config.conformal and not _conformal(samples):
        unread["conformal"] = (
            f"has no effect on {samples.task}: it is for one class or number a sample, for fields, "
            "for masks of two classes and, as a share, for series"
        )
    stopping = ("early_stopping", "early_stopping_delta", "early_stopping_baseline")
    kept = ("monitor", "keep", "ema_momentum", "swa_share")
    if samples.problem is not None:
        reason = f"has no effect on {samples.task}: residuals are minimized (--set points)"
        unread |= dict.fromkeys(("batch_size", "loss", *stopping, *kept), reason)
    if samples.environment is not None:
        reason = f"has no effect on {samples.task}: the weights of the best val_return are kept"
        unread |= dict.fromkeys(("loss", *stopping, *kept), reason)
    if not getattr(samples.inputs, "uneven", False):
        unread["buckets"] = "has no effect: no sequences of different lengths are here"
    if samples.target.dense and not _cut(samples, config):
        unread["overlap"] = {
            "none": "has no effect: tile is none",
            "auto": "has no effect: tile is auto, and no image has more than a million pixels",
        }.get(str(config.tile), f"has no effect: no image is larger than tile {config.tile}")
        unread["sampler"] = (
            "has no effect: it centers crops of images on rare classes, and these are taken whole; "
            "crops need --tile with a side smaller than theirs"
        )
    if samples.given_parts is None:
        return unread
    wanted = zip(PARTS, shares(config.fractions), strict=True)
    if any(share and part not in samples.given_parts for part, share in wanted):
        return unread
    reason = "has no effect: the data bring a train, a valid and a test split of their own"
    return unread | dict.fromkeys(("fractions", "split"), reason)


def _cut(samples: Samples, config: RunConfig) -> bool:
    """Return whether any image is cut into several tiles."""
    from mlzoo.data.images.tiles import choose_tiling, tile_of

    size = samples.inputs.shape[1:3]
    tile = tile_of(config.tile, samples.reader.depth)
    tiling = choose_tiling(tile, config.overlap or 0, *size)
    return tiling is not None and not tiling.holds(*size)


def partition(samples: Samples, config: RunConfig, seed: int) -> tuple[Samples, Split]:
    """The samples that --limit leaves, and their checked split; light enough to inspect data."""
    from dataclasses import replace

    from mlzoo.data.quality.leakage import check_leakage
    from mlzoo.data.splits.splitting import draw, merge_rare, split

    notes: tuple[str, ...] = ()
    if config.limit is not None and config.limit >= len(samples):
        notes = (f"limit: none, since there are {len(samples)} samples (--limit {config.limit})",)
    elif config.limit is not None:
        notes = (f"limit: {config.limit} of {len(samples)} samples, drawn with the seed (--limit)",)
        samples = samples.only(draw(samples, config.limit, seed))
    fractions = shares(config.fractions)
    warnings: tuple[str, ...] = ()
    if config.rare != "refuse":
        below = config.rare_below or sum(share > 0 for share in fractions)
        samples, warnings = merge_rare(samples, config.rare, below, config.split)
    parts = split(samples, fractions, config.split, seed, config.gap)
    if (anomalous := samples.anomalous) is not None:
        parts = _normal_only(parts, anomalous)
    if samples.copies is not None:
        # A copy tells nothing of new data that its original does not tell.
        whole = {name: at[~samples.copies[at]] for name, at in parts.parts.items()}
        left = sum(len(parts.parts[name]) - len(whole[name]) for name in ("valid", "test"))
        note = f"augmented copies: {left} left out of the validation and test splits"
        kept = {**whole, "train": parts.parts["train"]}
        parts = replace(parts, parts=kept, notes=(*parts.notes, note))
    leaks = check_leakage(samples, parts.parts, config.allow_leakage)
    warnings = (*warnings, *parts.warnings, *leaks)
    return samples, replace(parts, notes=(*notes, *parts.notes), warnings=warnings)


def _normal_only(parts: Split, anomalous: np.ndarray) -> Split:
    """Return a split whose training and validation splits have no anomalous samples.

    They are left out rather than moved to the test split, so that groups stay in one part.
    """
    from dataclasses import replace

    kept = {name: at if name == "test" else at[~anomalous[at]] for name, at in parts.parts.items()}
    left = sum(len(at) - len(kept[name]) for name, at in parts.parts.items())
    in_test = int(anomalous[kept["test"]].sum())
    note = (
        f"anomalous samples: {in_test} in the test split; {left} are left out of the other two "
        "(--normal)"
    )
    return replace(parts, parts=kept, notes=(*parts.notes, note))


def join_valid(parts: Split) -> Split:
    """The training split with the validation split in it; the test split as it was."""
    from dataclasses import replace

    import numpy as np

    train = np.sort(np.concatenate([parts.parts["train"], parts.parts["valid"]]))
    joined = {**parts.parts, "train": train, "valid": train[:0]}
    note = f"trained on both: {len(train)} samples, training and validation split (--train-on)"
    return replace(parts, parts=joined, notes=(*parts.notes, note))


def as_test_part(samples: Samples) -> Data:
    """Samples that are all to be tested on: the other parts are empty."""
    import numpy as np

    from mlzoo.data.samples import Data, Part
    from mlzoo.data.specs import Inputs, Outputs

    nothing = Part(samples, np.arange(0))
    outputs = Outputs(samples.task, 0)
    if samples.target.ahead:
        horizon = int(samples.targets.shape[1])
        outputs = Outputs(samples.task, 0, horizon=horizon, channels=samples.target_channels)
    return Data(
        samples=samples,
        train=nothing,
        valid=nothing,
        test=Part(samples, np.arange(len(samples))),
        inputs=Inputs(samples.inputs.shape[1:]),
        outputs=outputs,
        fingerprint="",
    )


def refuse_undecodable(names: Sequence[str], what: str) -> None:
    """Raise DataError where names of files or folders are not UTF-8, as no run folder holds them.

    Python decodes such bytes to lone surrogates, which can be written nowhere.
    """
    try:
        "".join(names).encode()
        return
    except UnicodeEncodeError:
        bad = [name for name in names if name != name.encode("utf-8", "ignore").decode()]
    shown = ", ".join(ascii(name).replace("\\udc", "\\x") for name in bad[:3])
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    raise DataError(
        f"{ascii(what)[1:-1]}: names must be UTF-8, but got {shown}{more}; rename them (convmv "
        "-f latin1 -t utf8 converts whole folders)"
    )
