"""Bounds on the caches of oneDNN, which computes matrix products in bfloat16 on CPUs.

For each shape that it meets, oneDNN compiles a primitive and keeps it, and torch keeps the parameters of its products.
By default each keeps 1,024 of them. The rows of a training have other lengths in each step, so that memory grows with
every step. The primitives of one step are used again by every layer of the network: a cache that holds those has almost
all of the gain.
"""

import os
from collections.abc import MutableMapping

# Public settings of oneDNN and of torch's interface to it (ideep). Both are read at the first matrix product.
CAPACITIES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
MAX_PRIMITIVES = 64


def bound_caches(environment: MutableMapping[str, str] = os.environ) -> None:
    """Keep at most `MAX_PRIMITIVES`, unless the user has set another number; call before anything is computed."""
    for name in CAPACITIES:
        environment.setdefault(name, str(MAX_PRIMITIVES))
