"""The state of one studio: the folders that were named, the queue of its work, and the child for what takes long."""

import asyncio
import shutil
import threading
from dataclasses import dataclass, field

from gradschool.studio.folders import PREVIEWS, Folders
from gradschool.studio.heavy import Heavy
from gradschool.studio.queue import Queue
from gradschool.studio.recorded import Summaries
from gradschool.studio.table import Tables

TICK = 0.5  # seconds between two looks at what runs


@dataclass(frozen=True, slots=True)
class Studio:
    """What all pages share."""

    folders: Folders
    queue: Queue = field(repr=False)
    heavy: Heavy = field(repr=False)
    tables: Tables = field(repr=False)
    summaries: Summaries = field(repr=False)
    changing: threading.Lock = field(default_factory=threading.Lock, repr=False)  # job.toml, previews
    talking: threading.Lock = field(default_factory=threading.Lock, repr=False)  # an answer takes all cores

    @classmethod
    def of(cls, folders: Folders) -> "Studio":
        """A studio over these folders."""
        heavy = Heavy()
        return cls(folders, Queue(folders), heavy, Tables(folders.state, heavy), Summaries(folders))

    def clear_previews(self) -> None:
        """Remove previews that no work in the queue names any more: they hold what the user brought, private or not."""
        place = self.folders.state / PREVIEWS
        with self.changing:
            named = {work.about.get("preview") for work in self.queue.works()}
            for folder in list(place.iterdir()) if place.is_dir() else ():
                if folder.name not in named:
                    shutil.rmtree(folder, ignore_errors=True)

    async def keep_working(self) -> None:
        """See what has ended and start what is next, until this is cancelled."""
        await asyncio.to_thread(self.clear_previews)
        while True:
            await asyncio.to_thread(self.queue.advance)
            await asyncio.sleep(TICK)
