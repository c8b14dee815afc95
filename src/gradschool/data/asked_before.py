"""Which questions an earlier climb asked, known by hashes and sketches alone: equal ones, and nearly equal ones.

A question is the same after a small repair: another system message, another wording around it, a typo, a name that was
replaced. Otherwise a repair of the examples would make an old test set a new one.
"""

from collections.abc import Collection, Sequence

from gradschool.data.normalize import normalized_question
from gradschool.data.sketches import BYTES, common_wording, matches, sketches, sketches_of
from gradschool.files import sha256_of
from gradschool.records import Example

DIGITS = 16  # of a hash
SKETCHES = rf"^(?:[0-9a-f]{{{2 * BYTES}}})*$"  # what `sketched` gives


def hashed(example: Example) -> str:
    """A hash of a question with its roles."""
    return sha256_of(normalized_question(example))[:DIGITS]


def sketched(examples: Sequence[Example]) -> str:
    """The sketches of questions, as hexadecimal digits."""
    return sketches(examples, common_wording(examples)).tobytes().hex()


def asked_again(examples: Sequence[Example], hashes: Collection[str], known: str) -> list[bool]:
    """For each example, whether its question is one of those that were asked, or nearly one.

    `hashes` are those of `hashed`, `known` is what `sketched` gave.
    """
    found = [hashed(example) in hashes for example in examples]
    if not known or all(found):
        return found
    near = matches(examples, sketches_of(known), common_wording(examples))
    return [equal or match is not None for equal, match in zip(found, near, strict=True)]
