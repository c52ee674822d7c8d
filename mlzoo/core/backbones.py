"""The networks that features come from: names, and what those of `keras.applications` are fed.

KerasHub's are named `hub:` and a preset: a name, or a folder that `save_to_preset` wrote. No Keras
here: settings are checked before it is imported.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlzoo.core import registry
from mlzoo.core.files import expand, original

BACKBONES: dict[str, tuple[str, str]] = {
    "mobilenet": ("MobileNet", "tf"),
    "mobilenet_v2": ("MobileNetV2", "tf"),
    "mobilenet_v3_small": ("MobileNetV3Small", "bytes"),
    "mobilenet_v3_large": ("MobileNetV3Large", "bytes"),
    "efficientnet_b0": ("EfficientNetB0", "bytes"),
    "efficientnet_b1": ("EfficientNetB1", "bytes"),
    "efficientnet_b2": ("EfficientNetB2", "bytes"),
    "efficientnet_b3": ("EfficientNetB3", "bytes"),
    "efficientnet_b4": ("EfficientNetB4", "bytes"),
    "efficientnet_b5": ("EfficientNetB5", "bytes"),
    "efficientnet_b6": ("EfficientNetB6", "bytes"),
    "efficientnet_b7": ("EfficientNetB7", "bytes"),
    "efficientnet_v2_b0": ("EfficientNetV2B0", "bytes"),
    "efficientnet_v2_b1": ("EfficientNetV2B1", "bytes"),
    "efficientnet_v2_b2": ("EfficientNetV2B2", "bytes"),
    "efficientnet_v2_b3": ("EfficientNetV2B3", "bytes"),
    "efficientnet_v2_s": ("EfficientNetV2S", "bytes"),
    "efficientnet_v2_m": ("EfficientNetV2M", "bytes"),
    "efficientnet_v2_l": ("EfficientNetV2L", "bytes"),
    "resnet50": ("ResNet50", "caffe"),
    "resnet101": ("ResNet101", "caffe"),
    "resnet152": ("ResNet152", "caffe"),
    "resnet50_v2": ("ResNet50V2", "tf"),
    "resnet101_v2": ("ResNet101V2", "tf"),
    "resnet152_v2": ("ResNet152V2", "tf"),
    "densenet121": ("DenseNet121", "torch"),
    "densenet169": ("DenseNet169", "torch"),
    "densenet201": ("DenseNet201", "torch"),
    "vgg16": ("VGG16", "caffe"),
    "vgg19": ("VGG19", "caffe"),
    "convnext_tiny": ("ConvNeXtTiny", "bytes"),
    "convnext_small": ("ConvNeXtSmall", "bytes"),
    "convnext_base": ("ConvNeXtBase", "bytes"),
    "convnext_large": ("ConvNeXtLarge", "bytes"),
    "convnext_xlarge": ("ConvNeXtXLarge", "bytes"),
    "inception_v3": ("InceptionV3", "tf"),
    "inception_resnet_v2": ("InceptionResNetV2", "tf"),
    "xception": ("Xception", "tf"),
    "nasnet_mobile": ("NASNetMobile", "tf"),
    "nasnet_large": ("NASNetLarge", "tf"),
}
"""Of each its class, and what it takes: values from -1 to 1 (tf), in ImageNet's spreads (torch),
BGR about ImageNet's mean (caffe), or from 0 to 255, which it scales itself (bytes)."""
WIDE = ("mobilenet", "mobilenet_v2")
"""Those whose layers can be made thinner."""
UNPADDED = ("inception_v3", "inception_resnet_v2", "xception", "nasnet_mobile", "nasnet_large")
"""Those whose maps do not halve exactly, so that no U-Net can be built on them."""
LEAST = {"inception_v3": 75, "inception_resnet_v2": 75, "xception": 71}
"""Pixels a side that images need where it is more than 32."""
_HUB = "hub:"
HUB_FAMILIES = (
    *("ResNet", "DenseNet", "EfficientNet", "MobileNet", "CSPNet", "VGG", "Xception", "HGNetV2"),
    *("MiT", "SwinTransformer", "ViT", "DeiT", "DINOV2", "DINOV3"),
)
"""Those of KerasHub that turn an image into a map or a row of tokens."""


def preset_of(backbone: str) -> str:
    """The preset of KerasHub that a backbone's name asks for; empty: one of keras.applications."""
    return backbone.removeprefix(_HUB) if backbone.startswith(_HUB) else ""


def keras_home() -> Path:
    """Keras' cache: KERAS_HOME, or ~/.keras."""
    return expand(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def preset_folder(preset: str) -> Path:
    """The folder of a preset of KerasHub: one that is there, or where a named one belongs."""
    path = expand(preset)
    return path.resolve() if path.is_dir() else keras_home() / "hub" / preset


def files_of(settings: Mapping[str, Any]) -> list[Path]:
    """Return the files of a backbone: a file of weights, or those of a preset."""
    weights = expand(str(settings.get("weights", "")))
    files = [weights] if weights.suffix and weights.is_file() else []
    if preset := preset_of(str(settings.get("backbone", ""))):
        folder = preset_folder(preset)
        for pattern in ("config.json", "image_converter.json", "model*weights*"):
            files += sorted(folder.glob(pattern))
    return files


def placed(settings: Mapping[str, Any]) -> dict[str, object]:
    """The settings with the paths of weights and presets absolute, to be read from anywhere."""
    absolute = dict(settings)
    weights = expand(str(settings.get("weights", "")))
    if weights.is_file():
        absolute["weights"] = str(original(weights.resolve()))
    preset = preset_of(str(settings.get("backbone", "")))
    if preset and expand(preset).is_dir():
        absolute["backbone"] = f"{_HUB}{original(preset_folder(preset))}"
    return absolute


def check_backbone(name: str) -> str:
    """The name. Raises ValueError, with the closest right one, where there is no such backbone."""
    if name == _HUB:
        raise ValueError("hub: needs a preset's name or folder, as in hub:resnet_18_imagenet")
    if name not in BACKBONES and not preset_of(name):
        raise ValueError(f"{registry.unknown('backbone', name, BACKBONES)}")
    return name


def check_together(settings: Any) -> None:
    """Raise ValueError for settings of a backbone that have no effect together."""
    if preset_of(settings.backbone) and settings.weights not in ("imagenet", "none"):
        raise ValueError(
            f"weights={settings.weights}: a preset of KerasHub brings its own; write imagenet for "
            "those, or none for random ones"
        )
    if settings.alpha != 1 and settings.backbone not in WIDE:
        raise ValueError(f"alpha has no effect on {settings.backbone}; it is for {', '.join(WIDE)}")
    if settings.train == "head" and settings.rate != type(settings).model_fields["rate"].default:
        raise ValueError("rate has no effect on train=head, which leaves the backbone alone")
    if settings.train == "head" and not settings.freeze_norm:
        raise ValueError("freeze_norm=false has no effect on train=head, which freezes all of it")
