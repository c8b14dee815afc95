"""Images in DICOM: their pixels as a viewer shows them, and nothing of the header, which names the patient.

Pixel values become gray in three steps of the standard (DICOM PS3.4, N.2): rescale slope and intercept, the window of
the file (or, without one, the range of the values), and inversion for MONOCHROME1, in which large values are dark.
"""

import io
from typing import TYPE_CHECKING, Any

from gradschool.errors import first_line
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
        demand_size(int(found.Columns), int(found.Rows))
        return _shown(found)
    except (BadImage, MemoryError):
        raise
    except Exception as error:  # pydicom raises many kinds for files that it cannot read
        # Only the kind of some errors is shown: others quote values of the header.
        known = isinstance(error, NotImplementedError | RuntimeError | AttributeError)
        why = first_line(error) if known else type(error).__name__
        raise BadImage(f"is a DICOM file without an image that can be read ({why})") from None


def _shown(found: Any) -> "Image":
    import numpy as np
    from PIL import Image
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    frames = int(found.get("NumberOfFrames", 1) or 1)
    demand_size(int(found.Columns), int(found.Rows) * frames)
    pixels = found.pixel_array
    pixels = pixels[0] if frames > 1 else pixels
    kind = str(found.get("PhotometricInterpretation", "MONOCHROME2"))
    if pixels.ndim == 3:
        return Image.fromarray(pixels.astype(np.uint8)).convert("RGB")
    windowed = "WindowCenter" in found or "VOILUTSequence" in found
    values = np.asarray(apply_modality_lut(pixels, found))
    if windowed:
        values = np.asarray(apply_voi_lut(values, found, index=0))
    return gray(values, inverted=kind == "MONOCHROME1")
