"""Decode an image of others within bounds: its first frame, upright, in red, green and blue."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gradschool.errors import first_line
from gradschool.images.bounds import MAX_PIXELS, BadImage, demand_size
from gradschool.images.gray import gray

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_BYTES = 50_000_000  # of a file
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")
HEIF = ("HEIF",)  # known to Pillow only once pillow-heif is registered
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".heic", ".heif", ".dcm")
DICOM = b"DICM"  # after 128 bytes
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")  # after `ftyp`


def decoded(content: bytes) -> "Image":
    """The image in a file's bytes, as RGB: the first frame, turned as its EXIF orientation says, transparency white.

    Raises BadImage if it is empty, damaged, too large, or of another format.
    """
    demand_bytes(content)
    if content[128:132] == DICOM:
        from gradschool.images.dicom import from_dicom

        return from_dicom(content)
    if content[4:8] == b"ftyp" and content[8:12] in HEIC_BRANDS:
        _demand_heif()
        return _opened(content, HEIF)
    return _opened(content, FORMATS)


def demand_bytes(content: bytes) -> None:
    """Raise BadImage for a file that is empty or too large."""
    if not content:
        raise BadImage("is empty (0 bytes)")
    if len(content) > MAX_BYTES:
        size = f"{len(content) / 1e6:,.0f} MB; at most {MAX_BYTES / 1e6:,.0f} MB are read"
        raise BadImage(f"has {size}: save it smaller")


def _opened(content: bytes, formats: tuple[str, ...]) -> "Image":
    from PIL import Image, ImageOps

    with decoding(), Image.open(io.BytesIO(content), formats=formats) as opened:
        demand_size(*opened.size)
        opened.seek(0)
        opened.load()
        picture = _as_rgb(ImageOps.exif_transpose(opened))
    picture.info = {}  # metadata, such as a colour profile, which Pillow would write into other files
    return picture


@contextmanager
def decoding() -> Iterator[None]:
    """Turn whatever the decoder reports about a file of others into BadImage."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `demand_size` bounds the pixels
            yield
    except (BadImage, MemoryError):
        raise
    except Exception as error:  # Pillow's decoders raise many kinds: OSError, SyntaxError, struct.error, …
        if type(error).__name__ == "UnidentifiedImageError":
            raise BadImage(
                "is no image that can be read: PNG, JPEG, WebP, GIF, TIFF, BMP or DICOM are (HEIC with pillow-heif)"
            ) from error
        if type(error).__name__ == "DecompressionBombError":
            raise BadImage(
                f"describes far more than the {MAX_PIXELS / 1e6:.0f} million pixels that are decoded"
            ) from error
        raise BadImage(f"is damaged ({first_line(error)}): save it again") from error


def _as_rgb(image: "Image") -> "Image":
    """The image in RGB: 16 bits a pixel are scaled to their range, and what is transparent shows white."""
    from PIL import Image

    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        return gray(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        whole = image.convert("RGBA")
        white = Image.new("RGBA", whole.size, "white")
        return Image.alpha_composite(white, whole).convert("RGB")
    return image.convert("RGB")


def _demand_heif() -> None:
    """Let Pillow read HEIC if a library for it is installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise BadImage(
            "is in HEIC, which needs the library pillow-heif: install it, or save the image as JPEG"
        ) from None
    register_heif_opener()
