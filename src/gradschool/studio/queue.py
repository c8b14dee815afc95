"""The queue of the studio: work waits in it, one at a time runs, and a new studio finds it as the last one left it."""

import secrets
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from gradschool.durable import make_folder, replace_file
from gradschool.errors import GradschoolError, ResourceError
from gradschool.files import read_json, write_json
from gradschool.job import read_job
from gradschool.run import next_folder
from gradschool.studio.folders import Folders
from gradschool.studio.processes import find_process, interrupt
from gradschool.studio.replies import Conflict, NotFound
from gradschool.studio.work import ENDED, Kind, Place, Work

MAX_ENDED = 100  # works that have ended and are remembered
PATIENCE = 20.0  # seconds after which work that was asked to stop may be killed
FILE = "queue.json"
FORM: TypeAdapter[list[Work]] = TypeAdapter(list[Work])


class Queue:
    """Work in its order. Each change is on the disk before it is said to be done; any thread may call its methods."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._lock = threading.RLock()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self.problem = ""  # why the queue cannot be written
        self._works = self._read()

    def _read(self) -> list[Work]:
        path = self._folders.state / FILE
        try:
            return FORM.validate_python(read_json(path)) if path.exists() else []
        except (ValueError, OSError):  # it is put aside: what runs goes on, and its runs are still shown
            replace_file(path, path.with_name(f"{FILE}.damaged"))
            return []

    def works(self) -> list[Work]:
        """All work: what has ended first, then what runs, then what waits in its order."""
        with self._lock:
            return list(self._works)

    def find(self, id_: str) -> Work:
        """The work with an id."""
        with self._lock:
            for work in self._works:
                if work.id == id_:
                    return work
        raise NotFound("This work is not in the queue.", "It was removed from the list.", "look at the runs instead.")

    def demand_unprepared(self, name: str, value: str) -> None:
        """Raise Conflict while a preparation runs that is about this: it has read the decisions already."""
        for work in self.works():
            if work.kind == "prepare" and work.state == "running" and work.about.get(name) == value:
                raise Conflict(
                    "The job is being prepared just now.",
                    "A decision that is made meanwhile would be lost.",
                    "wait until the preparation has ended, and decide again.",
                )

    def place(self, work: Work) -> Place:
        """The files of work."""
        return Place(self._folders.state, work.id)

    def add(
        self, kind: Kind, title: str, arguments: tuple[str, ...], about: Mapping[str, str], folder: Path | None = None
    ) -> Work:
        """Add work to the end of the queue; it starts when nothing else runs."""
        work = Work(
            secrets.token_hex(8),
            kind,
            title,
            arguments,
            str(folder or self._folders.home),
            dict(about),
            asked=time.time(),
        )
        with self._lock:
            self._save([*self._works, work])
        self.advance()
        return self.find(work.id)

    def stop(self, id_: str) -> Work:
        """Stop work: what waits is taken out; what runs is interrupted, and killed if that is asked again later."""
        with self._lock:
            work = self.find(id_)
            if work.state == "waiting":
                return self._put(replace(work, state="stopped", ended=time.time()))
            if work.state == "running" and (process := find_process(work.pid, work.born)):
                interrupt(process, hard=work.stopping and time.time() - work.ended > PATIENCE)
                if not work.stopping:  # until it has ended, `ended` is when it was asked to
                    return self._put(replace(work, stopping=True, ended=time.time()))
            return work

    def move(self, id_: str, by: int) -> None:
        """Move waiting work towards the front (-1) or the end (1)."""
        with self._lock:
            waiting = [place for place, work in enumerate(self._works) if work.state == "waiting"]
            here = next((n for n, place in enumerate(waiting) if self._works[place].id == id_), None)
            if here is None or not 0 <= here + by < len(waiting):
                return
            works, one, other = list(self._works), waiting[here], waiting[here + by]
            works[one], works[other] = works[other], works[one]
            self._save(works)

    def forget(self, id_: str) -> None:
        """Remove work that has ended from the list, with its output; what it made stays."""
        with self._lock:
            work = self.find(id_)
            if work.state in ENDED:
                self._save([one for one in self._works if one.id != id_])
                self.place(work).remove()

    def advance(self) -> None:
        """See what has ended, and start what is next."""
        with self._lock:
            for work in [one for one in self._works if one.state == "running"]:
                if (child := self._children.get(work.id)) and child.poll() is not None:
                    del self._children[work.id]
                if (now := self.place(work).now(work)) != work:
                    self._put(now)
            busy = {one.lane for one in self._works if one.state == "running"}
            for work in [one for one in self._works if one.state == "waiting"]:
                if work.lane not in busy:
                    self._start(work)
                    busy.add(work.lane)

    def _start(self, work: Work) -> None:
        try:
            started, child = self.place(work).start(self._ready(work))
        except (GradschoolError, OSError) as error:
            make_folder(self.place(work).messages.parent)
            self.place(work).messages.write_text(f"{error}\n", encoding="utf-8")
            self._put(replace(work, state="failed", began=time.time(), ended=time.time()))
            return
        self._children[work.id] = child
        self._put(started)

    def _ready(self, work: Work) -> Work:
        """The work with the folder of its run, which is the next free one when it starts."""
        if work.kind != "climb" or "run" in work.about:
            return work
        job = read_job(Path(work.folder, work.about["job"]))
        self._folders.demand_inside(self._folders.home / "runs")
        folder = next_folder(job.name, self._folders.home / "runs")
        arguments = ("climb", "--run", str(folder), *work.arguments[1:])
        return replace(work, arguments=arguments, about={**work.about, "run": self._folders.shown(folder)})

    def _put(self, new: Work) -> Work:
        self._save([new if work.id == new.id else work for work in self._works])
        return new

    def _save(self, works: list[Work]) -> None:
        """Write the queue, and then hold it; on a full disk, running work is still followed."""
        ended = [work for work in works if work.state in ENDED]
        for old in ended[: max(0, len(ended) - MAX_ENDED)]:
            works = [work for work in works if work.id != old.id]
            self.place(old).remove()
        try:
            write_json(self._folders.state / FILE, FORM.dump_python(works, mode="json"))
            self.problem = ""
        except ResourceError as error:
            self.problem = str(error)
            if len(works) > len(self._works):  # new work, which would be lost
                raise
        self._works = works
