"""keras-tuner build functions as users have them."""

WHOLE = '''"""A search of mine."""

import keras


def build_model(hp):
    model = keras.Sequential()
    kind = hp.Choice("kind", ["wide", "deep"])
    with hp.conditional_scope("kind", ["wide"]):
        if kind == "wide":
            model.add(keras.layers.Dense(hp.Int("units", 4, 16, step=4), activation="relu"))
    if kind == "deep":
        for i in range(hp.Int("layers", 1, 3)):
            model.add(keras.layers.Dense(hp.Int(f"size_{i}", 2, 64, sampling="log"), "relu"))
    if hp.Boolean("drop"):
        model.add(keras.layers.Dropout(hp.Float("rate", 0.1, 0.5, step=0.2)))
    hp.Fixed("answer", 42)
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    rate = hp.Float("learning_rate", 1e-3, 1e-1, sampling="log")
    model.compile(keras.optimizers.RMSprop(rate), "binary_crossentropy", ["accuracy"])
    return model
'''
START = """import keras


def build_model(hp):
    inputs = keras.Input((4,))
    x = keras.layers.Dense(hp.Choice("units", [4, 8]))(inputs)
"""
END = """    model = keras.Model(inputs, x)
    model.compile("adam", "mse")
    return model
"""
OWN = START.replace(
    "def build_model",
    """class Own(keras.Model):
    def train_step(self, data):
        return {}


def build_model""",
)
HYPER_MODEL = """import keras
import keras_tuner


class build_model(keras_tuner.HyperModel):
    def build(self, hp):
        return keras.Sequential([keras.layers.Dense(1)])

    def fit(self, hp, model, *args, **more):
        return model.fit(*args, batch_size=hp.Int("batch", 8, 64), **more)
"""
WRONG = {
    "nothing": (START, "returned NoneType, not a keras.Model"),
    "not_compiled": (
        START + "    return keras.Model(inputs, x)\n",
        "returned a model that is not compiled",
    ),
    "lambda": (START + "    x = keras.layers.Lambda(abs)(x)\n" + END, "is a Lambda"),
    "outputs": (START + END, "output has shape (None, 4), the data have 2 classes"),
    "inputs": (
        START.replace("(4,)", "(7,)") + "    x = keras.layers.Dense(1)(x)\n" + END,
        "takes inputs of shape (7,), the data give (4,)",
    ),
    "fails": (START + "    return 1 / 0\n", "fails with its default values: ZeroDivisionError"),
    "twice": (
        START + '    hp.Int("depth", 1, 2)\n    hp.Int("depth", 1, 3, parent_name="units", '
        "parent_values=[8])\n    x = keras.layers.Dense(1)(x)\n" + END,
        "asks for 'depth' as Int from 1 to 2 and as Int from 1 to 3",
    ),
    "own_train_step": (OWN + END.replace("keras.Model", "Own"), "Own.train_step is not run"),
    "own_loss": (
        OWN.replace("train_step(self, data)", "compute_loss(self, *args, **more)")
        + END.replace("keras.Model", "Own"),
        "Own.compute_loss is not run",
    ),
    "own_fit": (HYPER_MODEL, "build_model.fit is not run"),
    "bound_fit": (
        HYPER_MODEL.replace("class build_model", "class Mine") + "\n\nbuild_model = Mine().build\n",
        "Mine.fit is not run",
    ),
    "loss_weights": (
        START
        + "    x = keras.layers.Dense(1)(x)\n"
        + END.replace('"mse"', '"mse", loss_weights=[0.1]'),
        "compile(loss_weights=[0.1]) is not used",
    ),
    "import": ("import keras\n\nraise OSError('no licence')\n", "no licence"),
}
