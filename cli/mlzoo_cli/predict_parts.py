"""`mlzoo predict --shards --workers N`: processes of this machine, or tasks of Ray, in turns.

Each process reads the table and predicts its own shards of those that are missing. It is started
with an order, a line of JSON on its input, answers with another, and ends when its input does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mlzoo.core import files
from mlzoo.core.errors import DataError, MlzooError, ResourceError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.core.remote.ray_cluster import import_ray, join
from mlzoo.data.new_samples import existing
from mlzoo.runs.predicting.settings import PredictConfig
from mlzoo.runs.predicting.shards import ShardFolder, predict_shards
from mlzoo_cli.output import say
from mlzoo_cli.predict_tables import text_of_rows

Answer = dict[str, Any]
"""Answer of a process at its end: numbers of rows and shards and warnings, or its error."""
_RETRIES = 3
"""Times that Ray starts a task anew whose worker has died."""
_KINDS = {kind.__name__: kind for kind in (UsageError, DataError, ResourceError)}


class _Warnings(Listener):
    """Keeps warnings."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def warn(self, text: str) -> None:
        """Keep it."""
        self.texts.append(text)


def work(order: Mapping[str, Any], place: int, count: int) -> Answer:
    """Predict the shards of one process of `count`; return numbers of rows and shards, warnings.

    Args:
        order: run, data, folder and options; see `write_shards`.
        place: of the process, from 0.
        count: of processes.
    """
    from mlzoo.api import load

    files.quote_formulas(order["safe"])
    heard = _Warnings()
    try:
        run = load(order["run"], order["trust"], order["tta"])
        folder = ShardFolder.shared(Path(order["folder"]), order["origin"])
        options = order["rows"], order["coverage"], order["unlike"], partial(text_of_rows, run)
        given = run, order["data"], folder, *options, heard
        rows, shards = predict_shards(*given, (place, count))
    except MlzooError as error:
        return {"kind": type(error).__name__, "text": str(error)}
    return {"rows": rows, "shards": shards, "warnings": heard.texts}


def share_out(order: Mapping[str, Any], config: PredictConfig, again: str) -> tuple[int, int]:
    """Have workers predict shards; return the numbers of rows predicted and of all shards.

    Raises:
        MlzooError: a worker has failed.
        ResourceError: one was killed; `again` says how to go on.
    """
    order = {**order, **{name: os.path.abspath(order[name]) for name in ("run", "folder")}}
    if "://" not in order["data"]:
        order["data"] = str(existing(order["data"]).absolute())
    folder = ShardFolder.shared(Path(order["folder"]), order["origin"])
    before = folder.numbers
    chosen = _on_ray if config.engine == "ray" else _on_processes
    answers = chosen(order, config, again)
    for answer in answers:
        if "kind" in answer:
            raise _KINDS.get(answer["kind"], MlzooError)(answer["text"])
    for warning in dict.fromkeys(text for answer in answers for text in answer["warnings"]):
        say(f"warning: {warning}")
    # A task that was started anew has predicted more than its answer says.
    total: int = answers[0]["shards"]
    return folder.rows_in(folder.numbers - before, order["rows"], total), total


def _on_processes(order: Mapping[str, Any], config: PredictConfig, again: str) -> list[Answer]:
    paths = os.pathsep.join(path for path in sys.path if path)
    count, answers = config.workers, []
    processes: list[subprocess.Popen[str]] = []
    with tempfile.TemporaryDirectory() as neutral:
        try:
            for place in range(count):
                process = subprocess.Popen(
                    [sys.executable, "-m", "mlzoo_cli.predict_parts"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=neutral,
                    env={**os.environ, "PYTHONPATH": paths},
                    start_new_session=True,  # Ctrl-C is for the command alone
                )
                processes.append(process)
                assert process.stdin is not None
                process.stdin.write(json.dumps([order, place, count]) + "\n")
                process.stdin.flush()
            for process in processes:
                assert process.stdout is not None
                line = process.stdout.readline()
                if not line:
                    code = process.wait()
                    raise ResourceError(f"a worker has ended with exit code {code}; {again}")
                answers.append(json.loads(line))
        finally:
            for process in processes:
                process.kill()
                process.wait()
    return answers


def _on_ray(order: Mapping[str, Any], config: PredictConfig, again: str) -> list[Answer]:
    from mlzoo.training.workers.attempt import environment

    ray = import_ray()
    variables = {name: value for name, value in environment().items() if value is not None}
    own = join(ray, config.address, config.workers)
    try:
        task = ray.remote(num_cpus=1, max_retries=_RETRIES, runtime_env={"env_vars": variables})(
            work
        )
        calls = [task.remote(order, place, config.workers) for place in range(config.workers)]
        answers: list[Answer] = ray.get(calls)
        return answers
    except ray.exceptions.RayTaskError as error:
        cause = f"{type(error.cause).__name__}: {error.cause}"
        raise MlzooError(f"a worker of Ray failed: {cause}; {again}") from error
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[0]
        raise ResourceError(f"a worker of Ray was lost: {reason}; {again}") from None
    finally:
        if own:
            ray.shutdown()


def main() -> None:
    """Carry out the order that stands on the input."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)
        order, place, count = json.loads(sys.stdin.readline())
        threading.Thread(target=_end_with_input, daemon=True).start()
        output.write(json.dumps(work(order, place, count)) + "\n")


def _end_with_input() -> None:
    for _ in sys.stdin:
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
