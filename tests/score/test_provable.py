"""What a test set can prove is said before anything is answered, with what would be enough."""

import numpy as np

from gradschool.data.proof import provable
from gradschool.score.provable import proof_above, proof_of
from gradschool.score.stats import halved, verdict_on

LEVEL = 0.975


def groups(count: int, each: int = 1) -> list[str]:
    return [f"g{number // each}" for number in range(count * each)]


def test_more_examples_prove_more_and_groups_count_instead_of_examples() -> None:
    few, many, grouped = (proof_of(names, 200, 0.8, LEVEL) for names in (groups(10), groups(60), groups(10, 6)))
    assert few.highest < many.highest and grouped.highest < many.highest
    assert not few.possible and many.possible and not grouped.possible
    assert few.needed is None and many.needed is not None and 0.8 < many.needed < 1


def test_in_groups_a_higher_score_is_needed() -> None:
    alone, grouped = proof_of(groups(60), 200, 0.6, LEVEL), proof_of(groups(20, 3), 200, 0.6, LEVEL)
    assert alone.needed == alone.needed_together
    assert alone.needed and grouped.needed and grouped.needed_together
    assert alone.needed < grouped.needed < grouped.needed_together
    assert f", or {grouped.needed_together:.3f} if the answers of a group are right or wrong together." in str(
        grouped.sentence()
    )


def test_the_sentence_names_what_is_enough() -> None:
    assert "the true score must be at least 0." in proof_of(groups(60), 200, 0.8, LEVEL).sentence()
    said = proof_of(groups(10), 200, 0.8, LEVEL).sentence()
    assert (
        "its 10 examples prove" in said and "test examples are needed: test more of them with `--test-share 0." in said
    )
    assert "6 groups" in proof_of(groups(6, 4), 200, 0.9, LEVEL).sentence()
    assert "--test-share" not in proof_of(groups(10), 12, 0.9, LEVEL).sentence()
    assert "lower it" in proof_of(groups(50), 100, 1.0, LEVEL).sentence()


def test_few_groups_say_what_no_method_can_prove_and_what_more_would_change() -> None:
    hopeless, hard = proof_of(groups(6, 6), 200, 0.8, LEVEL), proof_of(groups(20, 3), 200, 0.6, LEVEL)
    assert "From 6 groups no method can prove more than 0.541, however many examples they have. At least" in str(
        hopeless.sentence()
    )
    assert hopeless.highest <= hopeless.limit + 1e-6 and hopeless.with_twice is None
    assert "With twice as many groups about 0.81" in hard.sentence() and "From 20 groups no method" in hard.sentence()
    assert hard.with_twice and hard.needed_together and hard.with_twice < hard.needed_together
    assert not any("no method" in proof_of(names, 200, 0.6, LEVEL).sentence() for names in (groups(60), groups(40, 2)))


def test_unequal_groups_prove_as_much_as_fewer_equal_ones() -> None:
    equal = proof_of([str(number // 3) for number in range(90)], 300, 0.5, 0.95)
    assert equal.separate == 30
    assert proof_of([str(number) for number in range(77)], 300, 0.5, 0.9875).separate == 77
    unequal = proof_of([*["large"] * 30, *map(str, range(60))], 300, 0.5, 0.95)
    assert 1 <= unequal.separate < 10
    assert provable(unequal.separate, 0.95) <= unequal.highest < provable(unequal.separate + 1, 0.95)


def test_a_floor_near_the_pass_mark_takes_a_higher_score() -> None:
    names, floor, random = groups(60), [1.0] * 29 + [0.0] * 31, np.random.default_rng(5)
    alone = proof_of(names, 300, 0.5, LEVEL)
    both = proof_above(alone, names, floor)
    assert alone.needed and both.needed and both.needed > alone.needed and both.floor == 29 / 60
    passed = 0
    for values in (random.random((300, 60)) < both.needed).astype(float).tolist():
        claims = verdict_on(values, names, 0.5, LEVEL), verdict_on(halved(values, floor), names, 0.5, LEVEL)
        passed += claims == ("passed", "passed")
    assert 0.72 < passed / 300 < 0.92
    assert "and more than the floor of 0.483 with a probability of 80 %" in both.sentence()
    assert "(without floors)" in alone.sentence()
    assert proof_above(alone, names, [0.1] * 60).needed == alone.needed
    assert "No true score proves more than the floor" in proof_above(alone, names, [1.0] * 60).sentence()
    assert "No true score" not in proof_above(proof_of(groups(5), 300, 0.8, LEVEL), groups(5), [0.5] * 5).sentence()
