"""Plug-ins of every kind as single files, and checks of a plug-in's settings."""

from __future__ import annotations

from pathlib import Path

from mlzoo.core import fields, registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.settings import SHARED


def check_config(kind: str, name: str) -> None:
    """Every setting of a plug-in is documented; those of the run have the run's defaults."""
    plugin, file = registry.load(kind, name), registry.source_file(kind, name)
    assert registry.summary(kind, name).endswith("."), "the first line is a sentence"
    assert file is not None
    documented = fields.settings(file)
    assert [setting.name for setting in documented] == list(plugin.Config.model_fields)
    for setting in documented:
        assert setting.help.endswith("."), setting.name
    plugin.Config()
    run = RunConfig.model_json_schema()["properties"]
    own = plugin.Config.model_json_schema().get("properties", {})
    for setting in {*own} & {*SHARED[kind]}:
        assert own[setting] == {**run[setting], "title": own[setting]["title"]}, setting
    assert not ({*own} - {*SHARED[kind]}) & {*RunConfig.model_fields}, "a flag means one thing"


DUMMIES = {
    "model": """
from mlzoo.core.configs import Settings

class Config(Settings):
    units: int = 4

def build(config, inputs, outputs):
    import keras
    tensor, x = inputs.start()
    x = keras.layers.Dense(config.units, activation="relu", name="hidden")(x)
    return keras.Model(tensor, outputs.head(x))
""",
    "source": """
from mlzoo.core.configs import Settings

NAMES = ("stripes",)

class Config(Settings):
    data: str
    rows: int = 90
    what: str = "classification"

def recognizes(path):
    return path == "stripes"

def load(config, progress=None):
    import numpy as np
    from mlzoo.data.samples import Samples
    inputs = np.random.default_rng(0).normal(size=(config.rows, 3)).astype("float32")
    targets = (inputs[:, 0] > 0).astype("int32")
    return Samples(inputs, targets, config.what, class_names=("no", "yes"))
""",
    "task": """
from mlzoo.data.contracts import Headline
from mlzoo.data.specs import Target
from mlzoo.tasks._samples import ClassTask

class Task(ClassTask):
    target = Target("classes")
    headline = Headline("macro_f1", "max")
    metrics = ("macro_f1",)

    def units(self, classes):
        return 1
""",
    "baseline": """
import numpy as np

from mlzoo.data.contracts import Baseline

TARGETS = ("classes per sample",)
LEARNS = False
FAST = True

def fit(data, seed):
    return Baseline(lambda inputs: np.tile([0.25, 0.75], (len(inputs), 1)))
""",
    "metric": """
from pathlib import Path

TARGETS = ("classes per sample", "classes per pixel")
DIRECTION = "max"
BOUNDS = (0.0, 0.5)
TITLE = "half the accuracy"

def count(y_true, y_pred):
    return (y_true == y_pred).mean()

def score(predictions):
    right = predictions if hasattr(predictions, "shape") else predictions.right.sum(axis=1)
    return lambda weights: (weights @ right) / weights.sum(axis=1) / 2

def build(outputs, mixed=False):
    import keras

    def half(y_true, y_pred):
        y_true = keras.ops.reshape(keras.ops.cast(y_true, "float32"), keras.ops.shape(y_pred))
        right = keras.ops.equal(y_true, keras.ops.cast(y_pred > 0.5, "float32"))
        return keras.ops.cast(right, "float32") / 2

    return keras.metrics.MeanMetricWrapper(half, name=Path(__file__).stem)
""",
    "loss": """
from mlzoo.core.configs import Settings

TARGETS = ("classes per sample",)

class Config(Settings):
    factor: float = 1.0

def build(config, outputs, class_weights=None, mixed=False):
    import keras

    class Own(keras.losses.Loss):
        def call(self, y_true, y_pred):
            y_true = keras.ops.cast(keras.ops.reshape(y_true, keras.ops.shape(y_pred)), "float32")
            error = keras.ops.square(y_true - y_pred)
            return config.factor * keras.ops.mean(error, axis=-1)

    return Own()
""",
    "optimizer": """
from mlzoo.core.configs import Settings

LEARNING_RATE = 0.25

class Config(Settings):
    momentum: float = 0.9
    share: float = 1.0

def build(config, learning_rate, **common):
    import keras
    return keras.optimizers.SGD(learning_rate, momentum=config.share * config.momentum, **common)
""",
    "schedule": """
from mlzoo.core.configs import Settings

class Config(Settings):
    drop: float = 2.0

def build(config, rate, epochs, steps):
    return rate

def after_epoch(config, rate, watch):
    return rate / config.drop
""",
    "transform": """
KINDS = ("tables",)

def build(by=1.0):
    return lambda x, spread, numeric, rng: x + by * numeric
""",
    "strategy": """
from mlzoo.core.configs import Settings
from mlzoo.core.spaces import Proposal

class Config(Settings):
    pass

def propose(config, space, history, count, seed):
    points = [{**point} for point in space.grid()][len(history) : len(history) + count]
    return [Proposal(values) for values in points]
""",
    "explainer": """
from mlzoo.core.configs import Settings

class Config(Settings):
    scale: float = 1.0

def explain(config, model, x, target):
    return config.scale * x
""",
    "tracker": """
class Report:
    def __init__(self, run):
        self.file = run.folder / "report.txt"

    def _add(self, line):
        self.file.write_text((self.file.read_text() if self.file.exists() else "") + line + "\\n")

    def epoch(self, training, epoch, values):
        self._add(f"{training} {epoch} {sorted(values)}")

    def finish(self, folder, metrics):
        self._add(f"end {sorted(metrics)}")

    def close(self):
        pass

def track(run):
    return Report(run)
""",
    "format": """
from mlzoo.core.configs import Settings

class Config(Settings):
    pass

def write(config, model, folder, form, calibration):
    path = folder / "weights.keras"
    model.save(path)
    return path

def open_written(path):
    import keras
    import mlzoo.layers
    return keras.models.load_model(path, compile=False, safe_mode=True).predict_on_batch
""",
}
"""A plug-in of each kind, without its docstring."""

NETWORKS = """
from mlzoo.core.configs import Settings

MAIN = "classifier"

class Config(Settings):
    noise: float = 0.1

def networks(config, inputs, outputs):
    import keras
    tensor, x = inputs.start()
    classifier = keras.Model(tensor, outputs.head(keras.layers.Dense(4, activation="relu")(x)))
    tensor, x = inputs.start()
    critic = keras.Model(tensor, keras.layers.Dense(1, activation="softplus")(x))
    return {"critic": critic, "classifier": classifier}

def objectives(config, inputs, outputs):
    import keras
    from keras import ops
    from mlzoo.layers.networks import Objective

    def errors(networks, x, y, context):
        noise = keras.random.normal(ops.shape(x), seed=context.seed)
        probabilities = networks["classifier"](x + config.noise * noise, training=context.training)
        y = ops.reshape(ops.cast(y, "float32"), (-1, 1))
        return ops.square(y - probabilities), networks["critic"](x)

    def classify(networks, x, y, context):
        error, weight = errors(networks, x, y, context)
        return {"loss": ops.mean(error * (1 + ops.stop_gradient(weight))), "error": ops.mean(error)}

    def criticize(networks, x, y, context):
        error, estimate = errors(networks, x, y, context)
        return {"loss": ops.mean(ops.square(ops.stop_gradient(error) - estimate))}

    return [
        Objective("critic", ("critic",), criticize),
        Objective("classifier", ("classifier",), classify, ("error",)),
    ]
"""
"""A model plug-in of two networks, each with an objective of its own."""


def write(kind: str, path: Path) -> None:
    """Write the plug-in of a kind as one file."""
    write_text(path, kind, DUMMIES[kind])


def write_text(path: Path, kind: str, text: str) -> None:
    """Write a plug-in's text as one file, with a docstring."""
    path.write_text(f'"""The {kind} of somebody else.\n\nMore of it.\n"""\n{text}')


def install(folder: Path, package: str = "acme_plugins") -> None:
    """Write a package with a plug-in of each kind as a package manager installs it."""
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").write_text("")
    lines = []
    for kind, (plural, _) in registry.KINDS.items():
        write(kind, folder / package / f"acme_{kind}.py")
        lines.append(f"[mlzoo.{plural}]\nacme_{kind} = {package}.acme_{kind}\n")
    record = folder / f"{package}-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (record / "entry_points.txt").write_text("\n".join(lines))
