"""Callbacks of Keras within the training loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Data
from mlzoo.runs.config_loading import merge, read_config
from mlzoo.training.building import build_model
from mlzoo.training.hooks import callbacks
from mlzoo.training.loop.early_stopping import Fitted
from mlzoo.training.members import fit_members
from mlzoo.training.repeats import fit_network
from mlzoo.training.signals import Stop
from tests.training import made


class Recorder(keras.callbacks.Callback):
    """Notes what it is told, and a weight of the model at that time."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, int]] = []
        self.logs: list[dict[str, float]] = []
        self.weights: list[float] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.seen.append(("begin", self.params["steps"]))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.seen.append(("epoch", epoch))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen.append(("step", batch))
        self.weights.append(float(np.asarray(self.model.trainable_variables[0]).sum()))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seen.append(("ended", epoch))
        self.logs.append(logs)

    def on_train_end(self, logs: Any = None) -> None:
        self.seen.append(("end", len(self.logs)))
        assert logs == self.logs[-1]


def fit(folder: Path, several: list[Any], listener: Listener | None = None, **more: Any) -> Fitted:
    data: Data = made.data(50)
    config = made.config(**{"epochs": 3, "batch_size": 16, "early_stopping": 0, **more})
    model = build_model(config, data, 0)
    with callbacks.handed_over(several):
        return fit_network(model, data, config, folder, 0, listener or Listener(), Stop())


@pytest.mark.backends
def test_hooks_are_called_as_keras_calls_them(tmp_path: Path) -> None:
    recorder = Recorder()
    fitted = fit(tmp_path, [recorder], epochs=2)
    epoch = [("step", 0), ("step", 1)]
    assert recorder.seen == [
        ("begin", 2),
        *(("epoch", 0), *epoch, ("ended", 0)),
        *(("epoch", 1), *epoch, ("ended", 1)),
        ("end", 2),
    ]
    assert [{"epoch": i + 1, **logs} for i, logs in enumerate(recorder.logs)] == fitted.history
    assert len(set(recorder.weights)) == 4, "the model has the weights of each step"


def test_the_learning_rate_and_the_end_are_a_callbacks_to_change(tmp_path: Path) -> None:
    class Ender(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = epoch == 1

    rates = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.5 ** (epoch + 3))
    fitted = fit(tmp_path, [rates, Ender()], epochs=9)
    assert [row["learning_rate"] for row in fitted.history] == [0.125, 0.0625]
    assert fitted.stopped == callbacks.STOPPED


def test_hooks_that_are_functions_are_given_the_logs_that_they_take(tmp_path: Path) -> None:
    seen: list[str] = []
    hooks = ("train_begin", "train_end")
    numbered = ("epoch_begin", "epoch_end", "train_batch_begin", "train_batch_end")
    given: dict[str, Any] = {f"on_{name}": lambda logs, n=name: seen.append(n) for name in hooks}
    given |= {f"on_{name}": lambda at, logs, n=name: seen.append(n) for name in numbered}
    fit(tmp_path, [keras.callbacks.LambdaCallback(**given)], epochs=1, batch_size=64)
    assert seen == [
        *("train_begin", "epoch_begin", "train_batch_begin"),
        *("train_batch_end", "epoch_end", "train_end"),
    ]


def test_a_resumed_training_says_that_callbacks_begin_anew(tmp_path: Path) -> None:
    class Cut(Listener):
        def step(self, epoch: int, step: int, logs: Any) -> None:
            if (epoch, step) == (2, 1):
                raise KeyboardInterrupt

    class Hear(Listener):
        warned: list[str] = []

        def warn(self, text: str) -> None:
            self.warned.append(text)

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, [Recorder()], Cut(), checkpoint_every=0)
    recorder = Recorder()
    fitted = fit(tmp_path, [recorder], Hear(), checkpoint_every=0)
    assert len(fitted.history) == 3 and Hear.warned == [callbacks.RESUMED]
    assert recorder.seen[:2] == [("begin", 2), ("epoch", 1)]
    assert fit(tmp_path, [after := Recorder()], Hear()).history == fitted.history
    assert not after.seen and len(Hear.warned) == 1, "a training that had ended calls none"


def test_files_name_callbacks_and_need_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.py"
    file.write_text(
        "import keras\n\n\ndef callbacks():\n"
        "    return [keras.callbacks.TerminateOnNaN(), keras.callbacks.History()]\n"
    )
    config = tmp_path / "config.yaml"
    config.write_text(f"model: linear\ndata: digits\ncallback: [{file}]\n")
    with pytest.raises(UsageError, match="mine.py' is Python code .* --trust"):
        merge({}, config)
    merged = merge({}, config, trust=True).config
    data = made.data(50)
    history = callbacks.Hooks(merged, build_model(made.config(), data, 0), 1)._several
    assert [type(each).__name__ for each in history] == ["TerminateOnNaN", "History"]
    file.write_text("def callbacks():\n    return ['early']\n")
    with pytest.raises(UsageError, match="expected a list of Keras callbacks, but got 'early'"):
        callbacks.Hooks(merged, build_model(made.config(), data, 0), 1)
    file.write_text("def callback():\n    return []\n")
    with pytest.raises(UsageError, match="is no callback plug-in: it lacks 'callbacks'"):
        merge({}, config, trust=True)
    with registry.trust_anew():
        assert read_config(tmp_path).callback == [str(file)], "a finished run calls none any more"
        file.unlink()
        assert read_config(tmp_path).callback == [str(file)]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"callback": "mine"}, "write the path of a Python file, FILE.py .got 'mine'"),
        ({"callback": "none.py"}, "no file 'none.py'"),
    ],
)
def test_what_is_no_file_is_refused(flags: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        merge({"model": "linear", "data": "digits", **flags})


def test_errors_are_told_with_the_name_of_the_callback(tmp_path: Path) -> None:
    class Broken(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise KeyError("val_auc")

    with pytest.raises(
        UsageError, match="callback Broken: on_epoch_end fails: KeyError: 'val_auc'"
    ):
        fit(tmp_path, [Broken()])
    with pytest.raises(UsageError, match="callbacks: expected a list of Keras callbacks"):
        fit(tmp_path, [print])
    with pytest.raises(UsageError, match="callbacks are for training in batches, which linear"):
        fit(tmp_path, [Broken()], optimizer="lbfgs")
    config = made.config(optimizer="lbfgs", ensemble=2)
    with (
        callbacks.handed_over([Broken()]),
        pytest.raises(UsageError, match="callbacks are for training in batches, which linear"),
    ):
        fit_members(config, made.data(50), 0, tmp_path / "several", Listener(), Stop())
