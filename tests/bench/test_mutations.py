"""Damage is the same for the same chance, and reaches into what a format holds."""

import random
from pathlib import Path

from bench import samples
from bench.mutations import mutated


def test_the_damage_is_repeatable_and_of_many_kinds(tmp_path: Path) -> None:
    for sample in samples.examples(tmp_path)[5:9]:
        ((name, content),) = sample.files.items()
        made = [mutated(name, content, random.Random(seed)) for seed in range(12)]
        assert made[3] == mutated(name, content, random.Random(3))
        assert len(set(made)) > 6
