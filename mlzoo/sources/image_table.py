"""Images that a table names, with classes, labels or numbers: labels.csv, alone or in a folder.

The table names a file a row, with or without what ends the name, beside it or in folders below it.
Tables called train, valid and test, or such folders with a table each, are the splits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import expand
from mlzoo.core.setting_types import Delimiter, Header, TaskName, WordList
from mlzoo.core.validation.values import image_size

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.label_files.listing import LabeledFiles
    from mlzoo.data.samples import Rows, Samples
    from mlzoo.data.tables.columns import Encoded
    from mlzoo.data.tables.labels import Labels
    from mlzoo.data.tables.reader import TargetColumn

UNLABELED = True


class Config(Settings):
    """Settings of the source image_table."""

    data: str
    """The table, or the folder that holds it."""
    file_column: str | None = None
    """Column that names the files; recognized by default."""
    with_columns: WordList = Field(default_factory=list)
    """Columns that are a second input beside the image."""
    target: str | None = None
    """Column to predict; 'column>=6' makes two classes of a number, 'a,b,c' names several columns
    of numbers, or of zeros and ones of a label each; by default the only one, one that is called
    label, target or class, or all, if they hold zeros and ones."""
    task: TaskName | None = None
    """Kind of the target: classification, ordinal, multilabel or regression; inferred. Of
    texts that describe the images: translation."""
    class_order: WordList = Field(default_factory=list)
    """Classes of --task ordinal from the lowest to the highest; numbers are in order."""
    size: str | None = None
    """Image size to resize to: 64, or height x width as 48x64."""
    color: Literal["auto", "gray", "rgb"] = "auto"
    """Image channels: as most files have them, one, or three."""
    group_by: str | None = None
    """Column whose images of one value stay in one split, or a regular expression on the files'
    paths; its first group, or all that it matches, names the group."""
    on_bad: Literal["error", "skip"] = "error"
    """Unreadable or missing files: refuse the data, or leave them out (up to --max-bad)."""
    max_bad: float = Field(0.01, gt=0, le=1)
    """The largest share of bad files that --on-bad skip accepts."""
    delimiter: Delimiter = None
    """Separator of the columns: a character, or tab, comma, semicolon, space; recognized."""
    header: Header = "auto"
    """Take the first line as names of the columns; recognized by default."""
    cache: str = "auto"
    """Folder for decoded images; auto or none as `--cache` says."""
    cache_size: float = Field(20.0, gt=0)
    """The most that it holds, in GB."""
    max_pixels: int = Field(89_478_485, ge=1)
    """Files with more pixels are refused before they are decoded."""


def recognizes(path: str) -> bool:
    """Return whether it is a table that names images, or a folder that holds one."""
    from mlzoo.data.label_files.recognizing import find_label_files

    return bool(find_label_files(expand(path)))


def load(config: Config, progress: Any = None) -> Samples:
    """Read the table, find and check every file, and give the images as rows that stay on disk."""
    import numpy as np

    from mlzoo.data.decoded.space import CacheChoice
    from mlzoo.data.images.reader import ImageReader, LabelColumns
    from mlzoo.data.label_files.joined import JoinedRows
    from mlzoo.data.label_files.listing import read_label_files
    from mlzoo.data.label_files.recognizing import label_files_at
    from mlzoo.data.label_files.targets import join_labels, without_repeats
    from mlzoo.data.quality.bad_files import judge, listed
    from mlzoo.data.quality.differences import measure
    from mlzoo.data.quality.validation import check_images, choose_form
    from mlzoo.data.samples import Samples
    from mlzoo.data.specs import target_of
    from mlzoo.data.tables.labels import Labels
    from mlzoo.data.tables.targets import holds_label_sets, labeled_rows, target_labels
    from mlzoo.data.text.captions import caption_texts, encode_captions
    from mlzoo.data.text.reader import CaptionReader

    labeled = read_label_files(
        label_files_at(expand(config.data)), config.file_column, config.delimiter, config.header
    )
    if not labeled.files:
        count = f"{config.data}: none of its {len(labeled.problems)} rows names an image"
        raise DataError(f"{count}:\n{listed(labeled.problems)}")
    unlabeled = config.task is not None and target_of(config.task).is_input
    target, why = _target(config, labeled, unlabeled)
    task = None if unlabeled else config.task
    left_out: list[str] = []
    if target is not None:
        known, left_out = labeled_rows(labeled.table, target, task)
        labeled = labeled.only(known)
    beside = [name for name in config.with_columns if name in labeled.table.columns]
    if target is not None and holds_label_sets(labeled.table, target, task):
        labeled = join_labels(labeled, target, beside)
    else:
        labeled = without_repeats(labeled, target, beside)
    checked = check_images(
        labeled.files,
        lambda headers: choose_form(headers, image_size(config.size), config.color),
        config.max_pixels,
        progress,
        choice=CacheChoice(config.cache, config.cache_size),
    )
    names = labeled.names()
    problems = labeled.problems | {names[i]: reason for i, reason in checked.problems.items()}
    total = len(names) + len(labeled.problems)
    warnings = judge(problems, total, config.on_bad, config.max_bad)
    readable = np.zeros(len(names), dtype=bool)
    readable[checked.good] = True
    labeled = labeled.only(readable)
    labels: Labels | None = None
    written: dict[str, Any] = {}
    if target is not None and task is not None and target_of(task).translated:
        texts = encode_captions(caption_texts(labeled.table, target.column), target.column)
        labels = Labels(texts.task, texts.codes, texts.class_names, texts.note)
        written = {"alphabet": texts.alphabet, "longest": texts.longest, "unit": texts.unit}
    elif target is not None:
        labels = target_labels(labeled.table, target, task, config.class_order)
    inputs: Rows = checked.images
    second = _second_input(config, labeled, target, labels)
    if second is not None:
        inputs = JoinedRows(inputs, np.asarray(second.matrix))
    form = checked.form
    reader = CaptionReader if written else ImageReader
    notes = [*labeled.table.notes, *labeled.notes, why, "" if labels is None else labels.note]
    return Samples(
        inputs=inputs,
        targets=inputs if labels is None else labels.values,
        task=str(config.task) if labels is None else labels.task,
        kind="image",
        class_names=() if labels is None else labels.class_names,
        target_names=("class",) if target is None else target.columns,
        maximum=form.maximum,
        names=labeled.names(),
        groups=_groups(config, labeled),
        given_parts=labeled.parts,
        hashes=checked.hashes,
        near_hashes=checked.near_hashes,
        problems=tuple(problems.items()),
        reader=reader(
            size=(form.height, form.width),
            channels=form.channels,
            dtype=form.dtype,
            maximum=form.maximum,
            max_pixels=config.max_pixels,
            images=measure(checked.headers, checked.contents),
            labels=LabelColumns(
                file_column=labeled.file_column,
                target=target,
                delimiter=config.delimiter,
                header=config.header,
                inputs=() if second is None else second.columns,
            ),
            **written,
        ),
        notes=tuple(note for note in (*notes, *left_out, *checked.notes) if note),
        warnings=tuple(warnings) if second is None else (*warnings, *second.warnings),
    )


def _second_input(
    config: Config, labeled: LabeledFiles, target: TargetColumn | None, labels: Labels | None
) -> Encoded | None:
    """Return the columns beside the images, as inputs; None without any.

    Raises:
        UsageError: there are none of that name, or each image has no class or numbers.
    """
    from mlzoo.data.label_files.joined import second_input
    from mlzoo.data.specs import target_of

    if not config.with_columns:
        return None
    if labels is None or target is None or target_of(labels.task).translated:
        raise UsageError(
            "--with-columns: is for images with a class, labels or numbers each; leave it out"
        )
    taken = (labeled.file_column, *target.columns)
    encoded = second_input(labeled.table, config.with_columns, taken)
    names = ", ".join(dict.fromkeys(column.origin for column in encoded.columns))
    labeled.notes.append(f"second input: {names} (--with-columns)")
    return encoded


def _target(
    config: Config, labeled: LabeledFiles, unlabeled: bool
) -> tuple[TargetColumn | None, str]:
    """Return the target's column and a note on how it was chosen; None: there are no labels."""
    from mlzoo.data.label_files.targets import choose_target
    from mlzoo.data.tables.targets import find_target

    if config.target is not None:
        return find_target(config.target, labeled.table), ""
    others = (config.group_by, *config.with_columns)
    return (None, "") if unlabeled else choose_target(labeled, config.data, others)


def _groups(config: Config, labeled: LabeledFiles) -> np.ndarray | None:
    """Return the group of each file, by a column or by a regular expression on its path."""
    import numpy as np

    from mlzoo.core.messages import few
    from mlzoo.data.quality.bad_files import groups_by
    from mlzoo.data.tables.tables import text_cells

    name = config.group_by
    if name is None:
        return None
    columns = labeled.table.columns
    if name in columns:
        cells = text_cells(columns[name])
        missing = [i for i, cell in enumerate(cells) if cell is None]
        if missing:
            raise DataError(
                f"--group-by {name}: {len(missing)} of {len(cells)} rows have no value there, the "
                f"first is {labeled.table.where(missing[0])}; fill them in"
            )
        return np.array(cells)
    if re.fullmatch(r"[\w .-]+", name):
        raise DataError(
            f"--group-by {name}: the table has no such column (it has {few(columns)}), and it is "
            "no regular expression with a group, such as '(\\d+)_'"
        )
    names = labeled.names()
    return groups_by(name, names, names, "the folder")
