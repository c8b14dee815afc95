"""Images in DICOM: their pixels as a viewer shows them, and nothing of the header, which names the patient.

Pixel values become gray in three steps of the standard (DICOM PS3.4, N.2): rescale slope and intercept, the window of
the file (or, without one, the range of the values), and inversion for MONOCHROME1, in which large values are dark.
"""

import contextlib
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gradschool.images.bounds import BadImage, demand_size
from gradschool.images.gray import gray

if TYPE_CHECKING:
    from PIL.Image import Image

NEEDED = "is in DICOM, which needs the library pydicom: install it (`pip install 'gradschool[images]'`)"


def from_dicom(content: bytes) -> "Image":
    """The first frame of a DICOM file as RGB; raises BadImage if it has no image that can be read."""
    try:
        import pydicom
    except ImportError:
        raise BadImage(NEEDED) from None
    try:
        found = pydicom.dcmread(io.BytesIO(content))
        if not all(name in found for name in ("PixelData", "Rows", "Columns")):
            raise BadImage("is a DICOM file without pixels: leave it out")
        frames = int(found.get("NumberOfFrames", 1) or 1)
        demand_size(int(found.Columns), int(found.Rows) * frames)
        return _shown(found, frames)
    except (BadImage, MemoryError):
        raise
    except Exception as error:  # pydicom raises many kinds for files that it cannot read
        # Only the kind of an error is shown: others quote values of the header.
        raise BadImage(
            f"is a DICOM file whose image cannot be read ({_form_of(content) or type(error).__name__})"
        ) from None


def _form_of(content: bytes) -> str:
    """How the pixels of a file are compressed, by the name in the standard, and what to do; empty if they are not."""
    import pydicom

    with contextlib.suppress(Exception):
        form = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True).file_meta.TransferSyntaxUID
        if form.is_transfer_syntax and form.is_compressed:
            return f"its pixels are damaged, or are compressed as {form.name}: install pylibjpeg[all] to read these"
    return ""


def _shown(found: Any, frames: int) -> "Image":
    import numpy as np
    from PIL import Image
    from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut

    pixels, bits = found.pixel_array, int(found.BitsStored)
    pixels = pixels[0] if frames > 1 else pixels
    kind = str(found.get("PhotometricInterpretation", "MONOCHROME2"))
    if kind == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, found)
        bits = 8 * pixels.dtype.itemsize
    if pixels.ndim == 3:
        scaled = pixels >> (bits - 8) if bits > 8 else pixels
        return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")
    values, ends = np.asarray(apply_modality_lut(pixels, found)), None
    if "VOILUTSequence" in found:
        values = np.asarray(apply_voi_lut(values, found, index=0))
    elif "WindowCenter" in found and _width(found) > 0:
        values, ends = np.asarray(apply_voi_lut(values, found, index=0)), _ends(found)
    return gray(values, inverted=kind == "MONOCHROME1", ends=ends)


def _width(found: Any) -> float:
    """The width of the first window; 0 if there is none."""
    width = found.get("WindowWidth")
    first = width[0] if isinstance(width, Sequence) and not isinstance(width, str) and width else width
    return float(first or 0)


def _ends(found: Any) -> tuple[float, float]:
    """What a window gives for the smallest and the largest numbers: black and white, whether the pixels reach them."""
    import numpy as np
    from pydicom.pixels import apply_windowing

    low, high = apply_windowing(np.array([-1e9, 1e9]), found, 0).tolist()
    return low, high
