"""What needs torch or takes long, asked of a child process: the server itself stays small and quick."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path
from typing import Any

from gradschool.bounded import Limits, Stopped, replies
from gradschool.errors import DataError, ResourceError
from gradschool.run import EVENTS_FILE

CHILD = "gradschool.studio.heavy_child"
LIMITS = Limits(seconds=600, memory=16_000_000_000, waiting=1200.0)
MAX_KEPT = 6  # results that are kept
Replies = list[dict[str, Any]]


class Heavy:
    """Asks the child one question at a time, and keeps the last answers; methods may be called by any thread."""

    def __init__(self) -> None:
        self._one = threading.Lock()
        self._kept: OrderedDict[Hashable, Replies] = OrderedDict()

    def ask(self, what: str, **request: Any) -> Replies:
        """The replies to a request; raises DataError if the child replies with an error or does not end well."""
        with self._one:
            try:
                found = list(replies(CHILD, {"what": what, **request}, b"", LIMITS))
            except Stopped as stopped:
                why = stopped.sentence("This", LIMITS.seconds, LIMITS)
                raise ResourceError(
                    "This could not be computed.", why, "close other programs, or use the command in a terminal."
                ) from stopped
        if len(found) == 1 and "error" in found[0] and "file" not in found[0]:
            raise DataError(**found[0]["error"])
        return found

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
