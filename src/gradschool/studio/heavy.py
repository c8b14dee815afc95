"""What needs torch or takes long, asked of a child process: the server itself stays small and quick."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

from gradschool.bounded import Limits, Stopped, replies
from gradschool.errors import DataError, ResourceError
from gradschool.run import EVENTS_FILE

CHILD = "gradschool.studio.heavy_child"
LIMITS = Limits(seconds=600, memory=16_000_000_000, waiting=1200.0)
OF_DATA = ("table", "reading")  # requests that need no model
MAX_KEPT = 6  # results that are kept
Replies = list[dict[str, Any]]


class Heavy:
    """Asks children, and keeps the last answers; methods may be called by any thread.

    Requests about data and requests about models have a lock each, so that making a long table does not block answers.
    """

    def __init__(self) -> None:
        self._data, self._models = threading.Lock(), threading.Lock()
        self._kept: OrderedDict[Hashable, Replies] = OrderedDict()

    def ask(self, what: str, **request: Any) -> Replies:
        """All replies to a request; raises errors as `each`."""
        return list(self.each(what, **request))

    def each(self, what: str, **request: Any) -> Iterator[dict[str, Any]]:
        """The replies to a request as they come.

        Raises DataError if the child replies with an error, and ResourceError if it does not end well.
        """
        error: dict[str, str] | None = None
        with self._data if what in OF_DATA else self._models:
            try:
                for reply in replies(CHILD, {"what": what, **request}, b"", LIMITS):
                    if "error" in reply and "file" not in reply:
                        error = reply["error"]  # it is the last one; the child goes on to the next request
                    else:
                        yield reply
            except Stopped as stopped:
                why = stopped.sentence("This", LIMITS.seconds, LIMITS)
                raise ResourceError(
                    "This could not be computed.", why, "close other programs, or use the command in a terminal."
                ) from stopped
        if error:
            raise DataError(**error)

    def kept(self, key: Hashable, what: str, **request: Any) -> Replies:
        """As `ask`, but what was asked under this key is not computed again."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        found = self.ask(what, **request)
        self._kept[key] = found
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return found


def state_of(run: Path) -> tuple[int, ...]:
    """What changes when a run does."""
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in (run / EVENTS_FILE, run / "done"))
