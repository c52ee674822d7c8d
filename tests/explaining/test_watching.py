"""Maps while a model is trained."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from mlzoo.explaining.watching import MapsEvery
from tests.cli.shell import run_mlzoo


def test_a_callback_writes_every_second_epoch(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(2, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((12, 12, 1)), *layers])
    x = np.random.default_rng(0).random((6, 12, 12, 1)).astype("float32")
    model.compile("sgd", "sparse_categorical_crossentropy")
    callback = MapsEvery(tmp_path, x, every=2, names=("a", "b"))
    model.fit(x, np.array([0, 1, 0, 1, 0, 1]), epochs=5, verbose=0, callbacks=[callback])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-002.png", "epoch-004.png"]


def test_a_training_draws_and_ends_with_the_same_weights(tmp_path: Path) -> None:
    words = ("train", "cnn", "digits", "--limit", 100, "--epochs", 2, "--set", "filters=4")
    for name, more in (("drawn", ("--explain-every", 2)), ("plain", ())):
        done = run_mlzoo(*words, "--out", tmp_path, "--name", name, "--json", *more)
        assert done.code == 0, done.err
    drawn, plain = (
        keras.models.load_model(tmp_path / name / "model.keras", safe_mode=True).get_weights()
        for name in ("drawn", "plain")
    )
    for one, other in zip(drawn, plain, strict=True):
        np.testing.assert_array_equal(one, other)
    pictures = tmp_path / "drawn" / "explanations" / "training"
    assert [path.name for path in pictures.iterdir()] == ["epoch-002.png"]
    assert not (tmp_path / "plain" / "explanations").exists()
