"""Models that draw samples: what their losses are, and that they learn."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from mlzoo.core import fields, registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.contracts import Evaluation, task
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.data.specs import Inputs, Outputs, Target
from mlzoo.evaluating.evaluate import fit_baselines
from mlzoo.layers.input_scaling import input_spec
from mlzoo.layers.networks import StepContext
from mlzoo.layers.spectral_norm import SpectralNormConv2D
from mlzoo.runs import datasets
from mlzoo.runs.models import conditions_in_turn, draw_samples, log_weights_of
from mlzoo.statistics.unlabeled.likelihood import elbo_of, log_likelihood_of
from mlzoo.training import checkpoints
from mlzoo.training.building import build_model
from mlzoo.training.figures import unlabeled
from mlzoo.training.loop.early_stopping import Fitted
from mlzoo.training.loop.steps import value_and_gradients
from mlzoo.training.loop.training import Training
from mlzoo.training.signals import Stop
from tests.training.made import config
from tests.training.test_resume import CopyAt

SCALING = [keras.layers.serialize(keras.layers.Rescaling(1 / 16, name="scaling"))]
SETTINGS: dict[str, dict[str, Any]] = {
    "vae": {"hidden": [24], "filters": [8, 12]},
    "dcgan": {"filters": 8, "code": 6},
    "diffusion": {"filters": 8, "sampling_steps": 4},
    "pca": {"code": 5},
}
NAMES = [
    name
    for name in registry.defining("model", "networks")
    if Target("inputs", "draw").accepted_by(registry.constants("model", name)["TARGETS"])
]


def specs(name: str, shape: tuple[int, ...]) -> tuple[ModuleType, Any, Inputs, Outputs]:
    plugin = registry.load("model", name)
    inputs = Inputs(shape, "image", scaling=SCALING)
    outputs = Outputs("generation", shape[-1], scaling=SCALING, shape=shape, bounded=True)
    return plugin, plugin.Config(**SETTINGS[name]), inputs, outputs


def context(training: bool = True, epoch: float = 100.0) -> StepContext:
    return StepContext(keras.random.SeedGenerator(0), epoch, 10 * epoch, training)


def number(value: Any) -> float:
    return float(keras.ops.convert_to_numpy(value))


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    file = registry.source_file("model", name)
    assert file is not None and registry.summary("model", name).endswith(".")
    documented = fields.settings(file)
    plugin = registry.load("model", name)
    assert [setting.name for setting in documented] == list(plugin.Config.model_fields)
    assert all(setting.help.endswith(".") for setting in documented)
    assert not {*plugin.Config.model_fields} & {*RunConfig.model_fields}, "a flag means one thing"
    networks = plugin.networks(*specs(name, (8, 8, 1))[1:])
    assert plugin.MAIN in networks and all(each.layers for each in networks.values())


@pytest.mark.parametrize("shape", [(28, 28, 1), (21, 18, 3)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_samples_have_the_shape_and_range_of_the_data(
    name: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    plugin, settings, inputs, outputs = specs(name, shape)
    networks = plugin.networks(settings, inputs, outputs)
    draw = partial(draw_samples, plugin, SETTINGS[name])
    samples = draw(networks, 5, 1)
    assert samples.shape == (5, *shape) and 0 <= samples.min() < samples.max() <= 1
    np.testing.assert_allclose(draw(networks, 3, 1), samples[:3], atol=1e-6)
    assert np.abs(draw(networks, 5, 2) - samples).max() > 1e-3
    main = networks[plugin.MAIN]
    main.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    loaded = draw({**networks, plugin.MAIN: again}, 5, 1)
    np.testing.assert_allclose(loaded, samples, atol=1e-6)


def linear_gaussian(
    shift: float,
) -> tuple[dict[str, keras.Model], np.ndarray, Callable[[float], np.ndarray]]:
    """Networks of x = W z + b + noise, samples x (1200, 3), and their log-likelihood by variance.

    W has orthogonal columns, so that the codes' posterior at a variance of .25, which the encoder
    gives, has a diagonal covariance; its means are shifted.
    """
    rng, variance = np.random.default_rng(1), 0.25
    columns = np.linalg.qr(rng.normal(size=(3, 2)))[0] * [2.0, 0.7]
    offset = np.array([1.0, -2.0, 0.5])
    z, noise = rng.normal(size=(1200, 2)), rng.normal(size=(1200, 3))
    centered = z @ columns.T + variance**0.5 * noise

    def exact(variance: float) -> np.ndarray:
        covariance = columns @ columns.T + variance * np.eye(3)
        distances = (centered @ np.linalg.inv(covariance) * centered).sum(axis=1)
        return -(distances + np.linalg.slogdet(2 * np.pi * covariance)[1]) / 2

    posterior = 1 / (1 + (columns**2).sum(axis=0) / variance)
    back = columns * posterior / variance
    encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    means = np.concatenate([back, np.zeros((3, 2))], axis=1)
    encoder.set_weights([means, np.concatenate([shift - offset @ back, np.log(posterior)])])
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    decoder.set_weights([columns.T, offset])
    return {"encoder": encoder, "decoder": decoder}, centered + offset, exact


def test_the_likelihood_of_a_linear_vae_is_in_closed_form() -> None:
    plugin = registry.load("model", "vae")
    weigh = partial(plugin.log_weights, plugin.Config(code=2))
    outputs = Outputs("generation", 3, shape=(3,))

    networks, x, exact = linear_gaussian(0.0)
    weights = weigh(networks, outputs, 8, 0, x[200:], x[:200])
    # By the exact posterior each weight is the likelihood; the variance alone is estimated.
    np.testing.assert_allclose(weights, np.repeat(exact(0.25)[:200, None], 8, axis=1), atol=0.3)
    assert elbo_of(weights).mean() == pytest.approx(exact(0.25)[:200].mean(), abs=0.03)

    networks, x, exact = linear_gaussian(0.25)
    mean, log_variance = np.split(networks["encoder"].predict_on_batch(x[200:]), 2, axis=1)
    noise = np.random.default_rng(0).normal(size=mean.shape)
    y = networks["decoder"].predict_on_batch(mean + np.exp(log_variance / 2) * noise)
    expected = exact(float(np.mean((x[200:] - y) ** 2)))[:200].mean()
    few, many = (weigh(networks, outputs, codes, 0, x[200:], x[:200]) for codes in (2, 400))
    assert elbo_of(many).mean() < expected - 0.4
    assert log_likelihood_of(few).mean() < expected - 0.1
    assert log_likelihood_of(many).mean() == pytest.approx(expected, abs=0.06)


def test_the_likelihood_of_pixels_is_their_cross_entropy() -> None:
    plugin, gaussian, inputs, outputs = specs("vae", (8, 8, 1))
    settings = gaussian.model_copy(update={"reconstruction": "bce"})
    keras.utils.set_random_seed(0)
    networks = plugin.networks(settings, inputs, outputs)
    x = 16 * np.random.default_rng(0).integers(0, 2, size=(5, 8, 8, 1)).astype("float32")
    assert plugin.log_weights(settings, networks, outputs, 2, 0, x / 2, x / 2) is None, "gray"
    weights = plugin.log_weights(settings, networks, outputs, 400, 0, x, x)
    [objective] = plugin.objectives(settings, inputs, outputs)
    losses = [
        number(objective.loss(networks, x, x, StepContext(seeds, 100.0, 0, False))["loss"])
        for seeds in map(keras.random.SeedGenerator, range(200))
    ]
    assert elbo_of(weights).mean() == pytest.approx(-np.mean(losses), abs=0.5)
    assert (log_likelihood_of(weights) >= elbo_of(weights)).all()


def test_models_without_a_likelihood_or_too_large_ones_have_none() -> None:
    plugin, settings, inputs, outputs = specs("vae", (8, 8, 1))
    networks = plugin.networks(settings, inputs, outputs)
    assert log_weights_of(plugin, {}, networks, outputs, 0) is not None
    code = keras.Input((2,))
    large = keras.Model(code, keras.layers.Dense(700_000)(code))
    assert log_weights_of(plugin, {}, {**networks, "decoder": large}, outputs, 0) is None
    assert log_weights_of(registry.load("model", "dcgan"), {}, {}, outputs, 0) is None


@pytest.mark.backends
def test_the_elbo_of_a_vae_is_its_formula() -> None:
    plugin, gaussian, inputs, outputs = specs("vae", (8, 8, 1))
    settings = gaussian.model_copy(update={"reconstruction": "bce"})
    networks = plugin.networks(settings, inputs, outputs)
    [objective] = plugin.objectives(settings, inputs, outputs)
    x = np.random.default_rng(0).integers(0, 17, size=(7, 8, 8, 1)).astype("float32")
    terms = objective.loss(networks, x, x, context(False))
    moments = keras.ops.convert_to_numpy(networks["encoder"](x)).astype("float64")
    mean, log_variance = np.split(moments, 2, axis=1)
    kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).sum(axis=1).mean()
    noise = keras.random.normal(mean.shape, seed=keras.random.SeedGenerator(0))
    code = mean + np.exp(log_variance / 2) * keras.ops.convert_to_numpy(noise)
    y = keras.ops.convert_to_numpy(networks["decoder"](code.astype("float32"))).astype("float64")
    errors = -(x / 16) * np.log(y) - (1 - x / 16) * np.log(1 - y)
    assert number(terms["kl"]) == pytest.approx(kl, rel=1e-4)
    assert number(terms["reconstruction"]) == pytest.approx(errors.sum() / 7, rel=1e-4)
    assert number(terms["loss"]) == pytest.approx(errors.sum() / 7 + kl, rel=1e-4)
    early = objective.loss(networks, x, x, context(True, epoch=1.0))
    expected = number(early["reconstruction"]) + number(early["kl"]) / 5
    assert number(early["loss"]) == pytest.approx(expected, rel=1e-5), "beta rises over 5 epochs"

    [objective] = plugin.objectives(gaussian, inputs, outputs)
    terms = objective.loss(networks, x, x, context(False))
    variance = ((x / 16 - y) ** 2).mean()
    likelihood = 32 * (math.log(2 * math.pi * variance) + 1)
    assert number(terms["reconstruction"]) == pytest.approx(likelihood, rel=1e-4)


@pytest.mark.backends
def test_the_losses_of_a_gan_are_their_formulas() -> None:
    plugin, settings, inputs, outputs = specs("dcgan", (8, 8, 1))
    settings = settings.model_copy(update={"dropout": 0.0})
    networks = plugin.networks(settings, inputs, outputs)
    x = np.random.default_rng(0).integers(0, 17, size=(9, 8, 8, 1)).astype("float32")
    code = keras.random.normal((9, settings.code), seed=keras.random.SeedGenerator(0))
    critic, images = networks["discriminator"], networks["generator"](code)
    real, drawn = (keras.ops.convert_to_numpy(critic(each)) for each in (x / 16, images))
    p_real, p_drawn = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-drawn))
    discriminator, generator = plugin.objectives(settings, inputs, outputs)
    smoothed = -(0.9 * np.log(p_real) + 0.1 * np.log(1 - p_real)).mean()
    expected = smoothed - np.log(1 - p_drawn).mean()
    found = discriminator.loss(networks, x, x, context(False))["loss"]
    assert number(found) == pytest.approx(expected, rel=1e-4)
    found = generator.loss(networks, x, x, context(False))["loss"]
    assert number(found) == pytest.approx(-np.log(p_drawn).mean(), rel=1e-4), "non-saturating"
    hinge = settings.model_copy(update={"adversarial": "hinge"})
    discriminator, generator = plugin.objectives(hinge, inputs, outputs)
    expected = np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + drawn).mean()
    found = discriminator.loss(networks, x, x, context(False))["loss"]
    assert number(found) == pytest.approx(expected, rel=1e-4)


@pytest.mark.backends
def test_the_loss_of_a_critic_has_a_penalty_on_its_gradient() -> None:
    plugin, settings, inputs, outputs = specs("dcgan", (8, 8, 1))
    settings = plugin.Config(**SETTINGS["dcgan"], adversarial="wasserstein", gradient_penalty=3.0)
    networks = plugin.networks(settings, inputs, outputs)
    image = keras.Input((8, 8, 1))
    layer = keras.layers.Dense(1)
    critic = keras.Model([image], layer(keras.layers.Flatten()(image)))
    networks["discriminator"] = critic
    x = np.random.default_rng(0).integers(0, 17, size=(9, 8, 8, 1)).astype("float32")
    code = keras.random.normal((9, settings.code), seed=keras.random.SeedGenerator(0))
    drawn = keras.ops.convert_to_numpy(networks["generator"](code))
    kernel = keras.ops.convert_to_numpy(layer.kernel)[:, 0].astype("float64")
    norm = np.linalg.norm(kernel)
    apart = (x / 16 - drawn).reshape(9, -1).mean(axis=0)
    discriminator, generator = plugin.objectives(settings, inputs, outputs)
    variables = [v for each in networks.values() for v in each.variables]
    terms, [gradient, _] = value_and_gradients(
        lambda: discriminator.loss(networks, x, x, context(False)),
        critic.trainable_variables,
        variables,
    )
    assert number(terms["distance"]) == pytest.approx(apart @ kernel, rel=1e-3)
    assert number(terms["penalty"]) == pytest.approx((norm - 1) ** 2, rel=1e-3)
    expected = 3 * (norm - 1) ** 2 - apart @ kernel
    assert number(terms["loss"]) == pytest.approx(expected, rel=1e-3)
    slope = 6 * (norm - 1) * kernel / norm - apart
    gradient = keras.ops.convert_to_numpy(gradient)[:, 0]
    np.testing.assert_allclose(gradient, slope, atol=1e-3, err_msg="through the norm too")
    loss = generator.loss(networks, x, x, context(False))["loss"]
    assert number(loss) == pytest.approx(-number(keras.ops.mean(critic(drawn))), rel=1e-4)
    with pytest.raises(ValueError, match="without adversarial=wasserstein"):
        plugin.Config(gradient_penalty=3.0)


def test_normalization_of_a_discriminator_follows_from_its_loss() -> None:
    plugin, settings, inputs, outputs = specs("dcgan", (16, 16, 1))
    for given, layer in (
        ({}, keras.layers.BatchNormalization),
        ({"adversarial": "wasserstein"}, keras.layers.LayerNormalization),
        ({"spectral_norm": True}, SpectralNormConv2D),
    ):
        chosen = settings.model_copy(update=given)
        layers = plugin.networks(chosen, inputs, outputs)["discriminator"].layers
        kinds = {keras.layers.BatchNormalization, keras.layers.LayerNormalization}
        kinds |= {SpectralNormConv2D}
        assert {type(each) for each in layers} & kinds == {layer}


@pytest.mark.backends
def test_the_loss_of_diffusion_is_its_formula() -> None:
    plugin, settings, inputs, outputs = specs("diffusion", (8, 8, 1))
    networks = plugin.networks(settings, inputs, outputs)
    [objective] = plugin.objectives(settings, inputs, outputs)
    trained, average = networks["denoiser"], networks["average"]
    trained.set_weights([1.1 * each + 0.01 for each in trained.get_weights()])
    x = np.random.default_rng(0).integers(0, 17, size=(6, 8, 8, 1)).astype("float32")
    seeds = keras.random.SeedGenerator(0)
    start = keras.ops.convert_to_numpy(keras.random.uniform((1,), seed=seeds))
    noise = keras.ops.convert_to_numpy(keras.random.normal(x.shape, seed=seeds))
    time = (start + np.arange(6) / 6) % 1
    a = np.cos((time + 0.008) / 1.008 * np.pi / 2) / np.cos(0.008 / 1.008 * np.pi / 2)
    a, s = (each[:, None, None, None] for each in (a, np.sqrt(1 - a**2)))
    image = x / 8 - 1
    given = [(a * image + s * noise).astype("float32"), time[:, None].astype("float32")]
    for training, network in {False: average, True: trained}.items():
        v = keras.ops.convert_to_numpy(network(given))
        expected = ((v - (a * noise - s * image)) ** 2).mean()
        before = average.get_weights()
        found = objective.loss(networks, x, x, context(training, epoch=2.0))["loss"]
        assert number(found) == pytest.approx(expected, rel=1e-3)
        moved = zip(average.get_weights(), before, trained.get_weights(), strict=True)
        kept = 21 / 30 if training else 1.0  # (1 + step) / (10 + step) at step 20
        name = average.get_layer("waves").weights[0].path
        for (after, old, weight), variable in zip(moved, average.weights, strict=True):
            share = 1.0 if variable.path == name else kept
            np.testing.assert_allclose(after, share * old + (1 - share) * weight, atol=1e-5)


@pytest.mark.parametrize("deviation", [0.2, 0.5, 2.0])
def test_diffusion_draws_a_normal_distribution_with_its_best_denoiser(deviation: float) -> None:
    class Best:
        output_shape = (None, 4, 4, 1)

        def predict_on_batch(self, given: list[np.ndarray]) -> np.ndarray:
            """Return the mean of a * noise - s * image, known a * image + s * noise."""
            noisy, time = given
            a = np.cos((time + 0.008) / 1.008 * np.pi / 2) / np.cos(0.008 / 1.008 * np.pi / 2)
            a, s = (each[:, :, None, None] for each in (a, np.sqrt(1 - a**2)))
            variance = deviation**2
            return a * s * (1 - variance) / (a**2 * variance + s**2) * noisy

    plugin, settings, inputs, outputs = specs("diffusion", (4, 4, 1))
    settings = settings.model_copy(update={"sampling_steps": 300})
    networks = plugin.networks(settings, inputs, replace(outputs, bounded=False))
    noise = np.random.default_rng(0).normal(size=(200, 4, 4, 1)).astype("float32")
    drawn = plugin.decode(settings, {**networks, "average": Best()}, noise)
    assert drawn.shape == (200, 4, 4, 1)
    assert drawn.std() == pytest.approx(deviation, rel=0.05)
    assert abs(drawn.mean()) < 0.05 * deviation


def squares(count: int = 160, conditions: int = 0) -> Data:
    """Images of one bright square in one of four corners, which is its class."""
    rng = np.random.default_rng(0)
    images = np.zeros((count, 8, 8, 1), "float32")
    corners = rng.integers(4, size=count)
    for image, corner in zip(images, corners, strict=True):
        top, left = 4 * (corner // 2), 4 * (corner % 2)
        image[top : top + 4, left : left + 4] = rng.uniform(12, 16)
    samples = Samples(
        images, images, "generation", "image", ("a", "b", "c", "d"), maximum=16.0, classes=corners
    )
    parts = [Part(samples, each) for each in np.split(np.arange(count), [count - 60, count - 30])]
    outputs = replace(task("generation").output_spec(parts[0]), conditions=conditions)
    return Data(samples, *parts, input_spec(parts[0]), outputs, "made")


def fit(
    name: str, folder: Path, listener: Listener | None = None, **more: Any
) -> tuple[Fitted, keras.Model]:
    run = config(**{"model": name, "set": SETTINGS[name], "early_stopping": 0, **more})
    data = squares(conditions=4 if run.set.get("conditional") else 0)
    model = build_model(run, data, 0)
    return Training(model, data, run, folder, 0, listener or Listener(), Stop()).fit(), model


def check_squares(drawn: np.ndarray) -> None:
    """Assert that drawn images (200, 8, 8, 1) are as those of `squares`."""
    corners = drawn.reshape(200, 2, 4, 2, 4).mean(axis=(2, 4)).reshape(200, 4)
    first, second = np.sort(corners, axis=1)[:, :-3:-1].T
    assert np.median(first) > 0.3 and np.median(first) > 2 * np.median(second), "one bright square"
    assert len(set(corners.argmax(axis=1))) == 4, "in every corner"


@pytest.mark.slow
def test_a_vae_learns_to_draw(tmp_path: Path) -> None:
    fitted, model = fit("vae", tmp_path, epochs=60, learning_rate=5e-3, batch_size=20)
    rows = fitted.history
    assert rows[-1]["val_loss"] < rows[0]["val_loss"] - 40, "in nats a sample"
    drawn = draw_samples(registry.load("model", "vae"), {}, model.networks.networks, 200, 0)
    check_squares(drawn)


@pytest.mark.slow
def test_diffusion_learns_to_draw(tmp_path: Path) -> None:
    more = {"epochs": 100, "learning_rate": 5e-3, "batch_size": 50, "keep": "last"}
    settings = {"filters": 16, "sampling_steps": 20, "conditional": True}
    _, model = fit("diffusion", tmp_path, **more, set=settings)
    plugin, classes = registry.load("model", "diffusion"), np.arange(200) % 4
    drawn = draw_samples(plugin, settings, model.networks.networks, 200, 0, classes)
    check_squares(drawn)
    corners = drawn.reshape(200, 2, 4, 2, 4).mean(axis=(2, 4)).reshape(200, 4).argmax(axis=1)
    assert (corners == classes).mean() > 0.95, "of the class that was asked for"


@pytest.mark.parametrize("name", ["dcgan", "diffusion"])
def test_the_class_decides_on_what_is_drawn(name: str) -> None:
    plugin, settings, inputs, outputs = specs(name, (8, 8, 1))
    settings = settings.model_copy(update={"conditional": True})
    given = {**SETTINGS[name], "conditional": True}
    networks = plugin.networks(settings, inputs, replace(outputs, conditions=3))
    layer = networks[plugin.MAIN].get_layer("class_embedding")
    layer.set_weights([np.random.default_rng(0).normal(0, 3, w.shape) for w in layer.get_weights()])
    draw = partial(draw_samples, plugin, given, networks, 6, 1)
    first, second = draw(np.array([0, 0, 1, 1, 2, 2])), draw(np.array([0, 1, 1, 2, 2, 0]))
    same = np.array([1, 0, 1, 0, 1, 0], bool)
    np.testing.assert_allclose(first[same], second[same], atol=1e-5)
    assert (abs(first - second)[~same].max(axis=(1, 2, 3)) > 1e-3).all()
    x, classes = np.zeros((6, 8, 8, 1), "float32"), np.array([0, 1, 2, 0, 1, 2])
    for objective in plugin.objectives(settings, inputs, outputs):
        assert np.isfinite(number(objective.loss(networks, x, classes, context())["loss"]))


@pytest.mark.backends
def test_the_number_decides_on_what_is_drawn() -> None:
    plugin, settings, inputs, outputs = specs("dcgan", (8, 8, 1))
    settings = settings.model_copy(update={"conditional": True})
    outputs = replace(outputs, condition_quantiles=(10.0, 15.0, 30.0))
    networks = plugin.networks(settings, inputs, outputs)
    draw = partial(draw_samples, plugin, {**SETTINGS["dcgan"], "conditional": True}, networks, 4, 1)
    numbers = [np.array(each, "float32") for each in ([10, 20, 30, 15], [10, 30, 30, 20])]
    first, second = map(draw, numbers)
    np.testing.assert_allclose(first[[0, 2]], second[[0, 2]], atol=1e-5)
    assert (abs(first - second)[[1, 3]].max(axis=(1, 2, 3)) > 1e-4).all()
    ends = networks["generator"].get_layer("number_scaled")(np.array([[10.0], [20.0], [30.0]]))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ends)[:, 0], [-1, 0, 1], atol=1e-6)
    x = np.zeros((4, 8, 8, 1), "float32")
    for objective in plugin.objectives(settings, inputs, outputs):
        losses = [number(objective.loss(networks, x, each, context())["loss"]) for each in numbers]
        assert losses[0] != losses[1] and np.isfinite(losses).all()
    plugin, settings, *_ = specs("diffusion", (8, 8, 1))
    with pytest.raises(UsageError, match="conditional is for classes"):
        plugin.networks(settings, inputs, outputs)


def test_numbers_in_turn_are_spread_as_those_of_training() -> None:
    quantiles = np.quantile(np.random.default_rng(0).exponential(size=5000), np.linspace(0, 1, 33))
    numbers = conditions_in_turn(0, quantiles.tolist(), np.arange(300))
    assert numbers is not None and numbers[0] == pytest.approx(quantiles[16])
    for few in (numbers[:30], numbers):
        assert np.quantile(few, 0.25) == pytest.approx(quantiles[8], abs=0.08)
        assert np.quantile(few, 0.75) == pytest.approx(quantiles[24], abs=0.2)
    assert conditions_in_turn(3, [], np.arange(4)).tolist() == [0, 1, 2, 0]
    assert conditions_in_turn(0, [], np.arange(4)) is None


def test_guidance_goes_beyond_what_the_class_adds() -> None:
    class Told:
        """The class's number as v, and none for the last."""

        def predict_on_batch(self, given: list[np.ndarray]) -> np.ndarray:
            return np.where(given[2] == 2, 0.5, given[2]).astype("float32")[..., None, None]

        def get_layer(self, name: str) -> Any:
            return type("Embedding", (), {"input_dim": 3})

    plugin, labels = registry.load("model", "diffusion"), np.array([[0], [1]])
    x = np.zeros((2, 1, 1, 1), "float32")
    assert plugin._velocity(Told(), labels, 1.0, x, 0.5).ravel().tolist() == [0, 1]
    assert plugin._velocity(Told(), labels, 3.0, x, 0.5).ravel().tolist() == [-1, 2]


def test_agreement_with_the_class_is_that_of_a_classifier() -> None:
    data = squares(conditions=4)
    classes = np.asarray(data.samples.classes)

    def draw(positions: np.ndarray) -> np.ndarray:
        """Return real images of each class in turn, but for every fifth."""
        asked = (positions + (positions % 5 == 0)) % 4
        return np.stack([data.samples.inputs[np.flatnonzero(classes == k)[0]] / 16 for k in asked])

    result, _ = task("generation").evaluate(Evaluation(draw, data))
    assert result["metrics"]["class_agreement"] == pytest.approx(0.8)
    # What learns of every fifth image a wrong class still tells the four corners.
    assert result["metrics"]["train_on_drawn"] == 1

    def mistaken(positions: np.ndarray) -> np.ndarray:
        """Return real images, each of the class after the one that is asked for."""
        rows = [np.flatnonzero(classes == k)[0] for k in (positions + 1) % 4]
        return data.samples.inputs[np.array(rows)] / 16

    wrong, _ = task("generation").evaluate(
        Evaluation(mistaken, data, baselines=fit_baselines(data))
    )
    assert wrong["metrics"]["train_on_drawn"] == 0
    assert wrong["baselines"]["real"]["train_on_drawn"] == 1
    plain, _ = task("generation").evaluate(Evaluation(draw, squares()))
    assert not {"class_agreement", "train_on_drawn"} & {*plain["metrics"]}


def test_samples_of_no_class_can_not_be_asked_for(tmp_path: Path) -> None:
    for number, image in enumerate(np.random.default_rng(0).integers(0, 255, (12, 8, 8))):
        Image.fromarray(image.astype("uint8")).save(tmp_path / f"{number}.png")
    with pytest.raises(UsageError, match="samples are drawn of a class or a number, but"):
        settings = {"conditional": True}
        datasets.load(config(model="dcgan", data=str(tmp_path), set=settings))


# The others are of one network an objective, as that of `test_networks.py`.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("dcgan", {}),
        ("dcgan", {"adversarial": "wasserstein", "spectral_norm": True}),
        ("diffusion", {}),
    ],
    ids=["dcgan", "wasserstein", "diffusion"],
)
def test_resume_changes_no_bit_of_any_network(
    name: str, given: dict[str, Any], tmp_path: Path
) -> None:
    more = {"epochs": 3, "batch_size": 20, "keep": "last", "checkpoint_every": 0}
    more["set"] = {**SETTINGS[name], **given}
    _, whole = fit(name, tmp_path / "whole", CopyAt(tmp_path / "whole", {8}), **more)
    assert checkpoints.newest(tmp_path / "cut-8")
    _, again = fit(name, tmp_path / "cut-8", **more)
    for network, each in whole.networks.networks.items():
        other = again.networks.networks[network]
        assert checkpoints.weights_sha256(each) == checkpoints.weights_sha256(other), network


def test_drawn_images_stand_beside_the_training_images_nearest_to_them(tmp_path: Path) -> None:
    data = squares()
    copied = data.train.inputs(np.array([3, 7])) / 16
    unlabeled._beside_nearest(tmp_path, data, copied)
    sheet = np.asarray(Image.open(tmp_path / "nearest_training.png"))
    cells = [[sheet[68 * r + 4 :, 68 * c + 4 :][:64, :64] for c in range(6)] for r in range(2)]
    for drawn, first, *others in cells:
        np.testing.assert_array_equal(drawn, first)
        assert all(len(np.unique(each)) > 1 for each in others)
