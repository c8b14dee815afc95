"""How long a training takes here, estimated from a matrix multiplication that is timed once."""

import time
from functools import cache

import torch

from gradschool.model.memory import Device

# A training step reaches this part of the speed of a single matrix multiplication (bench/train_speed.py).
REACHED = 0.57
# Floating-point operations for each weight and token: two forward, two for the gradient of activations, and two for
# that of weights.
OPERATIONS = {"lora": 4, "full": 6}
TOKENS, WIDTH, REPEATS = 256, 1024, 4


def training_seconds(parameters: int, method: str, tokens: int, device: Device) -> float:
    """The time to train on so many tokens here; 0 for a method that was not measured."""
    if method not in OPERATIONS:
        return 0.0
    dtype = torch.float32 if method == "full" else device.dtype
    return OPERATIONS[method] * parameters * tokens / (REACHED * matmul_speed(device.kind, dtype))


@cache
def matmul_speed(kind: str, dtype: torch.dtype) -> float:
    """Floating-point operations per second of a matrix multiplication on a device: the best of some."""
    left = torch.ones(TOKENS, WIDTH, device=kind, dtype=dtype)
    right = torch.ones(WIDTH, WIDTH, device=kind, dtype=dtype)
    best = min(_timed(left, right) for _ in range(REPEATS))
    return 2 * TOKENS * WIDTH * WIDTH / best


def _timed(left: torch.Tensor, right: torch.Tensor) -> float:
    start = time.perf_counter()
    (left @ right).sum().item()  # waits for the device
    return max(time.perf_counter() - start, 1e-9)
