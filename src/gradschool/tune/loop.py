"""The training loop: it yields events, and can be killed at any step and resumed with the same result."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor
from transformers import PreTrainedModel

from gradschool.errors import ModelError
from gradschool.model.loading import is_out_of_memory, out_of_memory
from gradschool.model.lora import trained_parameters
from gradschool.model.reader import reader_of
from gradschool.model.threads import Threads
from gradschool.records import Note, Step, Work
from gradschool.tune.checkpoint import TrainState, read_checkpoint, write_checkpoint
from gradschool.tune.memory import UNLIMITED, MemoryPlan
from gradschool.tune.objectives.objective import Compute, Objective, StepLoss
from gradschool.tune.plan import Plan
from gradschool.tune.world import ALONE, World

T = TypeVar("T")
CHECKPOINT_SECONDS = 30.0
MAX_GRAD_NORM = 1.0
MIN_TOKENS = 16  # in smaller micro-batches there is a single row anyway


class Training:
    """Minimizes the sum of some objectives over all parameters of a network that require a gradient.

    The first objective decides: its validation loss selects the best weights and stops the training early, and steps
    report its loss, tokens and epochs.
    """

    def __init__(
        self,
        network: PreTrainedModel,
        objectives: Sequence[Objective],
        plan: Plan,
        checkpoint: Path,
        memory: MemoryPlan = UNLIMITED,
        world: World = ALONE,
        threads: Threads | None = None,
    ) -> None:
        self.network, self.objectives, self.plan, self.checkpoint = network, objectives, plan, checkpoint
        self.memory, self.world, self.reader = memory, world, reader_of(network)
        self.threads = threads if threads and world.size == 1 else Threads()
        world.shard(network)
        self.parameters = trained_parameters(network)
        self.best = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        self.last = self.best
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(), lr=plan.learning_rate, weight_decay=plan.weight_decay
        )
        self.state = TrainState(micro_batch_tokens=memory.tokens)
        if memory.checkpointing:
            network.activation_checkpointing_enable({"use_reentrant": False})

    def run(self) -> Work[TrainState]:
        """Train; yields a Step after each optimizer step. The network ends with the weights best on validation.

        If it was killed, a new Training with the same arguments continues from the checkpoint and ends the same.
        """
        saved_parts = self.checkpoint, self.parameters, self.best, self.optimizer
        if self.checkpoint.exists():
            self.state = read_checkpoint(*saved_parts, self.plan, self.world)
            self.threads.start_with(self.state.threads)
        saved = time.monotonic()
        self.network.train()
        try:
            if self.memory.tight:
                yield from self._retrying(partial(self._seeded, self._try_largest))
            while self.state.step < self.plan.steps and self.state.worse < self.plan.patience:
                step = yield from self._step()
                due = step.validation_loss is not None or time.monotonic() - saved > CHECKPOINT_SECONDS
                if self.world.agree(due):
                    write_checkpoint(*saved_parts, self.state, self.plan, self.world)
                    saved = time.monotonic()
                yield step
        finally:
            self.network.eval()
            if self.memory.checkpointing:
                self.network.activation_checkpointing_disable()
        self.optimizer.zero_grad(set_to_none=True)  # makes room for the copies of the weights that follow
        self.optimizer.state.clear()
        self.last = self.world.gather({name: p.detach().clone() for name, p in self.parameters.items()})
        self.best = self.world.gather(self.best)
        self.load_weights(self.best)
        return self.state

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load trained weights into the network: `best`, or, at the end of the training, `last`."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(self.world.like(weights[name], parameter))

    @property
    def _compute(self) -> Compute:
        return Compute(self.reader, self.world, self.state.micro_batch_tokens)

    def _step(self) -> Work[Step]:
        began, plan, state = time.monotonic(), self.plan, self.state
        rate = plan.rate(state.step)
        first, *others = yield from self._retrying(self._timed_gradients)
        if self.threads.most > 1 and state.threads != self.threads.count:
            state.threads = self.threads.count
            yield Note(f"tune: {self.threads.reason}.")
        self._update([first, *others], rate)
        state.step += 1
        state.tokens += first.tokens
        self._average_train_loss(first.loss)
        validation_loss = None
        if state.step % plan.validate_every == 0 or state.step == plan.steps:
            validation_loss = self._validate()
        state.seconds += time.monotonic() - began
        named = {objective.name: one.loss for objective, one in zip(self.objectives[1:], others, strict=True)}
        name = self.checkpoint.stem
        return Step(state.step, plan.steps, first.epoch, first.loss, rate, state.tokens, validation_loss, named, name)

    def _timed_gradients(self) -> list[StepLoss]:
        return self.threads.run(partial(self._seeded, self.gradients), lambda losses: losses[0].tokens)

    def gradients(self) -> list[StepLoss]:
        """Set the gradients of one step; returns the loss of each objective."""
        self.optimizer.zero_grad(set_to_none=True)
        losses = [objective.backward(self.state.step, self._compute) for objective in self.objectives]
        self.world.average_grads(self.parameters.values())
        return losses

    def _update(self, losses: Sequence[StepLoss], rate: float) -> None:
        if not all(math.isfinite(one.loss) for one in losses):
            raise ModelError(
                "Training diverged: the loss is not a number.",
                f"The learning rate of {rate:.1e} may be too high for this base.",
                "set lower [tune] learning_rates.",
            )
        self.world.clip(self.parameters.values(), MAX_GRAD_NORM)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()

    def _validate(self) -> float:
        """Measure the validation loss, and save the weights if they are the best so far."""
        loss, state = self.objectives[0].validation_loss(self._compute), self.state
        if loss is None:
            raise ValueError(f"The first objective must have a validation loss; {self.objectives[0].name} has none.")
        if loss < state.best_loss:
            state.best_loss, state.best_step, state.worse = loss, state.step, 0
            for name, parameter in self.parameters.items():
                self.best[name].copy_(parameter.detach())
        else:
            state.worse += 1
        return loss

    def _average_train_loss(self, loss: float) -> None:
        state, tenth = self.state, max(1, self.plan.steps // 10)
        if state.step <= tenth:
            before = state.first_train_loss if state.step > 1 else 0.0
            state.first_train_loss = before + (loss - before) / state.step
        before = state.last_train_loss if state.step > 1 else loss
        state.last_train_loss = before + (loss - before) / min(state.step, tenth)

    def _try_largest(self) -> None:
        """Run the largest passes before the training begins: if memory is too small, it shows here."""
        for objective in self.objectives:
            objective.try_largest(self._compute)
        self.optimizer.zero_grad(set_to_none=True)

    def _retrying(self, work: Callable[[], T]) -> Work[T]:
        """Do some work; after running out of memory, again with micro-batches of half the size and a warning."""
        before = self.state.micro_batch_tokens
        while True:
            try:
                done = work()
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                # Several processes could no longer agree on the micro-batches.
                if self.state.micro_batch_tokens < 2 * MIN_TOKENS or self.world.size > 1:
                    raise out_of_memory("A single training row does not fit into memory.") from error
            self.optimizer.zero_grad(set_to_none=True)  # outside the handler, which still references the tensors
            self.state.micro_batch_tokens //= 2
            if self.network.device.type == "cuda":
                torch.cuda.empty_cache()
        if (tokens := self.state.micro_batch_tokens) < before:
            yield Note(f"tune: out of memory; micro-batches have at most {tokens:,} tokens from now on.", "warning")
        return done

    def _seeded(self, work: Callable[[], T]) -> T:
        """Do some work with a random state that depends on the step alone, so that dropout survives a resume."""
        with torch.random.fork_rng():
            torch.manual_seed(self.plan.seed * 1_000_003 + self.state.step)
            return work()
