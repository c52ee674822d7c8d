from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.samples import Data, Samples
from mlzoo.data.sequences.windows import Windows, folds_by_time
from mlzoo.runs import datasets
from mlzoo.runs.folds import fold_data, split_folds
from mlzoo.tuning.plan import least_samples
from mlzoo.tuning.trials.folds import search_folds

RUN = RunConfig(model="mlp", data="digits", limit=600)


@pytest.fixture(scope="module")
def samples() -> Samples:
    return loading.read(RUN)


def arranged(samples: Samples, **fields: object) -> Data:
    return datasets.arrange(samples, RUN.model_copy(update=fields), 0)


@pytest.mark.parametrize(("folds", "nested"), [(1, 0), (2, 0), (5, 0), (3, 2), (5, 4), (1, 3)])
def test_rare_classes_have_enough_samples_for_every_fold(folds: int, nested: int) -> None:
    below = least_samples(RUN, folds, nested)
    assert (below == 3) == (folds == 1 and not nested)
    for size in range(below, below + 4):
        labels = np.repeat([0, 1], [97, size]).astype(np.int32)
        rows = np.arange(len(labels), dtype=np.float32)[:, None]
        own = Samples(rows, labels, "classification", class_names=("a", "b"))
        for seed in range(3):
            data = datasets.arrange(own, RUN.model_copy(update={"limit": None}), seed)
            found = search_folds(data, RUN, folds, nested)
            assert all(labels[train].any() for train, _ in found)


@pytest.mark.parametrize("count", [2, 5])
def test_folds_share_out_all_but_the_test_part_with_classes_in_proportion(
    samples: Samples, count: int
) -> None:
    data = arranged(samples)
    folds = split_folds(data, RUN, count)
    scored = np.concatenate([valid for _, valid in folds])
    pool = np.union1d(data.train.indices, data.valid.indices)
    assert sorted(scored) == pool.tolist()
    assert not set(scored) & set(data.test.indices)
    for train, valid in folds:
        assert sorted([*train, *valid]) == pool.tolist()
        share = np.bincount(data.samples.labels[valid], minlength=10) / len(valid)
        whole = np.bincount(data.samples.labels[pool], minlength=10) / len(pool)
        assert np.abs(share - whole).max() <= 2 / len(valid)
        own = fold_data(data, (train, valid))
        assert len(own.test) == 0
    again = split_folds(data, RUN, count)
    assert all((a[1] == b[1]).all() for a, b in zip(folds, again, strict=True))


def test_one_fold_is_the_validation_part(samples: Samples) -> None:
    data = arranged(samples)
    [(train, valid)] = split_folds(data, RUN, 1)
    assert (train == data.train.indices).all() and (valid == data.valid.indices).all()
    with pytest.raises(UsageError, match="there is no validation split"):
        split_folds(arranged(samples, fractions="80/0/20"), RUN, 1)


def test_groups_stay_whole(samples: Samples) -> None:
    groups = np.arange(len(samples)) // 9
    data = arranged(replace(samples, groups=groups), limit=None)
    for train, valid in split_folds(data, RUN, 4):
        assert not set(groups[train]) & set(groups[valid])
        assert not set(groups[valid]) & set(groups[data.test.indices])


def test_a_fold_is_scaled_by_its_own_training_part() -> None:
    run = RunConfig(model="mlp", data="diabetes", limit=200)
    data = datasets.arrange(loading.read(run), run, 0)
    folds = [fold_data(data, fold) for fold in split_folds(data, run, 2)]
    means = [fold.train.targets.mean() for fold in folds]
    assert [fold.outputs.mean[0] for fold in folds] == pytest.approx(means)
    assert means[0] != means[1] != data.outputs.mean[0]


def test_folds_of_time_are_scored_on_what_follows() -> None:
    starts = np.arange(100)
    spans = np.stack([starts, starts + 5], axis=1)
    windows = Windows(spans, starts, 1, np.arange(106))
    pool = np.arange(80)
    for gap in (0, 3):
        folds = folds_by_time(windows, pool, 4, gap)
        assert len(folds) == 4
        for train, valid in folds:
            assert spans[train, 1].max() + gap <= spans[valid, 0].min()
            assert valid.max() < 80
        assert len(folds[0][0]) < len(folds[3][0])
    with pytest.raises(DataError, match="use fewer --folds"):
        folds_by_time(windows, np.arange(8), 4, 0)


def test_folds_of_time_share_no_target_while_inputs_reach_back() -> None:
    starts = np.arange(100)
    spans = np.stack([starts, starts + 5], axis=1)
    windows = Windows(spans, starts, 1, np.arange(106), targets=starts + 4)
    for gap in (0, 3):
        for train, valid in folds_by_time(windows, np.arange(80), 4, gap):
            assert spans[train, 1].max() + gap <= windows.first_targets[valid].min()
            assert spans[valid, 0].min() < spans[train, 1].max()
            assert len(valid) == 16 - gap


def test_training_on_both_parts_leaves_the_test_part_as_it_was(samples: Samples) -> None:
    alone = arranged(samples)
    joined = arranged(samples, train_on="train+valid")
    assert (joined.test.indices == alone.test.indices).all()
    both = np.union1d(alone.train.indices, alone.valid.indices)
    assert (joined.train.indices == both).all() and len(joined.valid) == 0
