"""What is special to the convolutional LSTM; the contract holds the rest."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.data.sequences.signals import moving_spots
from mlzoo.data.specs import Inputs, Outputs
from tests.contracts import CLASSES, outcome

FILM = Inputs((8, 16, 16, 1), "array")


def build(inputs: Inputs = FILM, outputs: Outputs = CLASSES, **settings) -> keras.Model:
    keras.utils.set_random_seed(0)
    plugin = registry.load("model", "conv_lstm")
    return plugin.build(plugin.Config(**settings), inputs, outputs)


@pytest.mark.backends
def test_weights_are_those_of_four_convolutions_of_input_and_state() -> None:
    model = build(filters=(5, 3), kernel_size=3, batch_normalization=False)
    first, second = (model.get_layer(f"conv_lstm{i}").count_params() for i in (1, 2))
    assert first == 4 * (3 * 3 * (1 + 5) * 5 + 5)
    assert second == 4 * (3 * 3 * (5 + 3) * 3 + 3)
    assert model.count_params() == first + second + 3 * 3 + 3


def test_small_images_are_pooled_as_long_as_they_can_be() -> None:
    model = build(Inputs((3, 4, 5, 1), "array"), filters=(2, 2, 2, 2))
    assert [layer.name for layer in model.layers if "pool" in layer.name] == ["pool1", "pool2"]


def test_it_tells_where_spots_move() -> None:
    """Of films that it has not seen, played forwards and backwards: single images don't tell."""
    films, answers = moving_spots(320, 0.05, np.random.default_rng(0))
    two = answers < 2
    films, answers = films[two][:, ::2, ::2, ::2], answers[two]
    model = build(Inputs((4, 8, 8, 1), "array"), Outputs("classification", 1), filters=(6,))
    model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy")
    model.fit(films[:120], answers[:120], batch_size=20, epochs=15, verbose=0)
    new, truth = films[120:], answers[120:]
    assert ((outcome(model, new)[:, 0] > 0.5) == truth).mean() > 0.85
    assert ((outcome(model, new[:, ::-1])[:, 0] > 0.5) != truth).mean() > 0.85


def test_what_is_no_film_is_refused() -> None:
    with pytest.raises(UsageError, match=r"sequences of images .* has shape \(16, 16, 1\)"):
        build(Inputs((16, 16, 1), "image"))
    with pytest.raises(ValidationError, match="names no layer"):
        registry.load("model", "conv_lstm").Config(filters=[])


@pytest.mark.parametrize("name", ["rnn", "tcn"])
def test_models_of_numbers_over_time_name_this_one_for_films(name: str) -> None:
    with pytest.raises(UsageError, match=r"needs sequences .*\(8, 16, 16, 1\); try `conv_lstm`"):
        Inputs((8, 16, 16, 1)).require_sequence(name)
