"""Try the image of a file of others once, in a child process, within limits of time and memory.

After it was decoded there, the same bytes are decoded in this process.
"""

import hashlib

from gradschool.bounded import Limits, Stopped, replies
from gradschool.images.bounds import BadImage
from gradschool.images.decode import demand_bytes

CHILD = "gradschool.images.try_child"
MAX_KNOWN = 100_000
_known: set[str] = set()  # the SHA-256 of what was tried in this process
LIMITS = Limits(seconds=15, seconds_per_mb=2, memory=2_000_000_000, waiting=300.0)


def tried(content: bytes, limits: Limits = LIMITS) -> str:
    """The perceptual hash of an image that can be decoded; raises BadImage for one that cannot, within the limits."""
    demand_bytes(content)
    try:
        (reply,) = replies(CHILD, {}, content, limits)
    except Stopped as stopped:
        if stopped.cause == "refused":
            raise BadImage(stopped.why) from stopped
        why = stopped.sentence("decoding it", limits.of(len(content)), limits).rstrip(".")
        raise BadImage(f"cannot be used ({why}): save it again, or smaller") from stopped
    if len(_known) >= MAX_KNOWN:
        _known.clear()
    _known.add(hashlib.sha256(content).hexdigest())
    found: str = reply["likeness"]
    return found


def demand_tried(sha256: str, content: bytes) -> None:
    """Try an image with this hash, unless it was tried in this process; raises BadImage if it cannot be decoded."""
    if sha256 not in _known:
        tried(content)
