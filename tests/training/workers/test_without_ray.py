"""Both sides of a training on Ray, without a cluster."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from mlzoo.core import files, registry
from mlzoo.core.backbones import placed
from mlzoo.core.errors import DataError, Interrupted, MlzooError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.policies import generator_of
from mlzoo.runs import run_folder
from mlzoo.runs.config_loading import merge
from mlzoo.runs.contents.resolved_config import absolute_fields
from mlzoo.training.distributed.channel import lost_record
from mlzoo.training.distributed.group import Group
from mlzoo.training.distributed.settings import Machines
from mlzoo.training.signals import Stop
from mlzoo.training.starting.folder import files_read
from mlzoo.training.starting.generated_samples import recorded_generator
from mlzoo.training.workers import driving, member
from mlzoo.training.workers.attempt import Attempt, Job, WorkerLost, claim, order_of
from mlzoo.training.workers.shipping import Mirror, changed_files, files_of_run, pieces, unpack

TWO = Machines(engine="ray", workers=2)


def job(out: Path, overwrite: bool = False, resume: Path | None = None, **changed: Any) -> Job:
    config = merge({"model": "mlp", "data": "iris", "out": str(out), **changed}).config
    order: dict[str, Any] = {
        "resume": None if resume is None else str(resume),
        "config": config.model_dump(mode="json"),
        "overwrite": overwrite,
        "trust": False,
    }
    return Job(order, config, out, "", resume)


def write(folder: Path, **contents: str) -> None:
    """Files by their names, `__` for a slash and `_` for a dot."""
    for name, content in contents.items():
        file = folder / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


def finished_run(folder: Path, weights: str) -> None:
    write(folder, config_yaml="", data_json="{}", metrics_json="{}", model_keras=weights)


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """Folders of runs here and, at the same path below a shipment, on a worker."""
    here = tmp_path / "here" / "runs"
    there = tmp_path / "scratch" / "shipped" / here.relative_to("/")
    here.mkdir(parents=True)
    there.mkdir(parents=True)
    return here, there


def test_an_absolute_folder_lies_in_the_shipment_of_a_worker(tmp_path: Path) -> None:
    given = job(tmp_path / "runs")
    given.run = tmp_path / "runs" / "mlp-iris-2"
    order = order_of(given, "/scratch/shipped")
    assert order["config"]["out"] == f"/scratch/shipped{tmp_path}/runs"
    assert order["config"]["name"] == "mlp-iris-2"
    assert order["folder"] == f"/scratch/shipped{Path.cwd()}"
    resumed = order_of(job(tmp_path / "runs", resume=given.run), "/scratch/shipped")
    assert resumed["resume"] == f"/scratch/shipped{given.run}"
    shared = order_of(given, None)
    assert shared["config"] == given.order["config"] and shared["folder"] == str(Path.cwd())


def test_the_home_of_this_machine_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    sent = driving.from_home(
        {"out": "~/runs", "augment": "generated:~/gan", "set": {"a": ["~/w.h5", "x~/y", 3]}}
    )
    assert sent == {
        "out": "/home/ada/runs",
        "augment": "generated:/home/ada/gan",
        "set": {"a": ["/home/ada/w.h5", "x~/y", 3]},
    }


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_run_comes_back_and_replaces_the_old_one_last(
    places: tuple[Path, Path], overwrite: bool
) -> None:
    here, there = places
    if overwrite:
        finished_run(here / "run", "old")
    mirror = Mirror(claim(job(here, overwrite, name="run")))
    partial = here / "run.partial"
    mirror.update(changed_files(there / "run", mirror.states))  # nothing is there yet
    assert not mirror.states and (here / "run").exists() == overwrite

    write(there / "run.partial", config_yaml="", checkpoints__state_json="1", lock="theirs")
    mirror.update(changed_files(there / "run", mirror.states))
    assert (partial / "checkpoints/state.json").read_text() == "1"
    assert (partial / "lock").read_text() == f"process {os.getpid()}"
    with pytest.raises(run_folder.FolderInUse):
        run_folder.lock(partial)

    (there / "run.partial").rename(there / "run")
    (there / "run/checkpoints/state.json").unlink()
    finished_run(there / "run", "new")
    changes = changed_files(there / "run", mirror.states)
    assert changes["finished"]
    mirror.update(changes)  # an epoch that was heard late
    assert partial.exists() and not mirror.finished
    mirror.update(changes, ended=True)
    mirror.update(changed_files(there / "run", {}), ended=True)
    mirror.close()
    assert mirror.finished and [path.name for path in here.iterdir()] == ["run"]
    names = {path.name for path in (here / "run").iterdir()}
    assert names == {"config.yaml", "data.json", "metrics.json", "model.keras", "checksums.json"}
    assert (here / "run/model.keras").read_text() == "new"


def test_an_interrupted_copy_is_resumed_and_may_still_replace(places: tuple[Path, Path]) -> None:
    here, there = places
    finished_run(here / "run", "old")
    given = job(here, overwrite=True, name="run")
    mirror = Mirror(claim(given))
    given.run = here / "run"
    assert not given.begun, "the old run is nothing to resume"
    write(there / "run.partial", config_yaml="", checkpoints__state_json="1")
    mirror.update(changed_files(there / "run", mirror.states))
    mirror.close()
    assert given.begun and not given.finished

    driving._again(given, WorkerLost("worker 0 of 2 was lost"), Listener())
    assert given.order["resume"] == str(here / "run")
    again = Mirror(claim(given))
    finished_run(there / "run", "new")
    (there / "run.partial" / "config.yaml").unlink()
    (there / "run.partial" / "checkpoints/state.json").unlink()
    (there / "run.partial" / "checkpoints").rmdir()
    (there / "run.partial").rmdir()
    again.update(changed_files(there / "run", {}), ended=True)
    assert (here / "run/model.keras").read_text() == "new" and given.finished


def test_no_folder_means_no_run_and_changes_nothing(places: tuple[Path, Path]) -> None:
    here, there = places
    changes = changed_files(there / "run", {})
    assert changes == {"states": {}, "contents": {}, "finished": False}
    finished_run(here / "run", "old")
    mirror = Mirror(claim(job(here, overwrite=True, name="run")))
    mirror.update(changes, ended=True)
    mirror.close()
    assert [path.name for path in here.iterdir()] == ["run"]


def test_a_run_that_the_worker_removes_goes_here_too(places: tuple[Path, Path]) -> None:
    here, there = places
    mirror = Mirror(claim(job(here, name="run")))
    write(there / "run.partial", config_yaml="")
    mirror.update(changed_files(there / "run", {}))
    assert (here / "run.partial/config.yaml").exists()
    mirror.update({"states": {}, "contents": {}, "finished": False}, ended=True)
    mirror.close()
    assert not list(here.iterdir())


def test_a_name_is_chosen_where_the_command_is_given(places: tuple[Path, Path]) -> None:
    here, _ = places
    write(here / "mlp-iris.partial", config_yaml="", checkpoints__state_json="of another")
    folder = claim(job(here))
    assert folder.final == here / "mlp-iris-2"
    folder.release()
    with pytest.raises(UsageError, match="holds an unfinished run"):
        claim(job(here, name="mlp-iris"))
    assert (here / "mlp-iris.partial/checkpoints/state.json").read_text() == "of another"


def test_a_run_records_paths_as_here(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = places
    shipment = there.parents[len(here.parts) - 2]
    assert shipment.name == "shipped"
    for each in (here, there):
        write(each, weights_csv="label,weight\n0,1\n1,2\n", backbone_h5="")
        write(each / "gan", config_yaml="", model_keras="")
    monkeypatch.setattr(files, "_shipment", shipment)
    given = job(there, class_weights=str(here / "weights.csv")).config
    assert list(files_read(given)) == [str(here / "weights.csv")]
    assert absolute_fields(given)["out"] == str(here)
    assert placed({"weights": str(here / "backbone.h5")})["weights"] == str(here / "backbone.h5")
    path, digest = generator_of(recorded_generator(f"generated:{here / 'gan'}"))
    assert path == str(here / "gan") and digest


def test_links_are_followed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "elsewhere", big_bin="x" * 1000)
    folder = tmp_path / "photos"
    write(folder / "a", one_png="1")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "again").symlink_to(tmp_path / "elsewhere")
    (folder / "a" / "up").symlink_to(folder)
    (folder / "broken").symlink_to(tmp_path / "nothing")
    archive = b"".join(pieces([folder]))
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        names = {str(Path("/") / each.name) for each in tar if each.isfile()}
    inside = {str(Path(name).relative_to(folder)) for name in names}
    assert inside == {"a/one.png", "linked/big.bin", "again/big.bin"}
    unpack([archive], tmp_path / "there")
    copy = tmp_path / "there" / folder.relative_to("/")
    assert (copy / "linked/big.bin").read_text() == "x" * 1000
    monkeypatch.setattr("mlzoo.training.workers.shipping.MOST_BYTES", 2000)
    with pytest.raises(UsageError, match="workers do not share the disk"):
        list(pieces([folder]))


def ends(stopped: int = 0, **ended: dict[str, Any]) -> Attempt:
    attempt = Attempt(None, job(Path("/x")), TWO, Listener(), Stop(stopped))
    attempt._ended = {int(rank[1:]): end for rank, end in ended.items()}
    return attempt


def failed(error: BaseException) -> dict[str, Any]:
    return {"failed": member.failure(error)}


def echo(rank: int = 1) -> dict[str, Any]:
    """The end of a process that lost its connection to another."""
    group = Group(0, 2, "node1:1")
    group._failure = rank, lost_record(rank, "it has ended")
    error = group.failure()
    assert error is not None
    return failed(error)


LATE = {"silent": "worker 0 of 2 was lost: it did not end"}


def test_a_mistake_is_told_though_others_did_not_end() -> None:
    with pytest.raises(DataError, match="row 3"):
        ends(_0=LATE, _1=failed(DataError("row 3")))._result()


def test_lost_processes_are_started_anew() -> None:
    for lost in (
        ends(_0=echo(), _1=echo(0)),
        ends(_0=echo(), _1=LATE),
        ends(_0={"lost": "worker 0 was lost"}, _1=failed(MlzooError("a broken connection"))),
        ends(_0={"code": 4, "last": [""]}, _1={"code": 4, "last": ["error: x"]}),
        ends(_0=failed(Interrupted("stopped", 15)), _1={"code": 143, "last": [""]}),
    ):
        with pytest.raises(WorkerLost):
            lost._result()


def test_a_signal_to_the_command_ends_the_training() -> None:
    with pytest.raises(Interrupted):
        ends(15, _0=failed(Interrupted("stopped", 15)), _1={"code": 143, "last": [""]})._result()


def test_a_supervised_process_does_not_say_how_to_start_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = Group(0, 2, "node1:29400")
    group.run = run_folder.RunFolder(tmp_path, tmp_path / "run", None)
    write(tmp_path, model_keras="")
    group._failure = 1, lost_record(1, "it has ended")
    assert "--rank" in str(group.failure())
    monkeypatch.setattr(Group, "supervised", True)
    assert str(group.failure()) == "rank 1: the process was lost: it has ended"


def test_workers_trust_what_the_user_has_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: list[dict[str, Any]] = []
    monkeypatch.setattr(driving, "_check", lambda *given, **more: None)
    monkeypatch.setattr(driving, "_train", lambda given, *more: orders.append(given.order))
    code, gan = tmp_path / "code.py", tmp_path / "gan"
    code.write_text("")
    write(gan, config_yaml=f"model: {code}\n", model_keras="")
    augment = f"generated:{gan}"
    with registry.trust_anew():
        merged = merge({"model": "cnn", "data": "digits", "augment": augment})
        driving.train_on_ray(merged, TWO, False, Listener())
        merged = merge({"model": "cnn", "data": "digits", "augment": augment}, trust=True)
        driving.train_on_ray(merged, TWO, False, Listener(), trust=True)
    assert [(order["trust"], order["trusted"]) for order in orders] == [
        (False, []),
        (True, [str(code)]),
    ]
    assert code in files_of_run(merged.config)


def test_overwrite_without_a_name_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driving, "_check", lambda *given, **more: None)
    merged = merge({"model": "mlp", "data": "iris", "out": str(tmp_path / "runs")})
    with pytest.raises(UsageError, match="--overwrite: has no effect without --name"):
        driving.train_on_ray(merged, TWO, True, Listener())
    assert not (tmp_path / "runs").exists()
