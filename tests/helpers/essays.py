"""Invented essays of any length, in which no two paragraphs are alike."""

import random

NOUNS = ("otter", "ferry", "lantern", "orchard", "chimney", "saddle", "turnip", "gutter", "violin", "hammock", "anvil")
VERBS = ("mended", "painted", "sold", "carried", "forgot", "measured", "praised", "lent", "hid", "weighed")


def sentence(chance: random.Random) -> str:
    one, two = chance.sample(NOUNS, 2)
    did, also, place = chance.choice(VERBS), chance.choice(VERBS), chance.choice(NOUNS)
    return f"My neighbour {did} the {one} and {also} a {two} in the {place} yard."


def essay(seed: int, paragraphs: int = 24, between: str = "\n\n") -> str:
    chance = random.Random(seed)
    return between.join(" ".join(sentence(chance) for _ in range(chance.randint(3, 8))) for _ in range(paragraphs))
