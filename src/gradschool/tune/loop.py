"""The training loop: a generator of facts that can be killed at any step and goes on where it was."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor
from transformers import PreTrainedModel

from gradschool.errors import ModelError
from gradschool.model.chat import Rendered
from gradschool.model.loading import is_out_of_memory, out_of_memory
from gradschool.model.lora import trained_parameters
from gradschool.model.reader import reader_of
from gradschool.records import Note, Step, Work
from gradschool.tune.checkpoint import TrainState, read_checkpoint, write_checkpoint
from gradschool.tune.memory_plan import ROOMY, Room
from gradschool.tune.objectives.answers import answer_tokens, mean_loss, read_nats
from gradschool.tune.objectives.rehearsal import Rehearsal
from gradschool.tune.plan import Plan
from gradschool.tune.rows import micro_batches, steps_of_epoch
from gradschool.tune.world import ALONE, World

T = TypeVar("T")
CHECKPOINT_SECONDS = 30.0


class Training:
    """One training of whatever in a network requires a gradient, with its optimiser and its checkpoint."""

    def __init__(
        self,
        network: PreTrainedModel,
        train_rows: Sequence[Rendered],
        validation_rows: Sequence[Rendered],
        plan: Plan,
        pad_id: int,
        checkpoint: Path,
        rehearsal: Rehearsal | None = None,
        room: Room = ROOMY,
        world: World = ALONE,
    ) -> None:
        self.network, self.plan, self.pad_id, self.checkpoint = network, plan, pad_id, checkpoint
        self.reader, self.rehearsal, self.world = reader_of(network), rehearsal, world
        world.shard(network)
        self.train_rows, self.validation_rows = train_rows, validation_rows
        self.parameters = trained_parameters(network)
        self.best = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        self.last = self.best
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(), lr=plan.learning_rate, weight_decay=plan.weight_decay
        )
        self.course, self.room = TrainState(micro_batch_tokens=room.tokens), room
        if room.checkpointing:
            network.activation_checkpointing_enable({"use_reentrant": False})

    def run(self) -> Work[TrainState]:
        """Train; yields a Step after each optimiser step. The network ends with the weights best on validation.

        Killed and begun again with the same arguments, it goes on from the checkpoint and ends the same.
        """
        state = self.checkpoint, self.parameters, self.best, self.optimizer
        if self.checkpoint.exists():
            self.course = read_checkpoint(*state, self.plan, self.world)
        else:
            self.course.untrained_loss = self._validate()
        saved = time.monotonic()
        self.network.train()
        try:
            if self.room.tight:
                yield from self._remark(self._try_longest)
            for rows in self._steps():
                step = yield from self._remark(partial(self._step, rows))
                due = step.validation_loss is not None or time.monotonic() - saved > CHECKPOINT_SECONDS
                if self.world.agree(due):
                    write_checkpoint(*state, self.course, self.plan, self.world)
                    saved = time.monotonic()
                yield step
        finally:
            self.network.eval()
            if self.room.checkpointing:
                self.network.activation_checkpointing_disable()
        self.last = self.world.whole({name: p.detach().clone() for name, p in self.parameters.items()})
        self.best = self.world.whole(self.best)
        self.load_state(self.best)
        return self.course

    def load_state(self, weights: Mapping[str, Tensor]) -> None:
        """Give the network one of the states that training kept: `best`, or, when it is over, `last`."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(self.world.like(weights[name], parameter))

    @property
    def _steps_per_epoch(self) -> int:
        return -(-len(self.train_rows) // self.plan.rows_per_step)

    def _steps(self) -> Iterator[list[Rendered]]:
        """The rows of each step still to do: epoch after epoch until the plan is done or validation gets worse."""
        while True:
            epoch, done = divmod(self.course.step, self._steps_per_epoch)
            steps = list(steps_of_epoch(self.train_rows, self.plan.rows_per_step, self.plan.seed, epoch))
            for rows in steps[done:]:
                if self.course.step >= self.plan.steps or self.course.worse >= self.plan.patience:
                    return
                yield rows

    def _step(self, rows: Sequence[Rendered]) -> Step:
        began, plan, course = time.monotonic(), self.plan, self.course
        rate = plan.rate(course.step)
        loss = self._in_micro_batches(partial(self._gradients, rows))
        self._update(loss, rate)
        course.step += 1
        course.tokens += sum(len(row.token_ids) for row in rows)
        self._note_train_loss(loss)
        validation_loss = None
        if course.step % plan.validate_every == 0 or course.step == plan.steps:
            validation_loss = self._validate()
            self._keep_best(validation_loss)
        course.seconds += time.monotonic() - began
        epoch = course.step / self._steps_per_epoch
        return Step(course.step, plan.steps, epoch, loss, rate, course.tokens, validation_loss)

    def _in_micro_batches(self, work: Callable[[], T]) -> T:
        """Do what reads rows; where memory runs out, again in portions of half the size."""
        while True:
            with torch.random.fork_rng():  # a base with dropout draws the same after a crash as without one
                torch.manual_seed(self.plan.seed * 1_000_003 + self.course.step)
                try:
                    return work()
                except (RuntimeError, MemoryError) as error:
                    if not is_out_of_memory(error):
                        raise
                    alone = self.course.micro_batch_tokens < min(len(row.token_ids) for row in self.train_rows)
                    if alone or self.world.size > 1:  # several processes could not agree any more
                        raise out_of_memory("A row does not fit into memory, even alone.") from error
            self.optimizer.zero_grad(set_to_none=True)  # outside of the handler, so that what did not fit is free
            self.course.micro_batch_tokens //= 2
            if self.network.device.type == "cuda":
                torch.cuda.empty_cache()

    def _remark(self, work: Callable[[], T]) -> Work[T]:
        """Do some work, and say so if it had to be done in smaller portions."""
        before = self.course.micro_batch_tokens
        done = work()
        if self.course.micro_batch_tokens < before:
            yield Note(
                f"tune: memory ran out; {self.course.micro_batch_tokens:,} tokens are read at once from now on.",
                "warning",
            )
        return done

    def _try_longest(self) -> None:
        """Read the longest rows there and back, before anything is learnt: memory is short if ever, then now."""
        longest = sorted(self.train_rows, key=lambda row: len(row.token_ids))[-self.plan.rows_per_step :]

        def there_and_back() -> None:
            *_, micro_batch = micro_batches(longest, self.course.micro_batch_tokens, self.reader.packs)
            torch.autograd.backward(read_nats(self.reader, micro_batch, self.pad_id))

        self._in_micro_batches(there_and_back)
        self.optimizer.zero_grad(set_to_none=True)

    def _validate(self) -> float:
        return mean_loss(self.reader, self.validation_rows, self.pad_id, self.course.micro_batch_tokens, self.world)

    def _gradients(self, rows: Sequence[Rendered]) -> float:
        """Fill the gradients of one step; returns its mean loss per answer token, each weighing the same."""
        total, nats, world = answer_tokens(rows), 0.0, self.world
        self.optimizer.zero_grad(set_to_none=True)
        mine = micro_batches(world.share(rows), self.course.micro_batch_tokens, self.reader.packs)
        for micro_batch, weight in world.even(mine, rows[:1]):
            loss = read_nats(self.reader, micro_batch, self.pad_id)
            # Times the number of processes, since the mean of their gradients is taken.
            torch.autograd.backward(loss * (weight * world.size) / total)
            nats += weight * loss.item()
        if self.rehearsal:
            torch.autograd.backward(self.rehearsal.loss(self.reader, self.course.step))
        world.mend(self.parameters.values())
        return world.sum(nats) / total

    def _update(self, loss: float, rate: float) -> None:
        if not math.isfinite(loss):
            raise ModelError(
                "Training broke down: the loss is not a number.",
                f"The learning rate of {rate:.1e} may be too high for this base.",
                "set lower [tune] learning_rates.",
            )
        self.world.clip(self.parameters.values(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()

    def _note_train_loss(self, loss: float) -> None:
        course, tenth = self.course, max(1, self.plan.steps // 10)
        if course.step <= tenth:
            before = course.first_train_loss if course.step > 1 else 0.0
            course.first_train_loss = before + (loss - before) / course.step
        before = course.last_train_loss if course.step > 1 else loss
        course.last_train_loss = before + (loss - before) / min(course.step, tenth)

    def _keep_best(self, loss: float) -> None:
        if loss < self.course.best_loss:
            self.course.best_loss, self.course.best_step, self.course.worse = loss, self.course.step, 0
            for name, parameter in self.parameters.items():
                self.best[name].copy_(parameter.detach())
        else:
            self.course.worse += 1
