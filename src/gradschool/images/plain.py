"""Strip metadata from image files, for packages that are given to others.

Metadata is EXIF (place, owner, thumbnail), comments, the header of DICOM with the patient's name, further frames, and
trailing bytes. Pixels are unchanged, so that a specialist answers as before.
"""

import io
from typing import TYPE_CHECKING

from gradschool.images.decode import decoded, decoding

if TYPE_CHECKING:
    from PIL.Image import Image

PNG = b"\x89PNG\r\n\x1a\n"
# Chunks that a picture needs, and those that hold a few numbers about its colours and size.
DRAWN, NUMBERS = {b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"IEND"}, {b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs", b"bKGD"}
MAX_NUMBERS = 32  # bytes of such a chunk
START, END, SCAN, COMMENT, EXIF = 0xD8, 0xD9, 0xDA, 0xFE, 0xE1  # markers of JPEG, after 0xFF
ORIENTATION = 0x112


def without_metadata(content: bytes) -> bytes:
    """The file of an image without anything but its picture: unchanged if it has nothing else, a JPEG or a PNG.

    Raises BadImage for a file that cannot be decoded.
    """
    if _is_plain_png(content):
        return content
    picture = decoded(content)
    if (bare := _bare_jpeg(content)) and _shows(bare, picture):
        return bare
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _shows(content: bytes, picture: "Image") -> bool:
    other = decoded(content)
    return other.size == picture.size and other.tobytes() == picture.tobytes()


def _is_plain_png(content: bytes) -> bool:
    """Whether a PNG has no chunk that says anything, and ends with its last one."""
    if not content.startswith(PNG):
        return False
    at = len(PNG)
    while len(content) - at >= 12:
        size, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        if kind not in DRAWN and not (kind in NUMBERS and size <= MAX_NUMBERS):
            return False
        at += size + 12  # with its length, its kind and its checksum
        if kind == b"IEND":
            return size == 0 and at == len(content)
    return False


def _bare_jpeg(content: bytes) -> bytes:
    """A JPEG without segments of applications and comments, but with its orientation; empty if it is not like one.

    Those of JFIF and Adobe are kept, which say how its colours are meant.
    """
    if content[:2] != bytes((0xFF, START)):
        return b""
    parts, at = [content[:2], _orientation(content)], 2
    while content[at : at + 1] == b"\xff" and at + 4 <= len(content):
        marker, size = content[at + 1], int.from_bytes(content[at + 2 : at + 4])
        if marker == END:
            break
        segment = content[at : at + 2 + size]
        if marker == 0xE0 and segment[4:9] == b"JFIF\0":
            parts.append(b"\xff\xe0\x00\x10" + segment[4:16] + b"\x00\x00")  # without its preview
        elif marker == 0xEE and segment[4:9] == b"Adobe":
            parts.append(b"\xff\xee\x00\x0e" + segment[4:16])
        elif not 0xE0 <= marker <= 0xEF and marker != COMMENT:
            parts.append(segment)
        at += 2 + size
        if marker == SCAN:
            end = _end_of_scan(content, at)
            parts.append(content[at:end])
            at = end
    return b"".join((*parts, bytes((0xFF, END))))


def _end_of_scan(content: bytes, at: int) -> int:
    """Where the compressed pixels end that begin here: at the next marker that is not one of theirs."""
    while (at := content.find(b"\xff", at)) >= 0 and at + 1 < len(content):
        if content[at + 1] != 0 and not 0xD0 <= content[at + 1] <= 0xD7:
            return at
        at += 2
    return len(content)


def _orientation(content: bytes) -> bytes:
    """A segment that says how a JPEG is turned, and nothing else; empty if it is upright."""
    from PIL import Image

    with decoding(), Image.open(io.BytesIO(content), formats=("JPEG",)) as opened:
        turned = opened.getexif().get(ORIENTATION, 1)
    if turned not in range(2, 9):
        return b""
    exif = Image.Exif()
    exif[ORIENTATION] = turned
    written = exif.tobytes()
    return bytes((0xFF, EXIF)) + (len(written) + 2).to_bytes(2) + written
