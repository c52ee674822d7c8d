"""A policy: a list of transforms with their parameters, from a preset, a YAML file or a setting.

    - HorizontalFlip                     # by name, with its defaults
    - Rotate: {limit: 20, p: 0.5}        # p: how often it is applied
    - OneOf:                             # also SomeOf (with n) and Sequential
        p: 0.3
        transforms: [GaussianBlur, GaussNoise]

Transforms are applied one after the other, those of a whole batch (MixUp, CutMix) last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import yaml

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.core.files import expand, recorded, refuse_special

AUTOMATIC = ("auto", "search")
"""Names that pick a policy by the data, and by trying."""
GENERATED = "generated:"
"""Beginning of a setting that names the run of a generator, whose samples are added."""
_DIGEST = re.compile("[0-9a-f]{16}")
_FOLDER = Path(__file__).parents[1] / "transforms" / "presets"
Step = dict[str, dict[str, Any]]
"""One transform: its name, and its parameters; those of a composite hold `transforms`."""


class PolicyRecord(TypedDict):
    """Transforms of a policy in order, and why they are there, a sentence each."""

    steps: list[Step]
    reasons: list[str]


@dataclass(frozen=True)
class Policy:
    """Random changes of training samples.

    `name` is what was asked for; `steps` are in order; `reasons` say why `auto` or `search`
    picked them, and what was left out.
    """

    name: str
    steps: tuple[Step, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def mixes(self) -> bool:
        """Return whether samples are mixed, so that labels become shares of classes."""
        return any(registry.constants("transform", name).get("MIXES") for name in self.names())

    @property
    def generates(self) -> bool:
        """Return whether samples of a generator are added, and none is changed."""
        return self.name.startswith(GENERATED)

    def names(self) -> list[str]:
        """All transforms by name, those within composites too."""
        return [name for name, _ in walk(self.steps)]

    def notes(self) -> tuple[str, ...]:
        """Return what is done and why, a sentence each; nothing where nothing was asked for."""
        if self.name in ("none", "search") or self.generates:
            return ()
        step_names = ", ".join(self.names()) or "nothing"
        return (f"augmentation {self.name}: {'; '.join((step_names, *self.reasons))} (--augment)",)

    def record(self) -> PolicyRecord:
        """Steps and reasons, as JSON holds them."""
        return {"steps": list(self.steps), "reasons": list(self.reasons)}

    def text(self, title: str) -> str:
        """The policy as a YAML file that `--augment` reads; the title and reasons are comments."""
        why = "".join(f"# {line}\n" for line in (title, *self.reasons))
        steps = [name if not given else {name: given} for name, given in pairs(self.steps)]
        return why + yaml.safe_dump(steps, sort_keys=False, default_flow_style=None, width=100)


def adds_generated(value: str | Sequence[Any]) -> bool:
    """Return whether a setting has samples of a generator join the training samples."""
    return isinstance(value, str) and value.startswith(GENERATED)


def generator_of(value: str) -> tuple[str, str]:
    """Return the path of the run that `generated:RUN` names, and its digest if it has one."""
    name = value.removeprefix(GENERATED)
    path, _, digest = name.rpartition("@")
    return (path, digest) if _DIGEST.fullmatch(digest) and path else (name, "")


def located(value: str | list[Any]) -> str | list[Any]:
    """Return a setting such that it means the same in every folder.

    That are the steps of a policy file that is there, and the absolute path of a generator.

    Raises:
        UsageError: the file holds no policy.
    """
    if not isinstance(value, str):
        return value
    if value.startswith(GENERATED):
        path, digest = generator_of(value)
        return f"{GENERATED}{recorded(path)}{digest and '@'}{digest}"
    if value.lower().endswith((".yaml", ".yml")) and expand(value).is_file():
        return list(parse(value).steps)
    return value


def pairs(steps: Sequence[Step]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and parameters of each step."""
    for step in steps:
        yield from step.items()


def presets(kind: str = "images") -> dict[str, str]:
    """The presets of a kind of data, and what each is for; the first line of its file says it."""
    files = sorted((_FOLDER / kind).glob("*.yaml"))
    descriptions = {
        file.stem: file.read_text("utf-8").partition("\n")[0].lstrip("# ") for file in files
    }
    return {"none": "Samples as they are.", **descriptions}


def preset(kind: str, name: str) -> tuple[Step, ...]:
    """The steps of a preset."""
    if name == "none":
        return ()
    path = _FOLDER / kind / f"{name}.yaml"
    return tuple(_steps(yaml.safe_load(path.read_text("utf-8")), str(path)))


def parse(value: str | Sequence[Any]) -> Policy:
    """A preset's or picker's name alone, or the steps of a file or a list, checked for form.

    Raises:
        UsageError: no preset and no file of that name, or no list of transforms.
    """
    if not isinstance(value, str):
        return Policy("policy", tuple(_steps(value, "augment")))
    known = {name for kind in ("images", "sequences", "tables") for name in presets(kind)}
    if value in known or value in AUTOMATIC:
        return Policy(value)
    if value.startswith(GENERATED):
        return Policy(value)
    path = expand(value)
    if path.suffix.lower() not in (".yaml", ".yml"):
        message = registry.unknown("augmentation", value, sorted({*known, *AUTOMATIC}))
        raise UsageError(
            f"{message}; `mlzoo augmentations` lists them, and a policy is a .yaml file"
        )
    refuse_special(path, UsageError)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"can't read the policy {path}: {error}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    return Policy(path.stem, tuple(_steps(content, str(path))))


def _steps(content: Any, where: str) -> list[Step]:
    if content is None:
        return []
    if not isinstance(content, list | tuple):
        raise UsageError(f"{where}: a policy is a list of transforms, as `- Rotate: {{limit: 20}}`")
    return [_step(item, f"{where}: transform {i}") for i, item in enumerate(content, 1)]


def _step(item: Any, where: str) -> Step:
    if isinstance(item, str):
        return {item: {}}
    if not isinstance(item, Mapping) or len(item) != 1:
        raise UsageError(f"{where}: write a name, or one name with parameters; got {item!r}")
    name, given = next(iter(item.items()))
    if given is not None and not isinstance(given, Mapping):
        raise UsageError(f"{where}: {name}: write parameters as {{limit: 20, p: 0.5}}")
    given = {str(key): value for key, value in (given or {}).items()}
    if "transforms" in given:
        given["transforms"] = _steps(given["transforms"], f"{where}: {name}")
    return {str(name): given}


def walk(steps: Sequence[Step]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and parameters of every transform, composites before what they hold."""
    for name, given in pairs(steps):
        yield name, given
        yield from walk(given.get("transforms", ()))
