"""The state of one studio: the folders that were named, the queue of its work, and the child for what takes long."""

import asyncio
from dataclasses import dataclass, field

from gradschool.studio.folders import Folders
from gradschool.studio.heavy import Heavy
from gradschool.studio.queue import Queue
from gradschool.studio.table import Tables

TICK = 0.5  # seconds between two looks at what runs


@dataclass(frozen=True, slots=True)
class Studio:
    """What all pages share."""

    folders: Folders
    queue: Queue = field(repr=False)
    heavy: Heavy = field(repr=False)
    tables: Tables = field(repr=False)

    @classmethod
    def of(cls, folders: Folders) -> "Studio":
        """A studio over these folders."""
        heavy = Heavy()
        return cls(folders, Queue(folders), heavy, Tables(folders.state, heavy))

    async def keep_working(self) -> None:
        """See what has ended and start what is next, until this is cancelled."""
        while True:
            await asyncio.to_thread(self.queue.advance)
            await asyncio.sleep(TICK)
