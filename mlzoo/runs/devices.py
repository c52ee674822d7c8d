"""Device, precision and backend: the one place that decides them."""

from __future__ import annotations

import gc
import logging
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlzoo import __version__
from mlzoo.core.errors import ResourceError, UsageError
from mlzoo.runs.contents.environment import EnvironmentRecord

_PACKAGES = (
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "keras-hub",
    "numpy",
    "scikit-learn",
    "pandas",
)

_MOST_PROGRAMS = 2**30
"""Bytes of compiled programs that are kept; those that were not used longest are removed."""
own_process = False
"""True: this process runs the command line alone, and no other code that uses Keras."""


def choose(device: str = "auto") -> None:
    """Set what a backend reads when it starts; must come before Keras is first imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    if os.environ.get("KERAS_BACKEND") == "jax" and "jax" not in sys.modules:
        _keep_programs()
    if device == "cpu" and "keras" not in sys.modules:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        os.environ["JAX_PLATFORMS"] = "cpu"


def _keep_programs() -> None:
    """Have JAX keep compiled programs in a folder of the user, which later runs start with.

    JAX_COMPILATION_CACHE_DIR names another folder; JAX_ENABLE_COMPILATION_CACHE=false keeps none.
    """
    if find_spec("filelock") is None:  # which JAX needs to keep the folder small
        return
    root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    try:
        folder = root.expanduser() / "mlzoo" / "jax"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home, or one that can't be written to
        return
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
    os.environ.setdefault("JAX_COMPILATION_CACHE_MAX_SIZE", str(_MOST_PROGRAMS))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")


def prepare(device: str = "auto", precision: str = "float32") -> None:
    """Start Keras on a device with a precision.

    Raises:
        ResourceError: `device` is gpu and the backend sees none.
        UsageError: the backend that KERAS_BACKEND names is not installed.
    """
    choose(device)
    keras = _import_keras()
    if device == "gpu" and not accelerators():
        raise ResourceError(
            f"--device gpu: the {keras.backend.backend()} backend sees no GPU; `mlzoo doctor` says "
            "why; leave out --device to train on the CPU"
        )
    set_precision(precision)


def set_precision(precision: str) -> None:
    """Set the precision of layers that are made from now on; with 64 bits also that of arrays."""
    import keras

    keras.config.set_dtype_policy(precision)
    if "float64" in (precision, keras.config.floatx()):
        from mlzoo.layers.derivatives.interface import allow_double

        keras.config.set_floatx("float64" if precision == "float64" else "float32")
        allow_double(precision == "float64")


def for_search(single: bool = False) -> None:
    """Set how XLA compiles a search's programs; must come before Keras is first imported.

    TensorFlow's adds numbers up in one order, however many threads there are; programs of JAX, as
    a search has them, do so anyway, and what compiles faster suits their many small ones.

    Args:
        single: use one thread, unless TF_NUM_INTRAOP_THREADS asks for more or Keras has begun:
            on small dense networks others would only wait, spinning, and slow the first one down.
    """
    tensorflow = os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
    flag = "xla_cpu_multi_thread_eigen=false" if tensorflow else "xla_backend_optimization_level=2"
    flags = os.environ.get("XLA_FLAGS", "")
    if flag.partition("=")[0] not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --{flag}".strip()
    if single and "keras" not in sys.modules:  # else only processes started here would hear of it
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


def _import_keras() -> Any:
    first = "keras" not in sys.modules
    try:
        with quiet_stderr():
            import keras
    except (ImportError, ValueError) as error:
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        install = "install it with `pip install 'mlzoo-keras[jax]'` or " if backend == "jax" else ""
        raise UsageError(
            f"Keras can't load its backend {backend!r} (KERAS_BACKEND): {error}; {install}unset "
            "KERAS_BACKEND, which takes TensorFlow"
        ) from error
    if first and own_process and keras.backend.backend() == "jax":
        _leave_tensorflow_out(keras)
    # Its warnings (of retracing, in every repeat) are for authors of training loops.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if first:  # What was imported stays; Keras's own collections need not look through it again.
        gc.freeze()
    return keras


def _leave_tensorflow_out(keras: Any) -> None:
    """Have Keras take TensorFlow for not installed.

    On every backend it imports TensorFlow, which takes seconds, to ask whether an object that is
    serialized is one of TensorFlow's. It finds out once; what needs TensorFlow itself can still
    import it.
    """
    if "tensorflow" in sys.modules:
        return
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # An import raises ImportError.
    try:
        keras.layers.serialize(keras.layers.Identity())
    finally:
        del sys.modules["tensorflow"]


class quiet_stderr:  # noqa: N801  (reads as a statement)
    """Keep what C++ code writes to stderr while a backend starts off the terminal.

    Args:
        stdout: the same of what it writes to stdout.
    """

    def __init__(self, stdout: bool = False) -> None:
        self._descriptors = (1, 2) if stdout else (2,)

    def __enter__(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self._saved = [os.dup(descriptor) for descriptor in self._descriptors]
        self._null = os.open(os.devnull, os.O_WRONLY)
        if not os.environ.get("MLZOO_DEBUG"):
            for descriptor in self._descriptors:
                os.dup2(self._null, descriptor)

    def __exit__(self, *exc: object) -> None:
        for descriptor, saved in zip(self._descriptors, self._saved, strict=True):
            os.dup2(saved, descriptor)
            os.close(saved)
        os.close(self._null)


def accelerators() -> list[str]:
    """Names of the GPUs and TPUs that the Keras backend sees."""
    import keras

    names: list[str] = []
    for kind in ("gpu", "tpu"):
        try:
            names += keras.distribution.list_devices(kind)
        except (RuntimeError, ValueError):  # JAX raises where a platform is not there
            continue
    return names


def check_backend(devices: str) -> None:
    """Raise UsageError where several devices are asked for and the backend is not JAX."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if devices != "1" and backend != "jax":
        raise UsageError(
            f"--devices {devices}: only JAX trains on several devices as on one, and the backend "
            f"is {backend}, whose replicas would draw dropout and take the moments of batch "
            "normalization each for itself; set KERAS_BACKEND=jax"
        )


def shared(devices: str) -> tuple[str, ...]:
    """Return the names of the devices that share each batch; none: that which Keras chooses.

    Args:
        devices: `all`, how many, or their numbers (`0,1`); `1` leaves the choice to Keras.

    Raises:
        ResourceError: there are fewer, or none of a number.
        UsageError: the backend is not JAX.
    """
    if devices == "1":
        return ()
    check_backend(devices)
    import keras

    names = accelerators() or keras.distribution.list_devices("cpu")
    if devices == "all":
        return tuple(names)
    if devices.isdecimal():
        chosen, missing = names[: int(devices)], int(devices) > len(names)
    else:
        numbered = {name.rpartition(":")[2]: name for name in names}
        numbers = [str(int(number)) for number in devices.split(",") if number]
        chosen = [numbered[number] for number in numbers if number in numbered]
        missing = len(chosen) < len(numbers)
    if missing:
        split = (
            "; XLA_FLAGS=--xla_force_host_platform_device_count=N divides the processor for a test"
            if names[0].startswith("cpu")
            else ""
        )
        raise ResourceError(
            f"--devices {devices}: JAX sees {len(names)}, {', '.join(names)}; choose among them"
            f"{split}"
        )
    return tuple(chosen)


def device_name(devices: str = "1") -> str:
    """Return the device's name for people: `cpu (2 cores)` or the accelerator's name.

    Args:
        devices: of a run, see `shared`; those that share each batch are named.
    """
    names = list(shared(devices)) or accelerators()
    return ", ".join(names) if names else f"cpu ({os.cpu_count()} cores)"


def environment(seed: int, precision: str, devices: str = "1") -> EnvironmentRecord:
    """Return the record for `environment.json`: versions, device, seed, commit, determinism.

    Args:
        seed: of the run.
        precision: of the run.
        devices: of the run; the names of those that share each batch are recorded.
    """
    import keras

    on_cpu = not accelerators()
    record: EnvironmentRecord = {
        "versions": versions(),
        "backend": keras.backend.backend(),
        "device": device_name(devices),
        "precision": precision,
        "seed": seed,
        "git_commit": git_commit(),
        "determinism": (
            "bitwise: the same command on this machine, backend and versions ends with the same "
            "weights"
            if on_cpu
            else "seeded only: GPU kernels may add in another order from run to run"
        ),
    }
    if names := list(shared(devices)):
        record["devices"] = names
    return record


def versions() -> dict[str, str]:
    """Versions of Python and the packages that decide results."""
    installed = {"python": platform.python_version(), "system": platform.platform()}
    installed["mlzoo"] = __version__
    for package in _PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed


def git_commit() -> str | None:
    """The commit of the working directory, read from `.git` without running git."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        head = folder / ".git" / "HEAD"
        if head.is_file():
            text = head.read_text().strip()
            if not text.startswith("ref: "):
                return text
            reference = folder / ".git" / text[5:]
            return reference.read_text().strip() if reference.is_file() else None
    return None


def peak_memory_mb() -> int:
    """Return the most memory that this process had so far, in MiB; where it can't be told, now."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        memory = psutil.Process().memory_info()
        return int(getattr(memory, "peak_wset", memory.rss)) // 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 1024)
