"""One base with several adapters: each adapter gets its own module tree over the same base weights.

Nothing is switched on a shared network, so that answers with different adapters can be computed in turns and from
several threads. A tree costs its module objects and the adapter's weights; the base's tensors exist once.
"""

import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from torch import nn

from gradschool.errors import ModelError
from gradschool.model.adapter import WEIGHTS, put_layers, read_adapter
from gradschool.model.copies import shared_copy
from gradschool.model.kinds import ADAPTER
from gradschool.model.reader import Reader
from gradschool.model.seeing import unreadable_images

MAX_CACHED = 4  # adapters that stay in memory after use
# The path of an adapter folder, and the time of change and size of its weights and of its configuration.
Version: TypeAlias = tuple[str, tuple[int, int], tuple[int, int]]


class AdapterReaders:
    """Readers of one base network: the plain base's, and one for each adapter folder, loaded when first used.

    The adapters used last stay cached. A folder that is written anew is loaded anew. Safe to use from several threads.
    """

    def __init__(self, base: Reader) -> None:
        self.base = base
        self._lock = threading.Lock()
        self._cached: OrderedDict[Version, Reader] = OrderedDict()

    def get(self, adapter: str) -> Reader:
        """The reader for an adapter folder in PEFT's format; for an empty name, the base's.

        Raises ModelError if the adapter cannot be read or does not fit the base.
        """
        if not adapter:
            return self.base
        with self._lock:
            key = _version(Path(adapter))
            reader = self._cached.pop(key, None) or self._load(Path(adapter))
            self._cached[key] = reader
            while len(self._cached) > MAX_CACHED:
                self._cached.popitem(last=False)
        return reader

    def _load(self, folder: Path) -> Reader:
        network = shared_copy(self.base.network)
        put_layers(network, read_adapter(network, folder))
        output = network.get_output_embeddings()
        if self.base.head is None or not isinstance(output, nn.Linear):  # an adapter of the output layer
            if (eyes := self.base.eyes) and eyes.packed_only:
                raise unreadable_images(f"The adapter in {folder}", "It changes the output layer")
            return replace(self.base, network=network, packs=False, head=None)
        return replace(self.base, network=network, head=replace(self.base.head, layer=output))


def _version(folder: Path) -> Version:
    """Identifies the content of an adapter folder without reading it."""
    try:
        states = [(folder / name).stat() for name in (WEIGHTS, ADAPTER)]
    except OSError as error:
        raise ModelError(
            f"{folder} holds no readable adapter.",
            f"{error}.",
            f"it needs {WEIGHTS} and {ADAPTER}, as PEFT writes them.",
        ) from error
    weights, config = ((state.st_mtime_ns, state.st_size) for state in states)
    return str(folder), weights, config
