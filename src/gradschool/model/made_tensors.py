"""See every tensor that functions of torch return, also on torch's meta device, where nothing is computed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode


class MadeTensors(TorchFunctionMode):
    """Within this context, `seen` is called with each tensor that a function of torch returns."""

    def __init__(self, seen: Callable[[Tensor], object]) -> None:
        super().__init__()
        self._seen = seen

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        results = func(*args, **(kwargs or {}))
        for result in results if isinstance(results, (tuple, list)) else (results,):
            if isinstance(result, Tensor):
                self._seen(result)
        return results
