"""Small valid images of every format that is read, which the fuzzer damages, and rows that name some."""

import base64
import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from bench.samples import Sample, json_lines, one_file

SIDES = (24, 17)
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "gif": "GIF", "tiff": "TIFF", "bmp": "BMP"}


def picture(kind: str, mode: str = "RGB", **how: object) -> bytes:
    """A picture of a few colours in a format of Pillow's."""
    image = Image.linear_gradient("L").resize(SIDES).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def dicom() -> bytes:
    """A gray picture in DICOM, with a window and an invented name."""
    import numpy as np
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["fuzz"])
    made = FileDataset("made", {}, file_meta=meta, preamble=b"\0" * 128)
    made.PatientName, made.SamplesPerPixel, made.PhotometricInterpretation = "Invented^Ann", 1, "MONOCHROME1"
    made.Columns, made.Rows = SIDES
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.WindowCenter, made.WindowWidth, made.RescaleSlope, made.RescaleIntercept = 900, 700, 1, -24
    made.PixelData = np.arange(SIDES[0] * SIDES[1], dtype=np.uint16).tobytes()
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def images(_: Path) -> list[Sample]:
    """A file of each format, and some of unusual modes; DICOM if the library for it is installed."""
    exif = Image.Exif()
    exif[0x0112] = 6
    samples = [one_file(f"a.{ending}", picture(kind)) for ending, kind in FORMATS.items()]
    modes = (("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16"), ("TIFF", "F"), ("GIF", "P"), ("TIFF", "CMYK"))
    samples += [one_file(f"{mode[0]}.{kind.lower()}", picture(kind, mode)) for kind, mode in modes]
    samples.append(one_file("turned.jpg", picture("JPEG", exif=exif)))
    return [*samples, *([one_file("a.dcm", dicom())] if find_spec("pydicom") else [])]


def rows(_: Path) -> list[Sample]:
    """Rows of examples that name images in each form, next to the files."""
    url = "data:image/png;base64," + base64.b64encode(picture("PNG")).decode()
    answer = {"role": "assistant", "content": "a star"}
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "Which?"}]
    made: dict[str, list[Any]] = {
        "parts": [{"messages": [{"role": "user", "content": parts}, answer]}],
        "column": [
            {
                "images": ["a.png"],
                "messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "?"}]}, answer],
            }
        ],
        "llava": [{"image": "a.png", "conversations": [{"from": "human", "value": "<image>\n?"}, {"from": "gpt"}]}],
        "table": [{"image": "a.png", "question": "Which?", "answer": "a star"}],
    }
    files = {"a.png": picture("PNG")}
    return [
        Sample({**files, f"{name}.jsonl": json_lines(some * 4).encode()}, f"{name}.jsonl")
        for name, some in made.items()
    ]
