"""Settings of `mlzoo explain`: one frozen configuration, which `explain.json` records.

Neither Keras nor NumPy is imported here. The text under each field is its help.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from mlzoo.core import files, registry
from mlzoo.core.configs import Settings, from_options
from mlzoo.core.errors import UsageError
from mlzoo.core.fields import Flag
from mlzoo.core.files import expand
from mlzoo.core.messages import sentences
from mlzoo.core.setting_types import Words, as_list

ALL = "all"
AUTO = "auto"
Sanity = Literal["cascading", "independent", "labels"]
RECORD = "explain.json"


class ExplainConfig(Settings):
    """Everything that decides what `mlzoo explain` computes."""

    run: str
    """A finished run folder, or a .keras file."""
    # -- Method
    method: Annotated[Words, Flag(basic=True)] = (AUTO,)
    """Explainers (`mlzoo explainers`), comma-separated; auto: gradcam for images where the model
    has a convolutional layer, else integrated_gradients; all: every one that fits the model."""
    set: Annotated[dict[str, Any], Flag(basic=True)] = Field(default_factory=dict)
    """Setting of the method, name=value; with several methods, method.name=value."""
    # -- Samples
    data: Annotated[str | None, Flag(basic=True, also="--images")] = None
    """New samples: a file or a folder; by default samples of the run's test split."""
    input: str | None = None
    """Name of the input to explain, for a .keras file with several inputs, by default the first
    image input, else the first; of a run with --with-columns image or columns. The other inputs
    are not changed."""
    part: Annotated[Literal["train", "valid", "test"], Flag(basic=True)] = "test"
    """Split of the run's own data."""
    limit: Annotated[int, Flag(basic=True)] = Field(16, ge=1)
    """Number of samples to explain; of the run's own data up to half are the most confident
    mistakes, the others are drawn with the seed."""
    # -- Target
    target: Annotated[str, Flag(basic=True, also="--class")] = "predicted"
    """Class or output to explain: predicted, true, its name, or all of them one after the other.
    For masks, predicted is the most frequent class apart from the first."""
    against: Annotated[str | None, Flag(basic=True)] = None
    """Explain the class in contrast to this one."""
    step: int | None = None
    """Step of a sequence of outputs, from 1; negative numbers count from the end."""
    pixel: Annotated[str | None, Flag(basic=True, metavar="ROW,COLUMN")] = None
    """Masks: explain one pixel, as row,column."""
    region: Annotated[Literal["all", "largest", "boundary", "connected"], Flag(basic=True)] = "all"
    """Masks: all pixels predicted as the class, the largest connected region of them, those at the
    class's boundary, or the connected region that `pixel` lies in."""
    layer: Annotated[str | None, Flag(basic=True)] = None
    """Layer of class activation maps; by default the last one with a spatial feature map."""
    engine: Annotated[Literal["mlzoo", "tf-keras-vis"], Flag(basic=True)] = "mlzoo"
    """Implementation of the method: mlzoo, or tf-keras-vis for the six methods that it has, to
    check maps or to repeat published ones. Its maps are unsigned, from 0 to 1."""
    # -- Evidence
    evidence: Annotated[bool, Flag(basic=True)] = True
    """Measure every map on the model, beside a random map and an edge detector; without it maps
    are only compared with --truth, where that is given."""
    sanity: Annotated[tuple[Sanity, ...], BeforeValidator(as_list), Flag(basic=True)] = ()
    """Check that maps depend on what the model has learned, comma-separated: cascading randomizes
    its weights from the top down, independent each layer alone, labels retrains the network on
    shuffled labels, for a few hundred steps."""
    sanity_weights: Literal["permute", "redraw"] = "permute"
    """Randomization of weights: permute shuffles them, redraw draws them anew with their mean and
    standard deviation."""
    truth: Annotated[str | None, Flag(basic=True)] = None
    """Ground truth of the evidence: a folder of masks named as the images, or a CSV file of boxes
    (name, left, top, right, bottom in pixels)."""
    # -- Output
    shared_scale: bool = False
    """Draw all maps of a method on one color scale, to compare them."""
    # -- Machine
    seed: Annotated[int, Flag(basic=True)] = Field(0, ge=0, lt=2**31)
    """Seed of the samples and of everything random in methods and evidence."""
    max_memory: int = Field(400, ge=16)
    """Megabytes of the largest batch that goes through the model."""

    @field_validator("pixel")
    @classmethod
    def _two_numbers(cls, value: str | None) -> str | None:
        if value is not None and not all(part.strip().isdigit() for part in value.split(",")):
            raise ValueError("write row,column as in 31,40")
        if value is not None and value.count(",") != 1:
            raise ValueError("write row,column as in 31,40")
        return value

    @field_validator("step")
    @classmethod
    def _from_one(cls, value: int | None) -> int | None:
        if value == 0:
            raise ValueError("steps count from 1, or from -1 at the end")
        return value


def configure(values: Mapping[str, object], trust: bool = True) -> ExplainConfig:
    """Return a validated configuration from given fields.

    Args:
        values: fields of `ExplainConfig`.
        trust: run Python files that they name as methods: for fields that the user gave.

    Raises:
        UsageError: with every mistake, one line each.
    """
    config = from_options(ExplainConfig, values)
    contradictions = _contradictions(config)
    if contradictions:
        raise UsageError(contradictions)
    named = [name for name in config.method if name not in (ALL, AUTO)]
    if trust:
        registry.trust(*named)
    for name in named:
        registry.check_name("explainer", name)
    method_settings(config, named)
    return config


def _contradictions(config: ExplainConfig) -> list[str]:
    problems = []
    if config.region == "connected" and config.pixel is None:
        problems.append("--region connected: name a pixel of it, --pixel ROW,COLUMN")
    if config.pixel is not None and config.region in ("largest", "boundary"):
        problems.append(f"--pixel and --region {config.region} exclude each other")
    if config.truth is not None and config.target == ALL:
        problems.append("--truth says where one class is: name that class with --target")
    return problems


def method_settings(config: ExplainConfig, methods: list[str]) -> dict[str, Any]:
    """Return the `Config` of each method, with the values of `set` and the run's seed.

    Raises:
        UsageError: a setting that no method has, or a value that it does not take.
    """
    given: dict[str, dict[str, object]] = {name: {} for name in methods}
    problems = []
    for key, value in config.set.items():
        method, dot, name = key.rpartition(".")
        if dot and method in given:
            given[method][name] = value
        elif not dot and len(methods) == 1:
            given[methods[0]][key] = value
        elif not {ALL, AUTO} & set(config.method):
            problems.append(
                f"--set {key}: write method.name=value, with a method of {', '.join(methods)}"
            )
    settings: dict[str, object] = {}
    for name in methods:
        plugin = registry.load("explainer", name)
        seed = {"seed": config.seed} if "seed" in plugin.Config.model_fields else {}
        try:
            settings[name] = plugin.Config(**{**seed, **given[name]})
        except ValidationError as error:
            known = plugin.Config.model_fields
            for key, text in sentences(error).items():
                problem = (
                    text if key in known else registry.unknown(f"setting of {name}", key, known)
                )
                problems.append(f"--set {key}: {problem}")
    if problems:
        raise UsageError(problems)
    return settings


def read_record(path: str, trust: bool = False) -> ExplainConfig:
    """Return the configuration of an earlier run of explanations, from its folder or file.

    Raises:
        UsageError: there is none, or it names code as a method and `trust` is not set.
    """
    return configure(read_record_file(path)["config"], trust)


def read_record_file(path: str) -> dict[str, Any]:
    """Return the content of an explain.json, named by its folder or itself.

    Raises:
        UsageError: there is none.
        DataError: it is damaged.
    """
    location = expand(path)
    location = location / RECORD if location.is_dir() else location
    if not location.is_file():
        raise UsageError(f"--repeat: there is no {RECORD} at {location}")
    content = files.read_mapping(location, ("config",))
    if not isinstance(content["config"], dict):
        raise files.damaged(location, "is damaged: its config holds no names and values")
    return content
