"""Connected components of a graph, as the lowest node of each."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Nodes = npt.NDArray[np.int64]


def components(count: int, links: Sequence[tuple[int, int]] | Nodes) -> Nodes:
    """For each of `count` nodes, the lowest node of its connected component.

    `links` are undirected edges, of shape (links, 2).
    """
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    ends = np.asarray(links, dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), dtype=bool), (ends[:, 0], ends[:, 1])), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    _, lowest = np.unique(labels, return_index=True)
    return np.asarray(lowest[labels], dtype=np.int64)
