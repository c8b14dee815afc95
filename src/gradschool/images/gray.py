"""Images of numbers in any range, such as 16 bits a pixel, as gray ones that can be shown."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image


def gray(numbers: Any, *, inverted: bool = False) -> "Image":
    """Numbers (H, W) as RGB, from the smallest as black to the largest as white; the other way round if `inverted`."""
    import numpy as np
    from PIL import Image

    values = np.nan_to_num(np.asarray(numbers, dtype=np.float64))
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / ((high - low) or 1.0)
    return Image.fromarray(((1 - scaled if inverted else scaled) * 255).round().astype(np.uint8)).convert("RGB")
