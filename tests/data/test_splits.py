from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlzoo.core.errors import DataError
from mlzoo.data import loading
from mlzoo.data.new_samples import positions_of
from mlzoo.data.reader import Reader
from mlzoo.data.samples import Samples
from mlzoo.data.splits.allocation import class_quotas
from mlzoo.data.splits.names import PARTS
from mlzoo.data.splits.splitting import draw, split
from mlzoo.runs import datasets
from tests.data.pictures import config, shared

COUNTS = st.lists(st.integers(3, 60), min_size=2, max_size=5)
SHARES = st.sampled_from([(0.6, 0.2, 0.2), (0.8, 0.1, 0.1), (0.7, 0.0, 0.3), (0.34, 0.33, 0.33)])
SEEDS = st.integers(0, 1000)


def made(counts: list[int], **fields: Any) -> Samples:
    """Samples of as many classes as there are counts, shuffled, all different."""
    targets = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    np.random.default_rng(0).shuffle(targets)
    defaults: dict[str, Any] = {
        "inputs": np.zeros((len(targets), 1), np.float32),
        "targets": targets,
        "task": "classification",
        "class_names": tuple(f"c{i}" for i in range(len(counts))),
        "hashes": np.array([f"h{i}" for i in range(len(targets))]),
    }
    return Samples(**defaults | fields)


def assignment(samples: Samples, **options: Any) -> np.ndarray:
    """Each sample's part, after checking that every sample is in exactly one."""
    parts = split(samples, **options).parts
    found = np.full(len(samples), "", dtype="<U5")
    for part, where in parts.items():
        assert (np.diff(where) > 0).all()
        assert (found[where] == "").all()
        found[where] = part
    assert (found != "").all()
    return found


@given(COUNTS, SHARES, SEEDS)
@settings(deadline=None, max_examples=60)
def test_random_parts_have_exact_sizes_and_all_classes(
    counts: list[int], fractions: tuple[float, float, float], seed: int
) -> None:
    samples = made(counts)
    found = assignment(samples, fractions=fractions, seed=seed)
    nonempty = [share for share in fractions if share]
    for part, share in zip(PARTS, fractions, strict=True):
        inside = found == part
        # A small class in every part costs a part one sample for each other part (3 samples in 3
        # parts are 1 in each, whatever the shares), never more than that.
        forced = sum(count * min(nonempty) < 1 for count in counts)
        slack = 1 + forced * (len(nonempty) - 1)
        assert abs(inside.sum() - share * len(samples)) < slack
        for label, count in enumerate(counts):
            size = (samples.targets[inside] == label).sum()
            assert abs(size - share * count) < 3
            assert size > 0 or share == 0


@given(COUNTS, SHARES)
@settings(deadline=None, max_examples=60)
def test_quotas_sum_to_the_class_sizes(
    counts: list[int], fractions: tuple[float, float, float]
) -> None:
    shares = [share for share in fractions if share]
    quotas = class_quotas(np.array(counts), shares)
    assert quotas.sum(axis=1).tolist() == counts
    assert quotas.min() >= 1


@given(COUNTS, SEEDS)
@settings(deadline=None, max_examples=20)
def test_a_seed_repeats_its_split(counts: list[int], seed: int) -> None:
    samples = made(counts)
    assert (assignment(samples, seed=seed) == assignment(samples, seed=seed)).all()


def test_seeds_differ_and_100_samples_split_60_20_20() -> None:
    samples = made([50, 50])
    one, other = assignment(samples, seed=0), assignment(samples, seed=1)
    assert (one != other).any()
    for part, size in zip(PARTS, (30, 10, 10), strict=True):
        for label in (0, 1):
            assert ((one == part) & (samples.targets == label)).sum() == size


@given(COUNTS, st.integers(2, 30), st.integers(3, 12), SHARES, SEEDS)
@settings(deadline=None, max_examples=60)
def test_groups_and_copies_are_never_parted(
    counts: list[int],
    copied: int,
    group_count: int,
    fractions: tuple[float, float, float],
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    count = sum(counts)
    group_count = min(group_count, count)
    groups = rng.integers(0, group_count, count).astype(str)
    groups[:group_count] = np.arange(group_count).astype(str)
    hashes = np.array([f"h{i}" for i in range(count)])
    copies = rng.integers(0, count, (copied, 2))
    # Copies within groups only, so that the groups stay enough to fill the parts.
    for a, b in copies:
        if groups[a] == groups[b]:
            hashes[a] = hashes[b]
    samples = made(counts, groups=groups, hashes=hashes, kind="image")
    try:
        found = assignment(samples, fractions=fractions, seed=seed)
    except DataError as error:
        assert "not in the training split" in str(error)  # a class that only few groups have
        return
    for values in (groups, hashes):
        for value in np.unique(values):
            assert len(set(found[values == value])) == 1


def test_groups_that_share_a_copy_move_together() -> None:
    groups = np.repeat(list("abcdef"), 10)
    hashes = np.array([f"h{i}" for i in range(60)])
    hashes[0] = hashes[10] = hashes[20]  # a, b and c hang together
    samples = made([30, 30], groups=groups, hashes=hashes, kind="image")
    for seed in range(10):
        found = assignment(samples, seed=seed)
        assert len(set(found[:30])) == 1
        assert set(found) == set(PARTS)


@given(COUNTS, st.integers(2, 10), SEEDS)
@settings(deadline=None, max_examples=60)
def test_copies_stay_together_without_groups(counts: list[int], copied: int, seed: int) -> None:
    count = sum(counts)
    hashes = np.array([f"h{i}" for i in range(count)])
    rng = np.random.default_rng(seed)
    samples = made(counts)
    for a, b in rng.integers(0, count, (copied, 2)):
        if samples.targets[a] == samples.targets[b]:
            hashes[a] = hashes[b]
    samples = made(counts, hashes=hashes, kind="image")
    try:
        found = assignment(samples, seed=seed)
    except DataError as error:
        refused = ("too few different samples", "not in the training", "split would be empty")
        assert any(text in str(error) for text in refused)
        return
    for value in np.unique(hashes):
        assert len(set(found[hashes == value])) == 1


def test_copies_are_shared_out_too_and_sizes_stay_exact() -> None:
    hashes = np.array([f"h{i // 2}" if i < 400 else f"h{i}" for i in range(1000)])
    samples = made([500, 500], hashes=hashes, kind="image")
    result = split(samples, seed=3)
    sizes = {part: len(where) for part, where in result.parts.items()}
    assert sizes == {"train": 600, "valid": 200, "test": 200}
    share = {part: (where < 400).mean() for part, where in result.parts.items()}
    assert all(abs(value - 0.4) < 0.12 for value in share.values())
    assert any("200 exact duplicates found" in note for note in result.notes)


def test_rows_of_few_values_are_samples_of_their_own() -> None:
    hashes = np.array([f"h{i % 4}" for i in range(400)])
    samples = made([200, 200], hashes=hashes, kind="table")
    found = assignment(samples)
    assert [int((found == part).sum()) for part in PARTS] == [240, 80, 80]


@pytest.mark.parametrize("grouped", [False, True])
def test_hash_split_moves_no_sample_when_files_are_added(grouped: bool) -> None:
    def version(count: int) -> tuple[Samples, np.ndarray]:
        names = np.array([f"{i * 7919 % 100_003}" for i in range(count)])
        groups = np.array([f"g{i % 200}" for i in range(count)]) if grouped else None
        order = np.random.default_rng(count).permutation(count)
        samples = made([count], hashes=names[order], kind="image", task="regression")
        samples = Samples(**vars(samples) | {"groups": None if groups is None else groups[order]})
        return samples, names[order]

    (old, old_names), (new, new_names) = version(2000), version(2200)
    before = dict(zip(old_names, assignment(old, method="hash"), strict=True))
    after = dict(zip(new_names, assignment(new, method="hash", seed=9), strict=True))
    assert {name: after[name] for name in before} == before
    shares = [list(before.values()).count(part) / 2000 for part in PARTS]
    assert shares == pytest.approx([0.6, 0.2, 0.2], abs=0.1 if grouped else 0.03)


def test_hash_split_moves_no_row_when_rows_begin_to_repeat() -> None:
    def version(repeats: int) -> Samples:
        hashes = np.array([f"h{i}" for i in range(200)] + [f"h{i % 50}" for i in range(repeats)])
        return made([len(hashes)], hashes=hashes, kind="table", task="regression")

    old, new = version(100), version(400)
    assert (assignment(old, method="hash") == assignment(new, method="hash")[:300]).all()


def test_given_parts_are_kept_and_valid_is_taken_out_of_train() -> None:
    given_parts = np.array(["train"] * 80 + ["test"] * 20)
    samples = made([50, 50], given_parts=given_parts)
    result = split(samples)
    assert result.parts["test"].tolist() == list(range(80, 100))
    assert len(result.parts["valid"]) == 20  # .2 / (.6 + .2) of 80
    assert result.parts["valid"].max() < 80
    assert any(
        "validation taken out of the training split, 25% of it" in note for note in result.notes
    )
    none = split(samples, fractions=(0.8, 0.0, 0.2))
    assert len(none.parts["valid"]) == 0 and len(none.parts["train"]) == 80


def test_a_class_smaller_than_the_parts_is_named() -> None:
    with pytest.raises(DataError, match=r"3 splits in class 'c1' \(2\): each needs at least 3"):
        split(made([20, 2]))
    assert len(split(made([20, 2]), fractions=(0.5, 0.0, 0.5)).parts["test"]) == 11
    with pytest.raises(DataError, match="2 groups can't fill 3 splits"):
        split(made([10, 10], groups=np.arange(20) % 2))


def test_a_class_that_only_test_has_is_refused() -> None:
    samples = made([6, 6], given_parts=np.array(["train"] * 8 + ["test"] * 4))
    targets = np.array([0] * 8 + [1] * 4, dtype=np.int32)
    with pytest.raises(DataError, match="class 'c1' occurs in the validation or test split but"):
        split(Samples(**vars(samples) | {"targets": targets}))


@given(COUNTS, st.floats(0, 1), st.integers(0, 100))
@settings(deadline=None, max_examples=50)
def test_a_limit_draws_classes_in_proportion(counts: list[int], share: float, seed: int) -> None:
    samples = made(counts)
    wanted = min(max(4, len(counts), round(share * len(samples))), len(samples) - 1)
    chosen = draw(samples, wanted, seed)
    assert len(np.unique(chosen)) == len(chosen) == wanted
    drawn = np.bincount(samples.targets[chosen], minlength=len(counts))
    assert drawn.min() >= 1
    exact = np.array(counts) * wanted / len(samples)
    assert np.abs(drawn - exact).max() <= 2 + (exact < 1).sum()


def test_wine_keeps_its_240_copies_together() -> None:
    data = datasets.load(config(shared("tables/winequality-red.csv"), target="quality>=6", seed=5))
    assert [len(part) for part in data.parts().values()] == [959, 320, 320]
    hashes = [set(data.samples.hashes[part.indices]) for part in data.parts().values()]
    assert sum(map(len, hashes)) == len(set.union(*hashes)) == 1359


def test_mnist_is_split_exactly_in_proportion() -> None:
    data = datasets.load(config(shared("mnist10k/mnist10k.npz")))
    total = np.bincount(data.samples.targets)
    for part, share in zip(data.parts().values(), (0.6, 0.2, 0.2), strict=True):
        assert len(part) == share * 10_000
        assert np.abs(np.bincount(part.targets) - share * total).max() < 2


def test_rare_classes_are_merged_or_dropped_where_asked() -> None:
    samples = made([40, 30, 2, 1, 20])
    with pytest.raises(DataError, match="--rare merge or leave rare classes out with --rare"):
        loading.partition(samples, config("d"), 0)
    merged, parts = loading.partition(samples, config("d", rare="merge"), 0)
    assert merged.class_names == ("c0", "c1", "c4", "rare")
    assert np.bincount(merged.labels).tolist() == [40, 30, 20, 3]
    expected = np.array([0, 1, 3, 3, 2])[samples.labels]
    assert (merged.labels == expected).all() and len(merged) == 93
    assert merged.reader.class_names == ("c0", "c1", "c4", "rare")
    assert merged.reader.merged == {"c2": "rare", "c3": "rare"}
    assert parts.warnings[0] == (
        "classes with fewer than 3 different samples: 'c2' (2), 'c3' (1); merged into the class "
        "'rare': 'c2' (2), 'c3' (1) (--rare)"
    )
    left, parts = loading.partition(samples, config("d", rare="drop"), 0)
    assert left.class_names == ("c0", "c1", "c4") and len(left) == 90
    assert (left.labels == expected[expected < 3]).all()
    assert "left out, 3 samples" in parts.warnings[0]
    same, parts = loading.partition(made([20, 20]), config("d", rare="merge"), 0)
    assert same.class_names == ("c0", "c1") and not parts.warnings


def test_a_rare_class_alone_is_merged_with_the_next_smallest() -> None:
    merged, parts = loading.partition(made([40, 2, 9]), config("d", rare="merge"), 0)
    assert merged.class_names == ("c0", "rare")
    assert "the next smallest class joins them" in parts.warnings[0]
    assert "'c1' (2), 'c2' (9)" in parts.warnings[0]
    below, _ = loading.partition(made([40, 12, 9]), config("d", rare="drop", rare_below=10), 0)
    assert below.class_names == ("c0", "c1")
    with pytest.raises(DataError, match="would not leave two classes"):
        loading.partition(made([40, 2]), config("d", rare="merge"), 0)
    with pytest.raises(DataError, match="would not leave two classes"):
        loading.partition(made([40, 2]), config("d", rare="drop"), 0)


@pytest.mark.parametrize(
    ("sizes", "remedies"),
    [
        ([40, 30, 2], ["--rare merge", "--rare drop", "--fractions"]),
        ([40, 30, 1], ["--rare merge", "--rare drop"]),
        ([40, 2, 2], ["--rare merge", "--fractions"]),
        ([40, 2], ["--fractions"]),
        ([40, 1], []),
    ],
)
def test_remedies_of_rare_classes_are_named_where_they_help(
    sizes: list[int], remedies: list[str]
) -> None:
    samples = made(sizes)
    with pytest.raises(DataError, match="too few different samples for 3 splits") as told:
        loading.partition(samples, config("d"), 0)
    text = str(told.value).partition("; ")[2]
    assert [each for each in ("--rare merge", "--rare drop", "--fractions") if each in text] == (
        remedies
    )
    for how in ("merge", "drop"):
        if f"--rare {how}" in remedies:
            loading.partition(samples, config("d", rare=how), 0)
    if "--fractions" in remedies:
        loading.partition(samples, config("d", fractions="80/0/20"), 0)


def test_copies_count_once_and_given_splits_by_their_training_split() -> None:
    hashes = np.array(["same"] * 4 + [f"h{i}" for i in range(60)])
    labels = np.array([2] * 4 + [0, 1] * 30, np.int32)
    copied = made([4, 30, 30], targets=labels, hashes=hashes)
    left, _ = loading.partition(copied, config("d", rare="drop"), 0)
    assert left.class_names == ("c0", "c1")
    parts = np.array(["train", "train", "valid", "test"] * 16)
    labels = np.tile(np.array([0, 1, 0, 1], np.int32), 16)
    labels[[3, 7]] = 2
    given = made([32, 30, 2], targets=labels, given_parts=parts)
    left, _ = loading.partition(given, config("d", rare="drop"), 0)
    assert left.class_names == ("c0", "c1"), "it is in the test split only"


def test_new_samples_of_a_merged_class_are_read_as_that_class() -> None:
    reader = Reader(class_names=("a", "rare"), merged={"b": "rare"})
    assert positions_of(["a", "b", "rare"], reader, "new.csv").tolist() == [0, 1, 1]
    with pytest.raises(DataError, match="class 'c' is unknown"):
        positions_of(["c"], reader, "new.csv")


def test_a_limit_that_limits_nothing_says_so() -> None:
    samples, parts = loading.partition(made([20, 20]), config("d", limit=40), 0)
    assert len(samples) == 40
    assert parts.notes[0] == "limit: none, since there are 40 samples (--limit 40)"
    samples, parts = loading.partition(made([20, 20]), config("d", limit=39), 0)
    assert len(samples) == 39
    assert parts.notes[0].startswith("limit: 39 of 40 samples")
