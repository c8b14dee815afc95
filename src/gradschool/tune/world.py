"""Several processes that train one network together: the only file that knows of them.

Started by torchrun, each process has a rank. Rank 0 climbs, and the others help it to train: the layers' weights are
sharded over all (FSDP2: 'PyTorch FSDP', Zhao et al. 2023, arXiv:2304.11277), and the rows of each step are shared out.
One process alone is a world of size 1, in which all of this does nothing.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from transformers import PreTrainedModel

if TYPE_CHECKING:  # costs a second to import, which only a world of several needs
    from torch.distributed.tensor import DTensor
    from typing_extensions import TypeIs

T = TypeVar("T")
PATIENCE = timedelta(days=7)  # helpers wait while rank 0 answers and scores


@dataclass(frozen=True, slots=True)
class World:
    """This process among the others; `device` is where they exchange numbers."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    def shard(self, network: PreTrainedModel) -> None:
        """Spread a network's layers over all processes; embeddings and output layer stay whole in each."""
        if self.size == 1:
            return
        from torch.distributed.fsdp import fully_shard

        decoder: Any = network.get_decoder()
        whole = set(network.get_input_embeddings().parameters())
        for layer in decoder.layers:
            fully_shard(layer)
        fully_shard(decoder, ignored_params=whole)

    def share(self, rows: Sequence[T]) -> list[T]:
        """The rows of a step that this process reads; dealt out one by one, so that sorted ones are alike in length."""
        return list(rows[self.rank :: self.size])

    def even(self, micro_batches: Iterable[Sequence[T]], spare: Sequence[T]) -> Iterator[tuple[Sequence[T], float]]:
        """Portions with weight 1, then the spare one with weight 0 until all processes have read as many.

        Sharded layers are put together for each pass, so that all processes must make it.
        """
        mine = list(micro_batches)
        most = self._most(len(mine))  # asked before any is read: all processes must ask and read in one order
        yield from ((micro_batch, 1.0) for micro_batch in mine)
        yield from ((spare, 0.0) for _ in range(most - len(mine)))

    def sum(self, number: float) -> float:
        """The sum of a number over all processes."""
        return self._together(number, distributed.ReduceOp.SUM)

    def agree(self, yes: bool) -> bool:
        """What rank 0 says."""
        return self._together(float(yes and self.rank == 0), distributed.ReduceOp.MAX) > 0

    def _most(self, number: int) -> int:
        return int(self._together(number, distributed.ReduceOp.MAX))

    def _together(self, number: float, how: distributed.ReduceOp.RedOpType) -> float:
        if self.size == 1:
            return number
        held = torch.tensor(number, dtype=torch.float64, device=self.device)
        distributed.all_reduce(held, how)
        return held.item()

    def mend(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give weights that every process has whole the mean of all their gradients, as sharded ones have it."""
        for parameter in parameters if self.size > 1 else ():
            if parameter.grad is not None and not _is_sharded(parameter.grad):
                distributed.all_reduce(parameter.grad)
                parameter.grad /= self.size

    def clip(self, parameters: Iterable[nn.Parameter], most: float) -> None:
        """Scale all gradients down together where their norm is above `most`."""
        parameters = list(parameters)
        if self.size == 1:
            nn.utils.clip_grad_norm_(parameters, most)
            return
        grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
        shards: list[Any] = [grad.to_local() for grad in grads if _is_sharded(grad)]
        whole = [grad for grad in grads if not _is_sharded(grad)]
        squares = self.sum(sum(shard.square().sum().item() for shard in shards))
        norm = (squares + sum(grad.square().sum().item() for grad in whole)) ** 0.5
        if norm > most:
            for grad in (*shards, *whole):
                grad.mul_(most / (norm + 1e-6))

    def whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Sharded tensors put together; all processes must ask, and each gets them."""
        if self.size == 1:
            return dict(tensors)
        return {name: t.full_tensor() if _is_sharded(t) else t for name, t in tensors.items()}

    def like(self, whole: Tensor, parameter: Tensor) -> Tensor:
        """A whole tensor, sharded and placed as a parameter is."""
        whole = whole.to(parameter.device)
        if self.size == 1 or not _is_sharded(parameter):
            return whole
        from torch.distributed.tensor import distribute_tensor

        return distribute_tensor(whole, parameter.device_mesh, parameter.placements)

    def tell(self, order: Any) -> None:
        """Say something to the helpers, in what JSON can say."""
        if self.size > 1:
            said = torch.frombuffer(bytearray(json.dumps(order).encode()), dtype=torch.uint8).to(self.device)
            distributed.broadcast(torch.tensor(len(said), device=self.device), 0)
            distributed.broadcast(said, 0)

    def hear(self) -> Any:
        """What rank 0 says next."""
        length = torch.tensor(0, device=self.device)
        distributed.broadcast(length, 0)
        said = torch.empty(int(length), dtype=torch.uint8, device=self.device)
        distributed.broadcast(said, 0)
        return json.loads(bytes(said.cpu().tolist()))


def _is_sharded(tensor: Any) -> "TypeIs[DTensor]":
    from torch.distributed.tensor import DTensor

    return isinstance(tensor, DTensor)


ALONE = World()
_joined = [ALONE]


def join() -> World:
    """Find the other processes, if torchrun started any."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        return current()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if device == "cuda" else "gloo", timeout=PATIENCE)
    _joined[0] = World(distributed.get_rank(), distributed.get_world_size(), device)
    return current()


def current() -> World:
    """The world that this process has joined."""
    return _joined[0]


def leave() -> None:
    """Be alone again."""
    if distributed.is_initialized():
        distributed.destroy_process_group()
    _joined[0] = ALONE
