"""Several processes that train one network together: the only file that knows about them.

torchrun gives each process a rank. Rank 0 climbs; the others help it to train. Layer weights are sharded over all
processes (FSDP2: 'PyTorch FSDP', Zhao et al. 2023, arXiv:2304.11277), and each process reads some rows of each step.
In a single process, a world of size 1, nothing here has an effect.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, distributed, nn

if TYPE_CHECKING:  # takes seconds to import, and only several processes need it
    from torch.distributed.tensor import DTensor
    from transformers import PreTrainedModel
    from typing_extensions import TypeIs

T = TypeVar("T")
TIMEOUT = timedelta(days=7)  # helpers wait while rank 0 answers and scores


@dataclass(frozen=True, slots=True)
class World:
    """The rank of this process, the number of processes, and the device that collective operations use."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    def shard(self, network: "PreTrainedModel") -> None:
        """Shard the layers of a network over all processes; embeddings and output layer are replicated."""
        if self.size == 1:
            return
        from torch.distributed.fsdp import fully_shard

        decoder: Any = network.get_decoder()
        replicated = set(network.get_input_embeddings().parameters())
        for layer in decoder.layers:
            fully_shard(layer)
        fully_shard(decoder, ignored_params=replicated)

    def local_rows(self, rows: Sequence[T]) -> list[T]:
        """The rows of a step that this process reads: every `size`-th, so that sorted rows have similar lengths."""
        return list(rows[self.rank :: self.size])

    def pad_steps(
        self, micro_batches: Iterable[Sequence[T]], spare: Sequence[T]
    ) -> Iterator[tuple[Sequence[T], float]]:
        """The micro-batches with weight 1, then `spare` with weight 0 until all processes have made as many passes.

        Each pass gathers sharded layers, so all processes must take part.
        """
        local = list(micro_batches)
        most = self._max(len(local))  # before the first pass, so that all processes communicate in the same order
        yield from ((micro_batch, 1.0) for micro_batch in local)
        yield from ((spare, 0.0) for _ in range(most - len(local)))

    def sum(self, number: float) -> float:
        """The sum of a number over all processes."""
        return self._all_reduce(number, distributed.ReduceOp.SUM)

    def agree(self, yes: bool) -> bool:
        """The answer of rank 0, in every process."""
        return self._all_reduce(float(yes and self.rank == 0), distributed.ReduceOp.MAX) > 0

    def _max(self, number: int) -> int:
        return int(self._all_reduce(number, distributed.ReduceOp.MAX))

    def _all_reduce(self, number: float, operation: distributed.ReduceOp.RedOpType) -> float:
        if self.size == 1:
            return number
        reduced = torch.tensor(number, dtype=torch.float64, device=self.device)
        distributed.all_reduce(reduced, operation)
        return reduced.item()

    def average_grads(self, parameters: Iterable[nn.Parameter]) -> None:
        """Average the gradients of replicated parameters over all processes; FSDP averages those of sharded ones."""
        for parameter in parameters if self.size > 1 else ():
            if parameter.grad is not None and not _is_sharded(parameter.grad):
                distributed.all_reduce(parameter.grad)
                parameter.grad /= self.size

    def clip(self, parameters: Iterable[nn.Parameter], max_norm: float) -> None:
        """Scale all gradients down together if their norm is above `max_norm`."""
        parameters = list(parameters)
        if self.size == 1:
            nn.utils.clip_grad_norm_(parameters, max_norm)
            return
        grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
        shards: list[Any] = [grad.to_local() for grad in grads if _is_sharded(grad)]
        replicated = [grad for grad in grads if not _is_sharded(grad)]
        squares = self.sum(sum(shard.square().sum().item() for shard in shards))
        norm = (squares + sum(grad.square().sum().item() for grad in replicated)) ** 0.5
        if norm > max_norm:
            for grad in (*shards, *replicated):
                grad.mul_(max_norm / (norm + 1e-6))

    def gather(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Sharded tensors in full, in every process; all processes must call this."""
        if self.size == 1:
            return dict(tensors)
        return {name: t.full_tensor() if _is_sharded(t) else t for name, t in tensors.items()}

    def like(self, full: Tensor, parameter: Tensor) -> Tensor:
        """A full tensor on the device of a parameter, sharded as it is."""
        full = full.to(parameter.device)
        if self.size == 1 or not _is_sharded(parameter):
            return full
        from torch.distributed.tensor import distribute_tensor

        return distribute_tensor(full, parameter.device_mesh, parameter.placements)

    def broadcast(self, message: Any) -> None:
        """Send a JSON value from rank 0 to the other processes."""
        if self.size > 1:
            data = torch.frombuffer(bytearray(json.dumps(message).encode()), dtype=torch.uint8).to(self.device)
            distributed.broadcast(torch.tensor(len(data), device=self.device), 0)
            distributed.broadcast(data, 0)

    def receive(self) -> Any:
        """The next value that rank 0 broadcasts."""
        length = torch.tensor(0, device=self.device)
        distributed.broadcast(length, 0)
        data = torch.empty(int(length), dtype=torch.uint8, device=self.device)
        distributed.broadcast(data, 0)
        return json.loads(bytes(data.cpu().tolist()))


def _is_sharded(tensor: Any) -> "TypeIs[DTensor]":
    from torch.distributed.tensor import DTensor

    return isinstance(tensor, DTensor)


ALONE = World()


def join() -> World:
    """Connect to the other processes if torchrun started this one."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        distributed.init_process_group("nccl" if device == "cuda" else "gloo", timeout=TIMEOUT)
    return current()


def current() -> World:
    """The processes that this one is connected to, as torch.distributed knows them."""
    if not distributed.is_initialized():
        return ALONE
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    return World(distributed.get_rank(), distributed.get_world_size(), device)


def leave() -> None:
    """Disconnect from the other processes."""
    if distributed.is_initialized():
        distributed.destroy_process_group()
