"""Cheap evaluation on held-out data during training: loss on text, and exact answers on tasks.

An answer is exact if each of its tokens, including the end, is the most likely one after the correct previous tokens.
This is equivalent to greedy decoding producing the answer.
"""

import json
from collections import defaultdict
from pathlib import Path

import torch
from torch import Tensor

from recipes.pocket.network import Network, computing

Row = dict[str, object]


def exact_and_loss(network: Network, rows: list[tuple[list[int], int]], batch: int = 16) -> list[tuple[bool, float]]:
    """For rows of (tokens, start of the answer): whether the answer is exact, and its summed loss in nats."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))
    found: list[tuple[bool, float]] = [(False, 0.0)] * len(rows)
    device = network.embed_tokens.weight.device
    for at in range(0, len(order), batch):
        chosen = order[at : at + batch]
        longest = max(len(rows[i][0]) for i in chosen)
        tokens = torch.zeros(len(chosen), longest, dtype=torch.long, device=device)
        for k, i in enumerate(chosen):
            tokens[k, : len(rows[i][0])] = torch.tensor(rows[i][0])
        with torch.no_grad(), computing(device.type):
            vectors = network(tokens[:, :-1])
            for k, i in enumerate(chosen):
                ids, start = rows[i]
                part: Tensor = vectors[k, start - 1 : len(ids) - 1] @ network.embed_tokens.weight.T
                targets = tokens[k, start : len(ids)]
                loss = torch.nn.functional.cross_entropy(part.float(), targets, reduction="sum").item()
                found[i] = (bool((part.argmax(-1) == targets).all()), loss)
    return found


class Probe:
    """Held-out rows of `probe.json`, a few per family."""

    def __init__(self, data: Path, per_family: int = 24) -> None:
        stored: list[Row] = json.loads((data / "probe.json").read_text()) if (data / "probe.json").exists() else []
        self.families: dict[str, list[Row]] = defaultdict(list)
        for row in stored:
            if len(self.families[str(row["family"])]) < per_family:
                self.families[str(row["family"])].append(row)

    def look(self, network: Network) -> dict[str, float]:
        """Return the fraction of exact answers for each family, and for text the loss in bits per byte."""
        figures = {}
        for family, rows in sorted(self.families.items()):
            scored = exact_and_loss(network, [(r["tokens"], r["start"]) for r in rows])  # type: ignore[misc]
            if family.startswith("text:"):
                size = sum(int(str(r["bytes"])) for r in rows)
                figures[family] = round(sum(loss for _, loss in scored) / size / 0.6931471805599453, 4)
            else:
                figures[family] = round(sum(ok for ok, _ in scored) / len(rows), 3)
        return figures
