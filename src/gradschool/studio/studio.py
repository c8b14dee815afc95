"""The state of one studio: the folders that were named, and the queue of its work."""

import asyncio
from dataclasses import dataclass, field

from gradschool.studio.folders import Folders
from gradschool.studio.queue import Queue

TICK = 0.5  # seconds between two looks at what runs


@dataclass(frozen=True, slots=True)
class Studio:
    """What all pages share."""

    folders: Folders
    queue: Queue = field(repr=False)

    @classmethod
    def of(cls, folders: Folders) -> "Studio":
        """A studio over these folders."""
        return cls(folders, Queue(folders))

    async def keep_working(self) -> None:
        """See what has ended and start what is next, until this is cancelled."""
        while True:
            await asyncio.to_thread(self.queue.advance)
            await asyncio.sleep(TICK)
