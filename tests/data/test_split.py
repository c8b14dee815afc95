"""Splits: sized for the verdict, never leaking, the same for the same content."""

import itertools
import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.proof import levels_of, look_level, min_test_examples
from gradschool.data.sizing import sizes
from gradschool.data.split import as_units, freeze_split, split_of, verify_split
from gradschool.errors import DataError, UsageError
from gradschool.records import Example, Message, Source
from gradschool.score.stats import bounds, verdict
from gradschool.settings import Goal, SplitSettings

GOAL = Goal(pass_mark=0.8)


def example(number, group="", answer=None, question=None):
    messages = (Message("user", question or f"question {number}"), Message("assistant", answer or f"answer {number}"))
    return Example(f"e{number}", messages, group or f"e{number}", Source("examples.jsonl", number + 1))


def frozen(examples, near=(), **options):
    return freeze_split(examples, SplitSettings(**options), GOAL, near, 4)


def test_the_minimum_test_size_for_a_pass_mark():
    level = look_level(0.05, 4)
    assert min_test_examples(0.8, level) == math.ceil(math.log(0.0125) / math.log(0.8)) == 20
    assert min_test_examples(1.0, level) is None
    needed = min_test_examples(0.95, level)
    assert 0.95**needed <= 0.05 / 4 < 0.95 ** (needed - 1)


@pytest.mark.parametrize("budget, mark, needed", [(0.008, 0.2, 3), (0.064, 0.4, 3), (0.09, 0.3, 3)])
def test_in_exact_ties_the_minimum_is_what_the_verdict_needs(budget, mark, needed):
    """Here log(budget) / log(mark), rounded up, is one off: it is an integer but for rounding errors."""
    assert min_test_examples(mark, look_level(budget, 1)) == needed
    for number in (needed, needed - 1):
        interval = bounds([1.0] * number, [str(n) for n in range(number)], look_level(budget, 1))
        assert (verdict(interval, mark) == "passed") == (number == needed)


@pytest.mark.parametrize(
    "examples, mark, test, validation",
    [(12, 0.8, 4, 2), (60, 0.8, 22, 7), (300, 0.8, 60, 36), (300, 0.95, 120, 29), (2000, 0.8, 400, 100)],
)
def test_sizes(examples, mark, test, validation):
    size = sizes(examples, examples, SplitSettings(), Goal(pass_mark=mark), 4)
    assert (size.test, size.validation) == (test, validation)
    assert size.train + size.validation + size.test == examples


def test_sizes_as_set_and_with_few_groups():
    settings_ = SplitSettings(test_share=0.3, validation_share=0.1)
    assert sizes(100, 100, settings_, GOAL, 4).test == 30
    assert sizes(100, 100, settings_, GOAL, 4).validation == 10
    assert sizes(9000, 9000, SplitSettings(test_share=0.5, max_test=50), GOAL, 4).test == 50
    assert sizes(446, 59, SplitSettings(), GOAL, 4).test > sizes(446, 446, SplitSettings(), GOAL, 4).test
    with pytest.raises(UsageError, match="leave nothing"):
        sizes(100, 100, SplitSettings(test_share=0.8, validation_share=0.2), GOAL, 4)


@given(st.integers(12, 3000), st.floats(0.01, 1), st.floats(0.05, 1), st.integers(1, 4))
def test_half_is_for_training_unless_the_settings_say_otherwise(examples, grouping, mark, looks):
    units = max(3, int(grouping * examples))
    goal = Goal(pass_mark=mark)
    size = sizes(examples, units, SplitSettings(), goal, looks)
    assert size.train >= examples / 2 and size.test >= 1 and size.validation >= 1
    assert size.reason
    asked = sizes(examples, units, SplitSettings(test_share=0.6), goal, looks)
    assert asked.test == min(round(0.6 * examples), 400) and asked.validation < examples / 4
    assert "test_share is 0.6" in asked.reason or "max_test" in asked.reason


@pytest.mark.parametrize("count", [12, 14, 30, 80, 110, 150])
def test_a_small_set_is_half_for_training_and_says_why(count):
    split = frozen([example(n) for n in range(count)])
    assert len(split.train) >= count / 2
    assert str(split).startswith(f"{count} examples: {len(split.train)} train, {len(split.validation)} validation, ")
    assert split.advice().endswith("; change with `--test-share`.")
    assert "because at least half is for training, although 60 test examples" in str(split)


def test_by_time_half_is_for_training_too():
    examples = [replace(example(n, f"g{n // 9}"), date=f"2020-01-{1 + n // 9:02}") for n in range(90)]
    assert len(frozen(examples, by="time").train) >= 45


def test_groups_are_named_if_they_are_the_cause():
    alone = frozen([example(n) for n in range(30)])
    assert "stay together" not in alone.reason
    three = frozen([example(n, f"g{n % 3}") for n in range(30)])
    assert "stay together: 3 units, the largest of 10 examples" in three.reason
    assert "examples in 3 groups count as about " in three.reason


@pytest.mark.parametrize(
    "options, goal, why",
    [
        ({"test_share": 0.3}, GOAL, "test_share is 0.3"),
        ({"max_test": 20}, GOAL, "max_test is 20"),
        ({}, Goal(pass_mark=0.95), "a pass mark of 0.95 needs about 172 test examples"),
        ({}, Goal(pass_mark=1), "no number proves a pass mark of 1"),
        ({}, Goal(), "60 test examples make the bounds narrow enough"),
    ],
)
def test_the_reason_for_the_size_of_the_test_set(options, goal, why):
    assert why in sizes(200, 200, SplitSettings(**options), goal, 4).reason


seeded = st.integers(0, 1 << 32).map(random.Random)


@st.composite
def grouped(draw):
    count, labels, chance = draw(st.integers(12, 80)), draw(st.integers(2, 5)), draw(seeded)
    groups, topics = draw(st.integers(1, 41)), draw(st.integers(1, 61))
    return [
        example(
            n,
            f"g{chance.randrange(groups)}",
            f"label {n % labels}",
            f"what do you know about topic number {chance.randrange(topics)} of them all",
        )
        for n in range(count)
    ]


@settings(max_examples=60, deadline=None)
@given(grouped(), st.integers(0, 5), seeded)
def test_groups_are_not_divided_ids_are_a_partition_and_order_does_not_matter(examples, seed, chance):
    near = near_duplicates(examples, 0.8)
    try:
        split = freeze_split(examples, SplitSettings(seed=seed), GOAL, near, 4)
    except DataError as error:
        assert "belong together" in str(error)
        return
    parts = (split.train, split.validation, split.test)
    assert all(parts)
    assert sorted(itertools.chain(*parts, split.left_out)) == sorted(one.id for one in examples)
    group = {one.id: one.group for one in examples}
    for one, other in itertools.combinations(map(set, parts), 2):
        assert not {group[id_] for id_ in one} & {group[id_] for id_ in other}
        assert not any(one & set(cluster) and other & set(cluster) for cluster in near)
    shuffled = list(examples)
    chance.shuffle(shuffled)
    assert freeze_split(shuffled, SplitSettings(seed=seed), GOAL, near_duplicates(shuffled, 0.8), 4) == split
    verify_split(shuffled, split)


def test_the_split_follows_content_not_ids():
    examples = [example(n) for n in range(100)]
    renamed = [replace(one, id=f"x{n}", group=f"x{n}") for n, one in enumerate(reversed(examples))]
    asked = [{one.last_user for one in part} for part in split_of(examples, frozen(examples))]
    assert [{one.last_user for one in part} for part in split_of(renamed, frozen(renamed))] == asked
    assert frozen(examples, seed=1).test != frozen(examples).test


def test_each_part_has_a_proportional_number_of_each_class():
    examples = [example(n, answer="rare" if n < 30 else "common") for n in range(300)]
    _, validation, test = split_of(examples, frozen(examples))
    assert sum(one.ideal == "rare" for one in test) == 6 == len(test) // 10
    assert 3 <= sum(one.ideal == "rare" for one in validation) <= 4
    assert {one.ideal for one in test[:30]} == {"rare", "common"}  # not sorted by class


def test_a_class_of_three_is_in_train():
    for seed in range(20):
        examples = [example(n, answer=f"class {n // 3}") for n in range(24)]
        train, _, _ = split_of(examples, frozen(examples, seed=seed))
        assert {one.ideal for one in train} == {f"class {n}" for n in range(8)}


def test_too_few_examples_are_an_error_with_the_number_needed():
    with pytest.raises(DataError, match=r"(?s)3 usable examples are not enough.*at least 12.*add 9"):
        frozen([example(n) for n in range(3)])
    with pytest.raises(DataError, match="0 usable examples"):
        frozen([])
    with pytest.raises(DataError, match="1 usable example is not"):
        frozen([example(1)])


def test_a_single_answer_is_an_error():
    with pytest.raises(DataError, match=r"(?s)All 50 ideal answers are the same: 'yes'"):
        frozen([example(n, answer="yes") for n in range(50)])
    with pytest.raises(DataError, match=r"(?s)All 50 ideal answers are the same: \"it's red\""):
        frozen([example(n, answer=("it's red", "it\u2019s red ")[n % 2]) for n in range(50)])


def test_a_single_giant_group_is_an_error_with_advice():
    with pytest.raises(DataError, match=r"(?s)50 of 50 examples belong together.*data.group_column"):
        frozen([example(n, "all") for n in range(50)])
    with pytest.raises(DataError, match="997 of 1000 examples"):
        frozen([example(n, "all" if n < 997 else "") for n in range(1000)])
    with pytest.raises(DataError, match="20 of 20 examples"):
        frozen([example(n) for n in range(20)], near=[[f"e{n}" for n in range(20)]])


def test_three_groups_are_just_enough_and_links_add_up():
    examples = [example(n, f"g{n % 3}") for n in range(30)]
    split = frozen(examples)
    assert sorted(map(len, (split.train, split.validation, split.test))) == [10, 10, 10]
    with pytest.raises(DataError, match="20 of 30 examples"):
        frozen(examples, near=[["e0", "e1"]])


def test_large_groups_are_distributed():
    chance = random.Random(0)
    examples = [example(n, f"g{int(chance.paretovariate(0.7)) % 50}") for n in range(400)]
    examples += [example(400 + n, f"h{n % 40}") for n in range(80)]
    split = frozen(examples)
    assert len({one.group for one in split_of(examples, split)[2]}) > 15


def test_what_the_split_keeps_together_is_one_group_for_the_bounds():
    """Near-duplicates of several groups are one unit, in the order of the file; train keeps the names of its groups."""
    examples = [example(number, group=f"g{number // 2}") for number in range(80)]
    near = [(f"e{6 * number}", f"e{6 * number + 3}") for number in range(13)]  # each links two groups of two
    units = as_units(examples, near)
    assert [one.group for one in units[:8]] == ["g0", "g0", "g0", "g0", "g2", "g2", "g3", "g3"]
    assert [replace(one, group="") for one in units] == [replace(one, group="") for one in examples]
    split = frozen(examples, near)
    train, validation, test = split_of(examples, split)
    for part in (validation, test):
        assert {one.group for one in part} == {one.group for one in units if one in part}
    assert {one.group for one in train} == {one.group for one in examples if one.id in split.train}
    assert len({one.group for one in test}) < len({one.group for one in examples if one.id in split.test})
    old = split_of(examples, replace(split, near=()))[2]  # splits of earlier versions have no clusters
    assert {one.group for one in old} == {one.group for one in examples if one.id in split.test}


def test_a_changed_example_is_noticed():
    examples = [example(n) for n in range(40)]
    split = frozen(examples)
    verify_split(list(reversed(examples)), split)
    with pytest.raises(DataError, match="1 are gone and 0 are new"):
        verify_split(examples[1:], split)
    with pytest.raises(DataError, match="0 are gone and 1 are new"):
        verify_split([*examples, example(99)], split)
    with pytest.raises(DataError, match="a text or the split"):
        verify_split([replace(examples[0], messages=example(7).messages), *examples[1:]], split)
    with pytest.raises(DataError):
        verify_split(examples, replace(split, test=split.test[1:], train=(*split.train, split.test[0])))


def largest_judged(sizes_of_groups: list[int], **options) -> int:
    numbers = itertools.count()
    examples = [example(next(numbers), f"g{g}") for g, size in enumerate(sizes_of_groups) for _ in range(size)]
    split = frozen(examples, **options)
    _, _, test = split_of(examples, split)
    assert len(test) >= 0.8 * min(options.get("max_test", 400), 0.2 * len(examples))
    return max(sum(e.group == group for e in test) for group in {e.group for e in test})


@pytest.mark.parametrize(
    "groups, most",
    [
        ([100, 80, 40, 25, 20, *[5] * 40, *[1] * 40], 10),  # of a test of 100; the large ones are learnt from
        ([100, 80, 40, *[18] * 12, *[1] * 10], 20),  # too few small ones: a fifth each
        ([50] * 8, 50),  # no smaller ones: as they come
    ],
)
def test_no_group_outweighs_the_others_in_the_test(groups, most):
    assert largest_judged(groups, max_test=100) <= most


def test_if_some_questions_may_be_left_unanswered_the_others_must_be_enough_to_prove_the_mark():
    half = Goal(pass_mark=0.95, min_answered=0.5)
    level = look_level(half.error_budget, 4)
    found = sizes(1_500, 1_500, SplitSettings(), half, 4)
    assert found.test >= 2 * min_test_examples(0.95, levels_of(level).score) / 0.5
    assert "a pass mark of 0.95 on 50% of the questions needs about" in found.reason
    share = sizes(1_500, 1_500, SplitSettings(), Goal(pass_mark=0.5, min_answered=0.97), 4)
    assert share.test >= 2 * min_test_examples(0.97, levels_of(level).share)


def test_a_margin_to_an_incumbent_sizes_the_test_set_as_the_pass_mark_that_needs_as_many():
    margin, mark = Goal(incumbent="old.jsonl", margin=0.1), Goal(pass_mark=0.9)
    sized = [sizes(300, 300, SplitSettings(), goal, 4).test for goal in (margin, mark)]
    assert sized[0] == sized[1] == 84
    small = sizes(300, 300, SplitSettings(), margin.model_copy(update={"margin": 0.05}), 2)
    assert "a margin of 0.05 to the incumbent needs about" in small.reason
    both = margin.model_copy(update={"pass_mark": 0.97})
    assert "a pass mark of 0.97" in sizes(500, 500, SplitSettings(), both, 1).reason
    assert sizes(200, 200, SplitSettings(), margin.model_copy(update={"margin": 0.0}), 1).test == 60


def used_by(split):
    return frozenset(split.test)


@pytest.mark.parametrize("labels", [0, 4])
def test_a_fresh_test_set_has_nothing_of_earlier_ones(labels):
    """Three in a row are disjoint and of the planned size, and classes stay even."""
    examples = [example(n, answer=f"label {n % labels}" if labels else None) for n in range(400)]
    used, sizes_of_tests = frozenset(), set()
    for _ in range(3):
        split = freeze_split(examples, SplitSettings(), GOAL, [], 4, used)
        assert not used & set(split.test) and split.ids == {one.id for one in examples}
        sizes_of_tests.add(len(split.test))
        if labels:
            tested = [int(id_[1:]) % labels for id_ in split.test]
            assert max(map(tested.count, range(labels))) <= 1.5 * len(tested) / labels
        used |= used_by(split)
    assert sizes_of_tests == {80}


def test_a_fresh_test_set_takes_no_group_that_was_tested():
    examples = [example(n, f"g{n // 4}") for n in range(400)]
    first = freeze_split(examples, SplitSettings(max_test=40), GOAL, [], 4)
    second = freeze_split(examples, SplitSettings(max_test=40), GOAL, [], 4, frozenset(first.test[:10]))
    group = {one.id: one.group for one in examples}
    assert not {group[id_] for id_ in first.test[:10]} & {group[id_] for id_ in second.test}
    assert len(second.test) == 40


def test_a_fresh_test_set_without_enough_examples_is_an_error():
    examples = [example(n) for n in range(100)]
    used = frozenset(one.id for one in examples[:70])
    with pytest.raises(DataError, match="too few examples for a fresh test set: 30, and it needs"):
        freeze_split(examples, SplitSettings(), GOAL, [], 4, used)
    dated = [replace(one, date="2024-05-01") for one in examples]
    with pytest.raises(UsageError, match="A split by time cannot take a fresh test set"):
        freeze_split(dated, SplitSettings(by="time"), GOAL, [], 4, used)
