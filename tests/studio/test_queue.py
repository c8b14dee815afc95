"""Work waits, runs one at a time, and is found again by the next studio."""

import json
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest

from gradschool.errors import ResourceError
from gradschool.studio import queue as queue_module
from gradschool.studio.folders import Folders
from gradschool.studio.queue import Queue
from gradschool.studio.work import Place, Work


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders((tmp_path.resolve(),))


def until(condition: Callable[[], bool], queue: Queue) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, [(work.title, work.state) for work in queue.works()]
        time.sleep(0.05)
        queue.advance()


def states(queue: Queue) -> list[str]:
    return [work.state for work in queue.works()]


@pytest.fixture
def sleeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is a process that waits, in place of a command."""

    def start(place: Place, work: Work) -> object:
        import subprocess
        from dataclasses import replace

        place.exit.parent.mkdir(parents=True, exist_ok=True)
        # A suite in the background has SIGINT ignored, and so would this process.
        interruptible = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        child = subprocess.Popen(["sleep", "60"], start_new_session=True, preexec_fn=interruptible)
        born = psutil.Process(child.pid).create_time()
        return replace(work, state="running", began=time.time(), pid=child.pid, born=born), child

    monkeypatch.setattr(Place, "start", start)


def test_a_command_runs_and_its_result_and_exit_code_are_kept(folders: Folders) -> None:
    queue = Queue(folders)
    good = queue.add("report", "The version", ("version",), {})
    bad = queue.add("report", "No option", ("version", "--nowhere"), {})
    until(lambda: states(queue) == ["done", "failed"], queue)
    assert queue.place(good).result().strip() and queue.find(good.id).code == 0
    assert "No such option: --nowhere" in queue.place(bad).tail()


@pytest.mark.usefixtures("sleeping")
def test_one_long_work_runs_at_a_time_and_the_next_studio_goes_on(folders: Folders) -> None:
    first = Queue(folders)
    works = [first.add("export", f"Export {number}", ("export",), {}) for number in range(3)]
    first.add("serve", "Serve", ("serve",), {})
    first.move(works[2].id, -1)
    assert states(first) == ["running", "waiting", "waiting", "running"]
    second = Queue(folders)  # the first one was killed
    second.advance()
    assert [work.id for work in second.works()] == [works[0].id, works[2].id, works[1].id, first.works()[3].id]
    assert states(second) == ["running", "waiting", "waiting", "running"]
    os.killpg(second.works()[0].pid, signal.SIGKILL)
    until(lambda: states(second)[:2] == ["killed", "running"] and states(first)[0] in ("running", "killed"), second)
    second.stop(works[2].id)
    second.stop(works[1].id)
    second.stop(second.works()[3].id)
    until(lambda: states(second) == ["killed", "stopped", "stopped", "stopped"], second)


@pytest.mark.usefixtures("sleeping")
def test_another_process_with_the_same_number_is_not_taken_for_work(folders: Folders) -> None:
    queue = Queue(folders)
    work = queue.add("export", "Export", ("export",), {})
    content = json.loads((folders.state / "queue.json").read_text())
    content[0] |= {"pid": os.getpid(), "born": 1.0}
    (folders.state / "queue.json").write_text(json.dumps(content))
    other = Queue(folders)
    other.advance()
    assert states(other) == ["killed"]
    os.killpg(queue.find(work.id).pid, signal.SIGKILL)


@pytest.mark.usefixtures("sleeping")
def test_on_a_full_disk_new_work_is_refused_and_nothing_is_lost(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Queue(folders)
    work = queue.add("export", "Export", ("export",), {})

    def full(path: Path, value: object) -> None:
        raise ResourceError("The disk is full.", "", "free some space.")

    with monkeypatch.context() as patched:
        patched.setattr(queue_module, "write_json", full)
        with pytest.raises(ResourceError):
            queue.add("export", "Another", ("export",), {})
        assert len(queue.works()) == 1
        queue.stop(work.id)
        until(lambda: states(queue) == ["stopped"], queue)
        assert "full" in queue.problem
    queue.forget(work.id)
    assert queue.works() == [] and queue.problem == ""


def test_a_damaged_queue_is_put_aside(folders: Folders) -> None:
    folders.state.mkdir()
    (folders.state / "queue.json").write_text("[{]")
    assert Queue(folders).works() == []
    assert (folders.state / "queue.json.damaged").read_text() == "[{]"


def test_a_climb_of_a_job_that_has_disappeared_fails_and_says_so(folders: Folders) -> None:
    (folders.home / "orders").mkdir()
    queue = Queue(folders)
    work = queue.add("climb", "Climb", ("climb", "--", "orders"), {"job": "orders"})
    assert states(queue) == ["failed"]
    assert "no job.toml" in queue.place(work).tail()


@pytest.mark.usefixtures("sleeping")
def test_a_climb_gets_the_next_free_folder_when_it_starts(folders: Folders) -> None:
    job, used = folders.home / "orders", folders.home / "runs" / "orders-1"
    used.mkdir(parents=True)
    job.mkdir()
    (job / "job.toml").write_text("")
    queue = Queue(folders)
    queue.add("climb", "Climb", ("climb", "--epochs=1", "--", str(job)), {"job": "orders"})
    [work] = queue.works()
    folder = str(folders.home / "runs" / "orders-2")
    assert work.arguments == ("climb", "--run", folder, "--epochs=1", "--", str(job))
    assert work.about == {"job": "orders", "run": "runs/orders-2"}
    os.killpg(work.pid, signal.SIGKILL)
