"""Threads: a container's limit and the user's choice are respected; otherwise the faster number is found by timing."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gradschool.model import threads
from gradschool.model.threads import COST, INTERVAL, SLOW_INTERVAL, Threads, choose_threads, threads_for

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def eight_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in threads.SET_BY_USER:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "ALL", 8)


@pytest.mark.parametrize(
    ("quota", "count"), [("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8), ("", 8)]
)
def test_threads_respect_the_limit_of_a_container(quota: str, count: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    chosen, reason = choose_threads(tmp_path / "cpu.max")
    assert chosen == count and ("container" in reason) is (count < 8)


@pytest.mark.parametrize("name", threads.SET_BY_USER)
def test_threads_that_the_user_chose_are_not_changed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "8")
    (tmp_path / "cpu.max").write_text("200000 100000")
    assert choose_threads(tmp_path / "cpu.max") == (8, f"{name} is set")
    assert choose_threads(tmp_path / "none") == (8, f"{name} is set")
    monkeypatch.setattr(torch, "set_num_threads", lambda count: pytest.fail(f"set to {count}"))
    assert threads_for(CPU).run(lambda: "done") == "done"


class Machine:
    """A clock and steps whose duration depends on the number of threads."""

    def __init__(self, most: int = 2, **seconds: float) -> None:
        self.now, self.count, self.steps = 0.0, most, 0
        self.seconds = {int(name[1:]): value for name, value in seconds.items()}
        self.threads = Threads(most, clock=lambda: self.now, use=self.use)

    def use(self, count: int) -> None:
        self.count = count

    def step(self) -> int:
        self.now += self.seconds[self.count]
        self.steps += 1
        return self.steps

    def run(self, steps: int = 1, size: Callable[[int], float] = lambda _: 1.0) -> None:
        for _ in range(steps):
            self.threads.run(self.step, size)


@pytest.mark.parametrize(
    ("one", "all_", "chosen"),
    [(0.4, 0.5, 1), (0.4, 0.4, 1), (0.4, 0.37, 1), (3.2, 2.2, 2), (0.4, 5.3, 1), (60.0, 30.0, 2)],
)
def test_the_faster_number_is_found_and_one_thread_preferred_if_they_are_about_equal(
    one: float, all_: float, chosen: int
) -> None:
    machine = Machine(t1=one, t2=all_)
    machine.run()
    assert (machine.threads.count, machine.count) == (chosen, chosen)
    steps = machine.steps
    machine.run(5)
    assert machine.steps == steps + 5  # nothing is repeated until the next comparison


def test_only_the_last_repetition_of_a_step_is_used() -> None:
    machine = Machine(t1=0.4, t2=0.3)
    assert machine.threads.run(machine.step) == machine.steps == 5  # two with each, and the one that counts


def test_steps_with_all_threads_that_become_slow_are_compared_again() -> None:
    machine = Machine(t1=3.0, t2=2.0)
    machine.run(60)
    assert machine.threads.count == 2
    machine.seconds[2] = 20.0  # another program uses a core
    machine.run(5)
    assert machine.threads.count == 1
    assert "3 s with 1" in machine.threads.reason and "of 2 threads" in machine.threads.reason


def test_when_the_other_program_has_ended_all_threads_are_used_again() -> None:
    machine = Machine(t1=3.0, t2=20.0)
    machine.run()
    assert machine.threads.count == 1
    machine.seconds[2] = 2.0
    machine.run(int(2 * INTERVAL / 3.0))
    assert machine.threads.count == 2


def test_comparisons_take_a_small_part_of_the_time_even_if_steps_are_always_slow() -> None:
    machine = Machine(t1=1.0, t2=8.0)
    machine.run()
    began, steps, needed = machine.now, 0, 0.0
    while machine.now - began < 4000:
        machine.seconds[1] = 1.0 + 4 * (steps // 4 % 2)  # four slow ones in a row, again and again
        machine.run()
        steps, needed = steps + 1, needed + machine.seconds[machine.count]
    elapsed = machine.now - began
    assert 0 < elapsed - needed < 1.1 * elapsed / COST


def test_steps_of_other_sizes_are_not_taken_for_slow_ones() -> None:
    machine = Machine(t1=1.0, t2=3.0)
    machine.run(20)
    before, machine.seconds[1] = machine.steps, 10.0
    machine.run(10, size=lambda _: 10.0)
    assert machine.steps == before + 10 and machine.now > SLOW_INTERVAL


def test_a_number_chosen_earlier_is_used_at_once() -> None:
    machine = Machine(t1=1.0, t2=0.5)
    machine.threads.start_with(1)
    machine.run(3)
    assert (machine.threads.count, machine.steps) == (1, 3)
    for nonsense in (0, -1, 3):
        machine.threads.start_with(nonsense)
        assert machine.threads.count == 1


def test_the_number_of_threads_is_really_set() -> None:
    before = torch.get_num_threads()
    chosen = Threads(2)
    chosen.start_with(2)
    seen = chosen.run(torch.get_num_threads)
    torch.set_num_threads(before)
    assert seen == 2
