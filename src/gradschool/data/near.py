"""Questions that are nearly the same, found by MinHash and confirmed by counting."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from rensa import RMinHash, RMinHashLSH

from gradschool.data.fold import words
from gradschool.records import Example

SHINGLE = 5  # words in a row
HASHES, SEED = 128, 1  # length of a signature; the seed is fixed because every find is confirmed exactly
RECALL = 0.999  # chance with which a pair exactly at the threshold is found
COMMON_SHARE, COMMON_LEAST = 0.25, 10  # a shingle in more questions than both is the job's wording, not the question's
Shingles = frozenset[str]


def near_duplicates(examples: Sequence[Example], threshold: float) -> list[tuple[str, ...]]:
    """Ids of examples that ask nearly the same, in clusters of two or more.

    Two questions are near-duplicates when the Jaccard similarity of their sets of word 5-grams (case and punctuation
    aside) reaches `threshold`, a share in (0, 1]. A question of fewer than five words is one shingle. Wording that a
    quarter of all questions share, such as an instruction repeated in each, does not count. Clusters are closed: what
    is near to a member belongs to it. Candidates are found with MinHash and banding (Broder 1997; Leskovec,
    Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3), in time linear in the number of examples.
    """
    members: defaultdict[Shingles, list[str]] = defaultdict(list)  # equal questions need no comparison
    for example, shingles in zip(examples, _distinctive([_shingles(example) for example in examples]), strict=True):
        members[shingles].append(example.id)
    # Sorted, so that nothing depends on the order of the file.
    distinct = sorted(members, key=lambda shingles: min(members[shingles]))
    parents = list(range(len(distinct)))
    _link(distinct, threshold, parents)
    clusters: defaultdict[int, list[str]] = defaultdict(list)
    for position, shingles in enumerate(distinct):
        clusters[_root(parents, position)] += members[shingles]
    return sorted(tuple(sorted(ids)) for ids in clusters.values() if len(ids) > 1)


def _shingles(example: Example) -> list[str]:
    # Instructions are the same in every example, so the system message says nothing about the question.
    asked = [word for message in example.question if message.role != "system" for word in words(message.content)]
    size = min(SHINGLE, max(len(asked), 1))
    return [" ".join(asked[start : start + size]) for start in range(len(asked) - size + 1)]


def _distinctive(documents: list[list[str]]) -> list[Shingles]:
    sets = [frozenset(document) for document in documents]
    frequency = Counter(shingle for shingles in sets for shingle in shingles)
    limit = max(COMMON_LEAST, COMMON_SHARE * len(sets))
    common = {shingle for shingle, count in frequency.items() if count > limit}
    if not common:
        return sets
    # A question of nothing but common wording is compared whole: it equals only itself.
    return [
        shingles - common or frozenset({"\n".join(document)})
        for shingles, document in zip(sets, documents, strict=True)
    ]


def _bands(threshold: float) -> int:
    """The fewest bands with which a pair at the threshold is found with the chance RECALL."""
    for bands in (8, 16, 32, 64):
        if 1 - (1 - threshold ** (HASHES // bands)) ** bands >= RECALL:
            return bands
    return HASHES


def _link(distinct: list[Shingles], threshold: float, parents: list[int]) -> None:
    signatures = RMinHash.from_token_sets([sorted(shingles) for shingles in distinct], HASHES, SEED)
    index = RMinHashLSH(threshold, HASHES, _bands(threshold))
    for here, signature in enumerate(signatures):
        for there in index.query(signature):
            one, other = _root(parents, here), _root(parents, there)
            if one != other and _jaccard(distinct[here], distinct[there]) >= threshold:
                parents[max(one, other)] = min(one, other)
        index.insert(here, signature)


def _jaccard(one: Shingles, other: Shingles) -> float:
    return len(one & other) / (len(one | other) or 1)


def _root(parents: list[int], position: int) -> int:
    while parents[position] != position:
        parents[position] = parents[parents[position]]
        position = parents[position]
    return position
