"""Linear, logistic or softmax regression, also on polynomials of the inputs.

The model of Legendre and Gauss for numbers (least squares) and of Cox (1958) for classes: one
Dense layer on the inputs, or on their monomials up to a degree, interactions included. The problem
is convex. For numbers of tables `--preset` has it solved, by an orthogonal decomposition in double
precision, since a descent along monomials of a high degree takes forever; for classes it takes
L-BFGS. Who says how to descend, such as by `--epochs` or `--optimizer`, has it descend from zero.
With `posterior` the weights are those of a Bayesian regression (`statistics/regression/`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import searched
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

    from mlzoo.core.configs import RunConfig
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data

_MOST_MONOMIALS = 50_000
_MOST_SOLVED, _MOST_POSTERIOR = 4_000, 1_000
"""Features of a regression that is solved, and of one whose posterior is kept."""
_MOST_WEIGHTS = 200_000


AUTO = ("table",)
TARGETS = ("classes per sample", "numbers per sample", "numbers per horizon")


class Config(Settings):
    """Settings of linear."""

    degree: int = Field(1, ge=1, le=15)
    """Degree of the polynomial; 2 adds squares and products of two inputs."""
    l1: float = Field(0.0, ge=0)
    """Penalty on the absolute weights (lasso)."""
    l2: float = Field(0.0, ge=0, json_schema_extra=searched(1e-6, 1e-1, log=True))
    """Penalty on the squared weights (ridge)."""
    solve: bool = False
    """Numbers: find the weights of the least loss directly, in place of descending."""
    posterior: bool = False
    """Numbers: Bayesian regression, solved exactly; predictions have a standard deviation."""
    noise_precision: float | None = Field(None, gt=0)
    """posterior: 1 / variance of the noise of the standardized target (alpha of scikit-learn's
    BayesianRidge); by default that of the greatest evidence."""
    weight_precision: float | None = Field(None, gt=0)
    """posterior: 1 / variance of the prior of each weight (lambda of BayesianRidge); by default
    that of the greatest evidence."""

    @model_validator(mode="after")
    def _together(self) -> Config:
        if self.l1 and self.solve:
            raise ValueError("solve finds no weights under an l1 penalty; leave one of them out")
        if self.posterior and (self.l1 or self.l2):
            raise ValueError("posterior has its own penalty, weight_precision; leave out l1 and l2")
        given = {"noise_precision": self.noise_precision, "weight_precision": self.weight_precision}
        for name, value in given.items():
            if value is not None and not self.posterior:
                raise ValueError(f"{name} has no effect without posterior")
        return self


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return that a table's convex problem is solved, or minimized by L-BFGS; else nothing."""
    from mlzoo.data.contracts import Recipe

    chosen, outputs = Config(**config.set), data.outputs
    plain = data.inputs.kind == "table" and outputs.target.per == "sample" and not chosen.l1
    if not plain or chosen.posterior or config.augment != "none" or config.precision != "float32":
        return Recipe()
    features = _feature_count(data, chosen.degree)
    reason = "a convex problem"
    if outputs.target.sample_numbers and data.train.weights is None:
        if config.loss not in ("auto", "mse") or features > _MOST_SOLVED:
            return Recipe()
        return Recipe(settings={"solve": True}, reason=reason, descends=False)
    if (
        config.loss not in ("auto", "crossentropy", "mse")
        or features * outputs.units > _MOST_WEIGHTS
    ):
        return Recipe()
    return Recipe({"optimizer": "lbfgs"}, reason=reason, descends=False)


def _feature_count(data: Data, degree: int) -> int:
    """Return how many features the output layer gets."""
    from mlzoo.layers.polynomial import monomial_count

    _, scaled = data.inputs.start()
    return monomial_count(scaled.shape[-1], degree)


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, *inputs.shape) to (batch, outputs.units).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: the inputs have too many monomials of that degree, or the outputs are none that
            can be solved for.
    """
    import keras

    from mlzoo.layers.blocks import flat, regularizer
    from mlzoo.layers.polynomial import Polynomial, monomial_count

    solved = config.solve or config.posterior
    if solved and outputs.distribution:
        raise UsageError("linear: what is solved has no loss of its own; leave out --loss")
    if solved and not outputs.target.sample_numbers:
        setting = "posterior" if config.posterior else "solve"
        raise UsageError(
            f"linear: {setting} is for numbers, one or several a sample, and not for "
            f"{outputs.task}; leave it out"
        )

    tensor, scaled = inputs.start()
    features = flat(scaled)
    if config.degree > 1:
        count = monomial_count(features.shape[-1], config.degree)
        if count > _MOST_MONOMIALS:
            raise UsageError(
                f"linear: degree {config.degree} makes {count:,} monomials of "
                f"{features.shape[-1]} inputs, more than {_MOST_MONOMIALS:,}; "
                "lower the degree, or use mlp"
            )
        features = Polynomial(config.degree, name="polynomial")(features)
    output = outputs.head(
        features,
        kernel_initializer="zeros",
        kernel_regularizer=regularizer(config.l1, config.l2),
    )
    if config.posterior:
        output = _with_posterior(features, output)
    model = keras.Model(tensor, output, name="linear")
    if solved:
        model.plain_only = True  # Compiled fits of a search know nothing of `initialize`.
        model.solution = config
    return model


def initialize(model: keras.Model, data: Data) -> None:
    """Solve the regression on the training split, where the settings say so."""
    config: Config | None = getattr(model, "solution", None)
    if config is None:
        return
    if data.train.weights is not None:
        raise UsageError(
            "linear: solve and posterior count each sample once; leave them out, and weighted "
            "least squares are found by L-BFGS"
        )
    from mlzoo.layers import linear_solution

    model.solved = "solved in closed form"
    if not config.posterior:
        linear_solution.solve_least_squares(model, data, config.l2)
        return
    precisions = config.noise_precision, config.weight_precision
    posteriors = linear_solution.solve_posterior(model, data, *precisions)
    noise, weights = (
        ", ".join(f"{getattr(each, name):.4g}" for each in posteriors)
        for name in ("noise_precision", "weight_precision")
    )
    by = "as given" if None not in precisions else "by evidence"
    model.solved += f"; noise precision {noise}, weight precision {weights}, {by}"


def _with_posterior(features: keras.KerasTensor, mean: keras.KerasTensor) -> keras.KerasTensor:
    """Return the mean prediction by way of a layer that holds its standard deviation too."""
    from mlzoo.layers.predictive import DISTRIBUTION, LinearPosterior, mean_of

    if features.shape[-1] > _MOST_POSTERIOR:
        raise UsageError(
            f"linear: the covariance of {features.shape[-1]:,} weights is too large for posterior, "
            f"which takes {_MOST_POSTERIOR:,}; lower the degree"
        )
    return mean_of(LinearPosterior(name=DISTRIBUTION)([features, mean]))
