"""Cost of explanations beside tf-keras-vis, Xplique and pytorch-grad-cam where installed."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from measuring import best, run_well, table, verdict

LEAST = {
    "gradcam": 5.0,
    "gradcam_plus_plus": 5.0,
    "layercam": 5.0,
    "saliency": 2.3,
    "smoothgrad": 2.3,
    "scorecam, max_n 10": 1.7,
    "scorecam, all channels": 1.5,
    "scorecam": 5.0,
    "activation_maximization": 2.0,
}
"""Factors by which each method takes less CPU than tf-keras-vis, at least."""
ROAD_SECONDS = 3.0
"""CPU that filling in four images of 224x224 at nine shares may take."""
STEPS = 64
"""Of activation maximization, whose ratio is that of a step."""
ENOUGH = 20.0
"""CPU seconds after which a call is not repeated."""
Sides = dict[str, dict[str, Callable[[], Any]]]


def speed(repeats: int, large: bool, whole: bool) -> None:
    """CPU seconds of a batch, ours and the packages', and the ratio to tf-keras-vis.

    Args:
        repeats: the best of so many, taken in turns, after a first call that counts for nothing.
        large: MobileNetV2 at 224x224 and 4 images, instead of a small net, 64x64 and 8 images.
        whole: the package's ScoreCAM of MobileNetV2 too, which takes minutes and 14 GB.
    """
    import numpy as np

    model, images = _case(large)
    classes = np.arange(len(images)) % 10
    sides = _ours_and_theirs(model, images, classes, slow=not large or whole)
    for method, call in _xplique(model, images, classes).items():
        sides[method]["xplique"] = call
    costs = {method: _in_turns(calls, repeats) for method, calls in sides.items()}
    if "scorecam, all channels" in costs:  # all that the package has
        costs["scorecam"]["tf-keras-vis"] = costs["scorecam, all channels"]["tf-keras-vis"]
    for method, seconds in ({} if large else _torch(repeats)).items():
        costs[method]["pytorch-grad-cam"] = seconds
    rows = [_row(method, cost) for method, cost in costs.items()]
    size = "x".join(map(str, images.shape))
    print(f"\n{model.name}, {size}: CPU seconds a batch, the best of {repeats}")
    table(["method", "ours", "tf-keras-vis", "ratio", "bar", "", "xplique", "grad-cam"], rows)
    for name in ("pytorch_grad_cam", "torchvision"):
        if importlib.util.find_spec(name) is None:
            print(f"{name} is not installed, so it is not compared")


def _row(method: str, cost: dict[str, float]) -> list[Any]:
    ours, theirs, bar = cost["ours"], cost.get("tf-keras-vis"), LEAST[method]
    ratio = theirs / ours if theirs else None
    held = verdict(ratio >= bar) if ratio else "not measured"
    others = [cost.get(name) for name in ("xplique", "pytorch-grad-cam")]
    numbers = ["" if n is None else f"{n:.3g}" for n in (ours, theirs, ratio, bar, *others)]
    return [method, *numbers[:4], held, *numbers[4:]]


def _in_turns(calls: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """CPU seconds by side: the best after a first call, or the first where that is long."""
    seconds = {name: [_cpu(call)] for name, call in calls.items()}
    again = [name for name, found in seconds.items() if found[0] < ENOUGH]
    for name in again:
        seconds[name].clear()
    for _ in range(repeats):
        for name in again:
            if sum(seconds[name]) < ENOUGH:
                seconds[name].append(_cpu(calls[name]))
    return {name: best(found) for name, found in seconds.items()}


def _cpu(call: Callable[[], Any]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _case(large: bool) -> tuple[Any, Any]:
    """A model without training, and images."""
    import keras
    import numpy as np

    keras.utils.set_random_seed(0)
    rng, layers = np.random.default_rng(0), keras.layers
    if large:
        model = keras.applications.MobileNetV2(weights=None)
        return model, rng.random((4, 224, 224, 3)).astype("float32")
    start = x = keras.Input((64, 64, 3))
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(128, 3, padding="same", activation="relu")(x)
    x = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(start, x, name="small"), rng.random((8, 64, 64, 3)).astype("float32")


def _ours_and_theirs(model: Any, images: Any, classes: Any, slow: bool) -> Sides:
    from mlzoo.core import registry
    from mlzoo.explaining import reference
    from mlzoo.explaining.target_weights import of_classes
    from mlzoo.introspection.probe import Probe

    probe = Probe(model, images)
    target, functional = of_classes(classes, probe.units), reference.functional(probe)

    def ours(name: str, count: int | None = None, **settings: Any) -> Callable[[], Any]:
        plugin, few = registry.load("explainer", name), slice(count)
        return lambda: plugin.explain(plugin.Config(**settings), probe, images[few], target[few])

    def theirs(name: str, **settings: Any) -> Callable[[], Any]:
        method = reference.package_method(name, functional)
        return lambda: method(images, target, **settings)

    plain = ("saliency", "smoothgrad", "gradcam", "gradcam_plus_plus", "layercam")
    sides: Sides = {name: {"ours": ours(name), "tf-keras-vis": theirs(name)} for name in plain}
    sides["scorecam, max_n 10"] = {
        "ours": ours("scorecam", max_n=10),
        "tf-keras-vis": theirs("scorecam", max_n=10),
    }
    sides["scorecam"] = {"ours": ours("scorecam")}
    if slow:
        sides["scorecam, all channels"] = {
            "ours": ours("scorecam", channels=1),
            "tf-keras-vis": theirs("scorecam"),
        }
    # Both climb to what the layer's first channel answers to.
    sides["activation_maximization"] = {
        "ours": ours("activation_maximization", count=1, channels=1, steps=STEPS),
        "tf-keras-vis": _package_climb(model, probe),
    }
    return sides


def _package_climb(model: Any, probe: Any) -> Callable[[], Any]:
    import keras
    import numpy as np
    from tf_keras_vis.activation_maximization import ActivationMaximization

    inner = keras.Model(model.inputs, model.get_layer(probe.layer.name).output)
    climb = ActivationMaximization(inner, clone=True)
    start = np.random.default_rng(0).random((1, *probe.shape)).astype("float32")

    def score(values: Any) -> Any:
        return keras.ops.mean(values[..., 0], axis=(1, 2))

    return lambda: climb(score, seed_input=start, steps=STEPS)


def _xplique(model: Any, images: Any, classes: Any) -> dict[str, Callable[[], Any]]:
    try:
        from xplique import attributions
    except ImportError as error:
        print(f"xplique is not compared: {error}")
        return {}
    import numpy as np

    wanted = np.eye(model.output_shape[-1], dtype="float32")[classes]
    makers = {
        "saliency": attributions.Saliency(model, batch_size=32),
        "smoothgrad": attributions.SmoothGrad(model, batch_size=32, nb_samples=20),
        "gradcam": attributions.GradCAM(model, batch_size=32),
        "gradcam_plus_plus": attributions.GradCAMPP(model, batch_size=32),
    }
    return {name: lambda own=own: own(images, wanted) for name, own in makers.items()}


TORCH = """
import json, sys, time
import numpy as np, torch, pytorch_grad_cam
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
nn, layers = torch.nn, []
for before, after in ((3, 32), (32, 64), (64, 128)):
    layers += [nn.Conv2d(before, after, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
top = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10)]
model = nn.Sequential(*layers[:-1], *top).eval()
x = torch.from_numpy(np.random.default_rng(0).random((8, 3, 64, 64)).astype("float32"))
wanted, found = [ClassifierOutputTarget(kind) for kind in range(8)], {}
for name, maker in {"gradcam": "GradCAM", "gradcam_plus_plus": "GradCAMPlusPlus",
                    "layercam": "LayerCAM", "scorecam, all channels": "ScoreCAM"}.items():
    cam, costs = getattr(pytorch_grad_cam, maker)(model=model, target_layers=[layers[-2]]), []
    for _ in range(1 + int(sys.argv[1])):
        began = time.process_time()
        cam(input_tensor=x, targets=wanted)
        costs.append(time.process_time() - began)
    found[name] = min(costs[1:])
print(json.dumps(found))
"""
"""The small net again, of PyTorch: in a process of its own, beside TensorFlow it does not load."""


def _torch(repeats: int) -> dict[str, float]:
    """CPU seconds of pytorch-grad-cam by method; empty where it is not installed."""
    if any(importlib.util.find_spec(name) is None for name in ("pytorch_grad_cam", "torchvision")):
        return {}
    cost = run_well([sys.executable, "-W", "ignore", "-c", TORCH, repeats])
    return dict(json.loads(cost.out.splitlines()[-1]))


def road(repeats: int) -> None:
    """Measure the cost of ROAD's filling in, both ends first, at nine shares of four images."""
    import numpy as np

    from mlzoo.explaining.evidence import faithfulness, imputing

    rng = np.random.default_rng(0)
    images = rng.random((4, 224, 224, 3)).astype("float32")
    orders = [faithfulness.random_map((224, 224), seed=i) for i in range(4)]
    shares = np.array(faithfulness.PERCENTS) / 100

    def fill() -> None:
        for image, order in zip(images, orders, strict=True):
            limits = np.quantile(order, [*shares, *(1 - shares)])[:, None, None]
            gone = np.where(np.arange(18)[:, None, None] < 9, order < limits, order > limits)
            imputing.fill(np.repeat(image[None], 18, axis=0), gone)

    seconds = best([_cpu(fill) for _ in range(repeats)])
    print(f"\nROAD, 4 images of 224x224, 9 shares from both ends: {seconds:.2f} CPU s, bar "
          f"{ROAD_SECONDS}: {verdict(seconds <= ROAD_SECONDS)}")  # fmt: skip


MEMORY = """
import json, resource, sys, numpy as np, keras
from mlzoo import registry
from mlzoo.explaining import reference
from mlzoo.explaining.engine.probe import Probe
from mlzoo.explaining.target_weights import of_classes
model = keras.applications.MobileNetV2(weights=None)
x = np.random.default_rng(0).random((4, 224, 224, 3)).astype("float32")
target = of_classes(np.arange(4), 1000)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
if sys.argv[1] == "ours":
    probe, plugin = Probe(model, x[:1]), registry.load("explainer", "scorecam")
    few, before = slice(int(sys.argv[3])), peak()
    plugin.explain(plugin.Config(channels=float(sys.argv[2])), probe, x[few], target[few])
    print(json.dumps([probe.forwards, peak() - before]))
else:
    method, before = reference.package_method("scorecam", model), peak()
    method(x[:1], target[:1], max_n=int(sys.argv[2]))
    print(json.dumps([int(sys.argv[2]), peak() - before]))
"""


def memory() -> None:
    """Measure the peak that ScoreCAM of MobileNetV2 adds; the package's with few channels."""

    def added(*words: Any) -> list[float]:
        out = run_well([sys.executable, "-c", MEMORY, *words]).out
        return list(json.loads(out.splitlines()[-1]))

    rows: list[list[Any]] = []
    for name, words in {
        "ours, 95 % of the evidence, 4 images": ("ours", 0.95, 4),
        "ours, all channels, 1 image": ("ours", 1.0, 1),
    }.items():
        forwards, extra = added(*words)
        rows.append([name, forwards, f"{extra:.0f}", verdict(extra < 400)])
    (few, low), (more, high) = added("theirs", 32), added("theirs", 96)
    rows += [["tf-keras-vis, 32 channels, 1 image", few, f"{low:.0f}", ""]]
    rows += [["tf-keras-vis, 96 channels, 1 image", more, f"{high:.0f}", ""]]
    slope = (high - low) / (more - few)
    rows += [
        ["the same for 1280 channels, 4 images", 5120, f"{low + slope * (5120 - few):.0f}", ""]
    ]
    print("\nScoreCAM of MobileNetV2, 224x224; the last row goes on in a straight line")
    table(["", "forwards", "additional MB (bar 400)", ""], rows)
