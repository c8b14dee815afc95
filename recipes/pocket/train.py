"""Train the network on packed rows within a budget of minutes or tokens; resumes from the last checkpoint."""

import argparse
import json
import platform
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from recipes.pocket.network import Network, computing, load_exported, weighted_loss
from recipes.pocket.probe import Probe
from recipes.pocket.settings import Stage, Training, further
from recipes.pocket.streams import Packer


@dataclass
class Progress:
    """The progress of a training."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    loss: float = 0.0

    def fraction(self, minutes: float | None, tokens: int | None) -> float:
        """Return the fraction of the budget that is used."""
        parts = [self.seconds / (minutes * 60)] if minutes else []
        parts += [self.tokens / tokens] if tokens else []
        return min(1.0, max(parts))


def rate(fraction: float, settings: Training) -> float:
    """Return the learning-rate factor: warmup, constant, then linear decay to zero (Hu et al., 2024)."""
    return min(1.0, (fraction + 1e-4) / settings.warmup, max(0.0, (1.0 - fraction) / settings.decay))


def make_optimizers(network: Network, settings: Training) -> list[torch.optim.Optimizer]:
    """Use Muon (Jordan, 2024) for the matrices of the blocks and AdamW for everything else."""
    matrices = [p for n, p in network.named_parameters() if p.dim() == 2 and "embed" not in n]
    others = [p for n, p in network.named_parameters() if p.dim() != 2 or "embed" in n]
    return [
        torch.optim.Muon(matrices, lr=settings.matrix_rate, weight_decay=settings.weight_decay, momentum=0.95),
        torch.optim.AdamW(others, lr=settings.other_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


class Trainer:
    """A training in a folder: network, moving average, optimizers, data cursors and progress."""

    def __init__(self, settings: Training, data: Path, folder: Path, compiled: bool = True) -> None:
        self.settings, self.folder = settings, folder
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.manual_seed(settings.seed)
        self.network = Network(settings.shape, settings.seed).to(self.device)
        self.body: Any = torch.compile(self.network) if compiled else self.network
        self.head: Any = torch.compile(weighted_loss, dynamic=True) if compiled else weighted_loss
        self.optimizers = make_optimizers(self.network, settings)
        self.average = {n: p.detach().clone() for n, p in self.network.named_parameters()}
        names = sorted({name for stage in settings.stages for name in stage.mix})
        self.packer = Packer(data, names, settings.seed)
        self.progress = Progress()

    def batch(self, fraction: float) -> tuple[Tensor, Tensor]:
        """Draw the rows of one optimizer step: tokens and weights [B, T + 1]."""
        stage: Stage = next(s for s in self.settings.stages if fraction < s.until or s is self.settings.stages[-1])
        tokens, weights = self.packer.rows(stage, self.settings.batch_tokens // stage.length)
        return torch.from_numpy(tokens.astype(np.int64)), torch.from_numpy(weights).float() / 10

    def step(self, fraction: float) -> float:
        """Take one optimizer step and return the weighted mean loss in nats per token."""
        tokens, weights = self.batch(fraction)
        total = weights[:, 1:].sum()
        rows = max(1, self.settings.micro_tokens // (tokens.shape[1] - 1))
        loss = 0.0
        for i in range(0, len(tokens), rows):
            part, part_weights = tokens[i : i + rows].to(self.device), weights[i : i + rows, 1:].reshape(-1)
            chosen = part_weights.nonzero().squeeze(1).to(self.device)
            with computing(self.device):
                vectors = self.body(part[:, :-1].contiguous()).reshape(-1, self.settings.shape.width)
                targets = part[:, 1:].reshape(-1)[chosen]
                embedding = self.network.embed_tokens.weight
                cost = self.head(vectors[chosen], embedding, targets, part_weights.to(self.device)[chosen])
            (cost / total).backward()
            loss += cost.item() / total.item()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        factor = rate(fraction, self.settings)
        for optimizer, base in zip(self.optimizers, (self.settings.matrix_rate, self.settings.other_rate), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = base * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        keep = min(self.settings.average, (self.progress.step + 1) / (self.progress.step + 10))
        with torch.no_grad():
            parameters = dict(self.network.named_parameters())
            for name, average in self.average.items():
                average.lerp_(parameters[name], 1 - keep)
        self.progress.step += 1
        self.progress.tokens += tokens.shape[0] * (tokens.shape[1] - 1)
        self.progress.loss = loss
        return loss

    def run(self, minutes: float | None = None, tokens: int | None = None) -> Iterator[Progress]:
        """Train until the budget is used; yields the progress after every step."""
        while (fraction := self.progress.fraction(minutes, tokens)) < 1.0:
            began = time.monotonic()
            self.step(fraction)
            self.progress.seconds += time.monotonic() - began
            yield self.progress

    def save(self, name: str = "last") -> None:
        """Write a checkpoint atomically."""
        part, final = self.folder / f"{name}.part", self.folder / name
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        weights = {n: p.detach().contiguous() for n, p in self.network.named_parameters()}
        save_file(weights, part / "weights.safetensors")
        save_file({n: p.contiguous() for n, p in self.average.items()}, part / "average.safetensors")
        moments: dict[str, Tensor] = {}
        for k, optimizer in enumerate(self.optimizers):
            for i, values in optimizer.state_dict()["state"].items():
                moments |= {f"{k}/{i}/{key}": torch.as_tensor(value) for key, value in values.items()}
        save_file(moments, part / "moments.safetensors")
        facts = {
            "progress": asdict(self.progress),
            "packer": self.packer.state(),
            "settings": asdict(self.settings),
            "versions": {"torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()},
        }
        (part / "state.json").write_text(json.dumps(facts))
        shutil.rmtree(final, ignore_errors=True)
        part.rename(final)

    def begin_from(self, model: Path) -> None:
        """Load the weights of an exported model of the same shape, with new optimizers."""
        self.network.load_state_dict(load_exported(model).state_dict())
        self.average = {n: p.detach().clone() for n, p in self.network.named_parameters()}

    def load(self, name: str = "last") -> bool:
        """Load a checkpoint; returns False if there is none."""
        folder = self.folder / name
        if not (folder / "state.json").exists():
            return False
        self.network.load_state_dict(load_file(folder / "weights.safetensors"), strict=False)
        self.average = {n: p.to(self.device) for n, p in load_file(folder / "average.safetensors").items()}
        moments = load_file(folder / "moments.safetensors")
        for k, optimizer in enumerate(self.optimizers):
            state = optimizer.state_dict()
            for key, value in moments.items():
                number, index, field = key.split("/")
                if int(number) == k:
                    state["state"].setdefault(int(index), {})[field] = value
            optimizer.load_state_dict(state)
        facts = json.loads((folder / "state.json").read_text())
        self.progress = Progress(**facts["progress"])
        self.packer.restore(facts["packer"])
        return True


def train(
    settings: Training,
    data: Path,
    folder: Path,
    minutes: float | None,
    tokens: int | None,
    start: Path | None = None,
    compiled: bool = True,
) -> None:
    """Train in `folder` within the budget, with a log in `log.jsonl` and regular checkpoints.

    A new training starts from random weights, or from the exported model in `start`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(settings, data, folder, compiled)
    if not trainer.load() and start:
        trainer.begin_from(start)
    probe = Probe(data)
    saved = time.monotonic()
    checked = trainer.progress.tokens // settings.check_every
    decaying = trainer.progress.fraction(minutes, tokens) >= 1 - settings.decay
    recent: list[float] = []
    stops: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stops.append(number))
    with (folder / "log.jsonl").open("a") as log:
        for progress in trainer.run(minutes, tokens):
            recent.append(progress.loss)
            if progress.step % 20 == 0:
                print(json.dumps({**asdict(progress), "loss": round(float(np.mean(recent)), 4)}), file=log, flush=True)
                recent = []
            if progress.tokens // settings.check_every > checked:
                checked = progress.tokens // settings.check_every
                figures = probe.look(trainer.network)
                print(json.dumps({**asdict(progress), "probe": figures}), file=log, flush=True)
            if not decaying and progress.fraction(minutes, tokens) >= 1 - settings.decay:
                decaying = True
                trainer.save("before_decay")
            if stops:
                break
            if time.monotonic() - saved > settings.save_minutes * 60:
                trainer.save()
                saved = time.monotonic()
    trainer.save()


def add_budget(parser: argparse.ArgumentParser) -> None:
    """Add the options for budget, starting point and threads."""
    parser.add_argument("--minutes", type=float, help="budget in minutes of training")
    parser.add_argument("--tokens", type=int, help="budget in tokens")
    parser.add_argument("--start", type=Path, help="exported model to continue training from")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads")


def settings_for(args: argparse.Namespace, parser: argparse.ArgumentParser) -> Training:
    """Check the budget, set the number of threads, and choose the curriculum."""
    if not args.minutes and not args.tokens:
        parser.error("give a budget: --minutes or --tokens")
    torch.set_num_threads(args.threads)
    return further() if args.start else Training()


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of streams from prepare.py")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and the log")
    add_budget(parser)
    args = parser.parse_args()
    train(settings_for(args, parser), args.data, args.out, args.minutes, args.tokens, args.start)


if __name__ == "__main__":
    main()
