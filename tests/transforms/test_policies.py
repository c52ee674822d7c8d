from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mlzoo.augmentation import catalogue
from mlzoo.augmentation.policy_checks import check
from mlzoo.core.errors import UsageError
from mlzoo.data.policies import Policy, generator_of, parse, preset, presets, walk


def test_every_preset_is_a_valid_policy_with_a_description() -> None:
    for kind in catalogue.KINDS:
        for name, does in presets(kind).items():
            assert len(does) > 15 and does.endswith(".")
            check(preset(kind, name), kind)
    asked = {
        "none",
        "light",
        "medium",
        "heavy",
        "geometric",
        "photometric",
        "microscopy",
        "lecture",
    }
    assert asked <= set(presets())


def test_an_address_of_a_generator_may_hold_the_sign_before_its_digest() -> None:
    digest = "0123456789abcdef"
    for path in ("runs/gan", "/me@home/gan", "gan@2", f"gan@{digest[:-1]}"):
        assert generator_of(f"generated:{path}") == (path, "")
        assert generator_of(f"generated:{path}@{digest}") == (path, digest)


def test_the_lecture_is_as_it_is_taught() -> None:
    steps = dict(walk(preset("images", "lecture")))
    assert steps["Affine"]["rotate"] == [-20, 20]
    assert steps["Affine"]["scale"] == [0.6, 1.4]
    assert steps["Affine"]["translate_percent"] == [-0.2, 0.2]
    assert steps["MultiplicativeNoise"]["multiplier"] == [0.3, 1]
    assert {"HorizontalFlip", "VerticalFlip"} <= set(steps)


def test_a_file_is_read_with_names_and_parameters(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "- HorizontalFlip\n- Rotate: {limit: 20, p: 1}\n- OneOf:\n    transforms: [Blur]\n"
    )
    policy = parse(str(file))
    assert policy.name == "mine"
    assert policy.steps[:2] == ({"HorizontalFlip": {}}, {"Rotate": {"limit": 20, "p": 1}})
    assert policy.names() == ["HorizontalFlip", "Rotate", "OneOf", "Blur"]
    check(policy.steps, "images")


def test_what_a_policy_writes_it_reads(tmp_path: Path) -> None:
    for name in presets():
        file = tmp_path / f"{name}.yaml"
        file.write_text(Policy(name, preset("images", name), ("because",)).text("a title"))
        assert file.read_text().startswith("# a title\n# because\n")
        assert parse(str(file)).steps == preset("images", name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- Rotat", r"unknown transform of images 'Rotat' \(did you mean 'Rotate'\?\)"),
        ("- Rotate: {limt: 3}", r"unknown parameter of Rotate 'limt' \(did you mean 'limit'\?\)"),
        ("- Rotate: {p: 2}", "Rotate: p must be a probability from 0 to 1, got 2"),
        ("- Rotate: {p: true}", "p must be a probability"),
        ("- Normalize", "Normalize can't be used here: it changes what numbers mean"),
        ("- OneOf: {p: 1}", "OneOf needs `transforms`"),
        ("- OneOf: {transforms: [MixUp]}", "MixUp is of a whole batch"),
        ("- SomeOf: {n: two, transforms: [Blur]}", "n must be a whole number"),
        ("- OneOf: {n: 2, transforms: [Blur]}", "unknown parameter of OneOf 'n'"),
        ("- Jitter", "unknown transform of images 'Jitter'"),
    ],
)
def test_wrong_names_and_values_are_told_with_the_right_ones(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check(parse(yaml.safe_load(text)).steps, "images")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Rotate: 3", "a policy is a list"),
        ("- 3", "write a name, or one name with parameters; got 3"),
        ("- {Rotate: {}, Blur: {}}", "one name with parameters"),
        ("- Rotate: 20", "write parameters as"),
        ("- [", "is no YAML"),
        ("- !!python/object/apply:os.system ['true']", "is no YAML"),
    ],
)
def test_files_of_another_form_are_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=words):
        parse(str(file))


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        check(parse([{"Rotat": {}}, {"Blur": {"p": 7, "limit": 1}}]).steps, "images")
    assert len(caught.value.problems) == 3


def test_names_that_are_neither_presets_nor_files() -> None:
    with pytest.raises(UsageError, match=r"'mediun' \(did you mean 'medium'\?\)"):
        parse("mediun")
    with pytest.raises(UsageError, match="can't read the policy nowhere.yaml"):
        parse("nowhere.yaml")


def test_transforms_that_change_labels_are_marked() -> None:
    assert "mixes two samples and their labels" in catalogue.marks("MixUp")
    assert "mixes two samples and their labels" in catalogue.marks("CutMix")
    for name in ("HorizontalFlip", "VerticalFlip", "RandomRotate90", "D4", "Transpose", "Symmetry"):
        assert any("orientation" in mark for mark in catalogue.marks(name)), name
    assert not catalogue.marks("GaussNoise")


def test_all_that_was_asked_for_is_there() -> None:
    found = catalogue.names("images")
    asked = (
        "HorizontalFlip Affine Rotate RandomResizedCrop Perspective ElasticTransform GaussianBlur "
        "RandomBrightnessContrast HueSaturationValue GaussNoise SaltAndPepper CoarseDropout MixUp "
        "CutMix"
    )
    assert set(asked.split()) <= set(found)
    for kind in catalogue.KINDS:
        for name in catalogue.names(kind):
            assert catalogue.description(kind, name)
            assert "p" in catalogue.parameters(kind, name)
