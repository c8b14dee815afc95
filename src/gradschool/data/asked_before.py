"""Which questions an earlier climb asked, known by hashes and sketches alone: equal ones, and nearly equal ones.

A question is the same after a small repair: another system message, another wording around it, a typo, a name that was
replaced. Otherwise a repair of the examples would make an old test set a new one.
"""

from collections.abc import Collection, Sequence

from gradschool.data.normalize import normalized_question
from gradschool.data.sketches import Sketches, common_wording, matches, sketches
from gradschool.files import sha256_of
from gradschool.records import Example

DIGITS = 16  # of a hash


def hashed(example: Example) -> str:
    """A hash of a question with its roles."""
    return sha256_of(normalized_question(example))[:DIGITS]


def sketched(examples: Sequence[Example]) -> str:
    """The sketches of questions, as the hexadecimal digits that `sketches_of` reads."""
    return sketches(examples, common_wording(examples)).tobytes().hex()


def asked_again(examples: Sequence[Example], hashes: Collection[str], known: Sketches) -> list[bool]:
    """For each example, whether its question is one of those that were asked, or nearly one.

    `hashes` are those of `hashed`, `known` are the sketches of the questions that were asked.
    """
    found = [hashed(example) in hashes for example in examples]
    if not len(known) or all(found):
        return found
    near = matches(examples, known, common_wording(examples))
    return [equal or match is not None for equal, match in zip(found, near, strict=True)]
