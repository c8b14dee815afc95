"""Images of numbers in any range, such as 16 bits a pixel, as gray ones that can be shown."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image


def gray(numbers: Any, *, inverted: bool = False, ends: tuple[float, float] | None = None) -> "Image":
    """Numbers (H, W) as RGB, from the smallest as black to the largest as white; the other way round if `inverted`.

    `ends`: black and white, if they are other numbers than these.
    """
    import numpy as np
    from PIL import Image

    values = np.asarray(numbers, dtype=np.float64)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    low, high = ends or (low, high)
    scaled = ((values - low) / ((high - low) or 1.0)).clip(0, 1)
    return Image.fromarray(((1 - scaled if inverted else scaled) * 255).round().astype(np.uint8)).convert("RGB")
