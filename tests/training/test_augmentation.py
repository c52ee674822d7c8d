"""Augmentation while training: what is fed, by how many processes, and going on exactly."""

from __future__ import annotations

import hashlib
import math
import os
import signal
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.api import Run
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.policies import Policy, parse
from mlzoo.data.samples import Data
from mlzoo.losses._classes import class_accuracy
from mlzoo.losses._overlap import Dice
from mlzoo.losses._pixels import PixelCrossentropy
from mlzoo.metrics._followed import mean_iou, pixel_accuracy
from mlzoo.runs import datasets
from mlzoo.runs.config_loading import Merged, merge
from mlzoo.training.augment_search import pick
from mlzoo.training.building import build_model
from mlzoo.training.checkpoints import weights_sha256
from mlzoo.training.loop.batches import Batches, build_batches, worker_count
from mlzoo.training.loop.training import Training
from mlzoo.training.signals import Stop
from mlzoo.training.train import resume, train_merged
from tests.training.made import LEAN
from tests.training.masks import folder
from tests.training.test_resume import CopyAt, CountSteps, Cut, CutAt

SMALL = {"data": "digits", "limit": 200, "epochs": 2, "early_stopping": 0}
SHALLOW = {"filters": 2, "depth": 1, "convolutions": 1}


def config(**more: Any) -> Merged:
    return merge({"model": "cnn", "set": {"filters": [4]}, **LEAN, **SMALL, **more})


def load(**more: Any) -> tuple[Data, Merged]:
    merged = config(**more)
    return datasets.load(merged.config), merged


def batches(**more: Any) -> Batches:
    data, merged = load(**more)
    return build_batches(merged.config, data, 0)


def run(out: Path, name: str, listener: Listener | None = None, **more: Any) -> Run:
    return train_merged(config(out=str(out), name=name, **more), listener=listener)


def fit(config: RunConfig, data: Data, folder: Path, listener: Listener) -> str:
    """Only the training of a run: the digest of the final weights."""
    model = build_model(config, data, 0)
    Training(model, data, config, folder, 0, listener, Stop()).fit()
    return weights_sha256(model)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("data") / "pairs")


def digest(batch: Any) -> str:
    return hashlib.sha256(
        b"".join(np.ascontiguousarray(a).tobytes() for a in batch[:2])
    ).hexdigest()


def test_none_feeds_the_raw_data_bit_for_bit() -> None:
    data, merged = load(augment="none")
    made = build_batches(merged.config, data, 0)
    where = np.random.default_rng([0, 0]).permutation(len(data.train))[:32]
    inputs, targets, weights = next(made.epoch(0))
    assert weights is None
    assert digest((inputs, targets)) == digest(
        (data.train.inputs(where), data.train.targets[where])
    )


def test_32_samples_of_a_batch_get_different_transforms() -> None:
    """32 times the same image comes out in 32 ways, and in others in the next epoch."""
    data, merged = load(augment="light")
    data.samples.inputs[:] = data.samples.inputs[0]
    made = build_batches(merged.config, data, 0)
    first, second = (next(made.epoch(number))[0] for number in (0, 1))
    assert len(np.unique(first.reshape(32, -1), axis=0)) > 20
    assert not np.array_equal(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["classes", "masks"])
def test_batches_are_the_same_for_any_number_of_processes(task: str, pairs: Path) -> None:
    given: dict[str, Any] = {"augment": "heavy", "batch_size": 8, "model": "cnn", **SMALL}
    if task == "masks":
        given |= {"data": str(pairs), "model": "unet", "limit": 12, "tile": 64}
    found = []
    for count in (0, 1, 2):
        merged = merge({**given, "augment_workers": count})
        made = build_batches(merged.config, datasets.load(merged.config), 0)
        assert worker_count(merged.config, made.feed) == count
        epochs = [digest(batch) for number in (0, 1) for batch in made.epoch(number)]
        late = [digest(batch) for batch in made.epoch(1, first_step=2)]
        made.close()
        assert late == epochs[len(epochs) // 2 + 2 :]
        found.append(epochs)
    assert found[0] == found[1] == found[2]
    assert len(set(found[0])) == len(found[0])


@pytest.mark.slow
def test_a_process_that_dies_is_not_missed() -> None:
    made = batches(augment="heavy", augment_workers=2, batch_size=8)
    expected = [
        digest(b) for b in batches(augment="heavy", augment_workers=0, batch_size=8).epoch(0)
    ]
    running = made.epoch(0)
    found = [digest(next(running))]
    augmenter = made.feed.augmenter
    assert augmenter is not None and augmenter.workers is not None
    for number in augmenter.workers.processes():
        os.kill(number, signal.SIGKILL)
    found += [digest(batch) for batch in running]
    made.close()
    assert found == expected


@pytest.mark.slow
def test_processes_end_and_leave_nothing_behind() -> None:
    made = batches(augment="heavy", augment_workers=2)
    next(made.epoch(0))
    augmenter = made.feed.augmenter
    assert augmenter is not None and augmenter.workers is not None
    numbers = augmenter.workers.processes()
    made.close()
    for number in numbers:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
    for place in (Path("/dev/shm"), Path("/tmp")):
        assert not list(place.glob(f"mlzoo-{os.getpid()}-*"))


def test_processes_are_for_large_images_alone() -> None:
    small = batches(augment="heavy")
    assert worker_count(config(augment="heavy").config, small.feed) == 0
    assert worker_count(config().config, batches().feed) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        {"augment": "heavy"},
        {"augment": "heavy", "augment_workers": 2},
        {"augment": [{"MixUp": {"p": 1}}, {"CutMix": {"p": 0.5}}], "class_weights": "auto"},
        {"model": "mlp", "set": {"hidden": [8]}, "data": "wine", "augment": "heavy"},
        {
            "model": "rnn",
            "set": {"units": 4},
            "data": "accelerometer",
            "augment": "heavy",
            "limit": 40,
        },
    ],
)
def test_a_cut_changes_no_bit(tmp_path: Path, more: dict[str, Any]) -> None:
    data, merged = load(**{"checkpoint_every": 0, "limit": 100, "batch_size": 16, **more})
    (tmp_path / "whole").mkdir()
    copies, rest = CopyAt(tmp_path / "whole", {3}), CountSteps()
    whole = fit(merged.config, data, tmp_path / "whole", copies)
    assert fit(merged.config, data, tmp_path / "cut-3", rest) == whole
    assert rest.done == copies.done - 2


def test_only_the_training_part_is_changed(tmp_path: Path) -> None:
    plain, heavy = load()[0], load(augment="heavy")[0]
    for name in ("valid", "test"):
        one, other = plain.parts()[name], heavy.parts()[name]
        assert np.array_equal(one.inputs(), other.inputs())


def test_a_run_keeps_its_policy_and_its_picture(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("- Rotate: {limit: 20, p: 1}\n- MixUp: {alpha: 0.3}\n")
    done = run(tmp_path, "kept", augment=str(mine), epochs=1, pictures="all")
    mine.unlink()
    steps = ({"Rotate": {"limit": 20, "p": 1}}, {"MixUp": {"alpha": 0.3}})
    assert parse(str(done.path / "augmentation.yaml")).steps == steps
    assert tuple(done.config.augment) == steps  # the configuration needs the file no more
    rows = (done.path / "plots" / "augmentation.csv").read_text().splitlines()
    assert len(rows) == 1 + 6 * 6 and any("Rotate" in row for row in rows)
    assert (done.path / "plots" / "augmentation.png").stat().st_size > 10_000
    again = train_merged(merge({"out": str(tmp_path), "name": "again"}, done.path / "config.yaml"))
    assert again.metrics["weights_sha256"] == done.metrics["weights_sha256"]


def test_no_policy_leaves_no_file(tmp_path: Path) -> None:
    done = run(tmp_path, "plain", epochs=1, augment="none", pictures="all")
    assert not (done.path / "augmentation.yaml").exists()
    assert not (done.path / "plots" / "augmentation.png").exists()


# -- Shares of classes


def test_the_loss_of_shares_is_the_mean_of_both_losses() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], np.float32)
    shares = np.array([[0.75, 0.25, 0], [0, 0, 1]], np.float32)
    merged = config(augment=[{"MixUp": {}}])
    from mlzoo.training.optimizers import build_loss

    outputs = datasets.load(merged.config).outputs
    loss = build_loss(merged.config, outputs, None, mixed=True)
    expected = [-0.75 * math.log(0.7) - 0.25 * math.log(0.2), -math.log(0.6)]
    assert float(loss(shares, p)) == pytest.approx(np.mean(expected), rel=1e-5)
    assert float(loss(np.array([0, 2]), p)) == pytest.approx(
        np.mean([-math.log(0.7), -math.log(0.6)]), rel=1e-5
    )
    said = keras.ops.convert_to_numpy(class_accuracy(shares, p))
    assert said.tolist() == [1, 1]
    half = np.array([[0.4], [0.8]], np.float32)  # one unit: of the second class
    assert keras.ops.convert_to_numpy(
        class_accuracy(np.array([[0.6, 0.4], [0.9, 0.1]]), half)
    ).tolist() == [1, 0]


def test_losses_of_masks_take_shares() -> None:
    random = np.random.default_rng(0)
    p = random.dirichlet([1, 1, 1], (2, 4, 5)).astype(np.float32)
    labels = random.integers(0, 3, (2, 4, 5)).astype(np.uint8)
    labels[0, 0] = 255
    hard = np.eye(3, dtype=np.float32)[np.minimum(labels, 2)] * (labels != 255)[..., None]
    for loss in (PixelCrossentropy(), PixelCrossentropy(2.0, [1, 2, 3]), Dice()):
        assert float(loss(hard, p)) == pytest.approx(float(loss(labels, p)), rel=1e-5)
    for metric in (pixel_accuracy, mean_iou):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(metric(hard, p)),
            keras.ops.convert_to_numpy(metric(labels, p)),
            rtol=1e-6,
        )
    mixed = 0.6 * hard + 0.4 * hard[::-1]
    one = PixelCrossentropy()
    both = -(mixed * np.log(p)).sum(-1).sum((1, 2)) / (mixed.sum(-1) > 0).sum((1, 2))
    assert float(one(mixed, p)) == pytest.approx(both.mean(), rel=1e-5)


@pytest.mark.parametrize("loss", ["lovasz", "dice+0.5*boundary"])
def test_losses_that_need_whole_labels_refuse_mixing(
    loss: str, pairs: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="needs whole labels; leave out MixUp and CutMix"):
        run(
            tmp_path,
            "x",
            model="unet",
            set=SHALLOW,
            data=str(pairs),
            limit=12,
            loss=loss,
            augment=[{"CutMix": {}}],
        )


def test_masks_that_are_mixed_train(pairs: Path, tmp_path: Path) -> None:
    done = run(
        tmp_path,
        "m",
        model="unet",
        set=SHALLOW,
        data=str(pairs),
        limit=12,
        augment=[{"MixUp": {"p": 1}}, {"CutMix": {"p": 0.5}}],
    )
    assert math.isfinite(done.metrics["valid"]["loss"])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"augment": "light", "optimizer": "lbfgs"}, "augment has no effect: it needs optimizer"),
        ({"augment_workers": 2}, "augment_workers has no effect: augment is none"),
        ({"augment_trials": 3}, "augment_trials has no effect: it needs augment search"),
        ({"augment": "lihgt"}, "did you mean 'light'"),
        ({"augment_workers": -1}, "from 0 to 256"),
    ],
)
def test_what_has_no_effect_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        config(**more)


# -- Search


def test_the_best_is_picked_and_of_two_alike_the_weaker() -> None:
    policies = [Policy(name) for name in "abcd"]
    values = [0.4, 0.3, math.nan, 0.3]
    assert pick(policies, lambda n, p: values[n], "min") == (policies[1], 0.3)
    assert pick(policies, lambda n, p: values[n], "max") == (policies[0], 0.4)


def test_a_search_is_told_kept_and_goes_on_where_it_was(tmp_path: Path) -> None:
    given: dict[str, Any] = {"augment": "search", "augment_trials": 3, "checkpoint_every": 0}
    given |= {"model": "mlp", "set": {"hidden": [4]}}
    whole = run(tmp_path, "whole", **given)
    table = (whole.path / "augmentation_search.csv").read_text()
    rows = [line.split(",") for line in table.splitlines()]
    assert [row[0] for row in rows] == ["policy", "magnitude 0", "magnitude 5", "magnitude 10"]
    best = min(rows[1:], key=lambda row: float(row[1]))
    text = (whole.path / "augmentation.yaml").read_text()
    assert best[0] in text and "the best of 3 on the validation split" in text
    assert not (whole.path / "checkpoints").exists()
    # 120 samples make 4 steps an epoch, 8 a trial: the cut is in the second trial.
    with pytest.raises(Cut):
        run(tmp_path, "cut", CutAt(11), **given)
    again = resume(tmp_path / "cut")
    assert (again.path / "augmentation_search.csv").read_text() == table
    assert again.metrics["weights_sha256"] == whole.metrics["weights_sha256"]


def test_a_search_needs_a_part_to_validate_on(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a validation split"):
        run(tmp_path, "x", augment="search", fractions="80/0/20", monitor="loss")


# -- Test-time augmentation


def test_flips_average_what_the_model_says(pairs: Path, tmp_path: Path) -> None:
    from mlzoo import load as open_run

    done = run(tmp_path, "t", model="unet", set=SHALLOW, data=str(pairs), limit=12)
    image = np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3), np.uint8)
    image = image[..., : done.record["input_shape"][-1]]
    plain, turned = open_run(done.path), open_run(done.path, tta="flips")
    said = []
    for turn in range(4):
        for mirror in (False, True):
            seen = np.rot90(image, turn, axes=(1, 2))
            seen = seen[:, :, ::-1] if mirror else seen
            out = plain.outputs(seen)
            out = out[:, :, ::-1] if mirror else out
            said.append(np.rot90(out, -turn, axes=(1, 2)))
    np.testing.assert_allclose(turned.outputs(image), np.mean(said, axis=0), atol=1e-6)
    # The mean does not depend on how the image lies.
    other = turned.outputs(np.rot90(image, 1, axes=(1, 2)))
    np.testing.assert_allclose(np.rot90(other, -1, axes=(1, 2)), turned.outputs(image), atol=1e-6)
    wide = image[:, :64]
    assert turned.outputs(wide).shape[1:3] == (64, 96)
    assert turned.evaluate()["metrics"]["per_class"] is not None


def test_flips_are_for_images(tmp_path: Path) -> None:
    from mlzoo import load as open_run

    done = run(tmp_path, "w", model="mlp", set={"hidden": [4]}, data="wine", limit=100)
    with pytest.raises(UsageError, match="--tta flips is for images"):
        open_run(done.path, tta="flips")
    with pytest.raises(UsageError, match="choose none or flips"):
        open_run(done.path, tta="spins")
