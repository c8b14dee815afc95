"""DICOM: pixels as a viewer shows them, and nothing of the header."""

import io
from typing import Any

import numpy as np
import pytest

from gradschool.images.bounds import BadImage
from gradschool.images.decode import decoded
from gradschool.images.plain import without_metadata

pydicom = pytest.importorskip("pydicom")


def dicom(pixels: Any, kind: str = "MONOCHROME2", **tags: Any) -> bytes:
    from pydicom.dataset import FileDataset, FileMetaDataset

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    found = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    found.PatientName, found.PatientID = "Doe^Jane", "4711"
    found.Rows, found.Columns = pixels.shape[:2]
    found.SamplesPerPixel, found.PhotometricInterpretation = 3 if pixels.ndim == 3 else 1, kind
    found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation = 16, 12, 11, 0
    if pixels.ndim == 3:
        found.PlanarConfiguration = 0
    found.PixelData = pixels.astype("<u2").tobytes()
    for name, value in tags.items():
        setattr(found, name, value)
    buffer = io.BytesIO()
    found.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


RAMP = np.arange(0, 4096, 64).reshape(8, 8)


def gray(content: bytes) -> Any:
    return np.asarray(decoded(content))[..., 0].astype(int)


def test_without_a_window_the_range_of_the_values_is_shown() -> None:
    found = gray(dicom(RAMP))
    assert found[0, 0] == 0 and found[-1, -1] == 255 and (np.diff(found.ravel()) > 0).all()


def test_the_window_of_the_file_is_applied() -> None:
    found = gray(dicom(RAMP, WindowCenter=2048, WindowWidth=512))
    assert (found[RAMP < 1780] == 0).all() and (found[RAMP > 2310] == 255).all()
    assert 100 < found[RAMP == 2048][0] < 156


def test_what_does_not_reach_the_ends_of_its_window_is_not_stretched() -> None:
    found = gray(dicom(RAMP, WindowCenter=4096, WindowWidth=8192))
    assert found.min() == 0 and 120 < found.max() < 136
    assert gray(dicom(RAMP, WindowCenter=4096, WindowWidth=0)).max() == 255  # no window


def test_colours_of_more_bits_and_of_a_palette_are_shown() -> None:
    coloured = np.stack([RAMP, RAMP[::-1], RAMP * 0], axis=2)
    found = np.asarray(decoded(dicom(coloured, "RGB")))
    assert (found == coloured >> 4).all()
    tables: dict[str, Any] = {}
    for name, entries in {"Red": range(256), "Green": [0] * 256, "Blue": range(255, -1, -1)}.items():
        tables[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 8]
        tables[f"{name}PaletteColorLookupTableData"] = bytes(entries)
    found = np.asarray(decoded(dicom(RAMP >> 4, "PALETTE COLOR", **tables)))
    assert (found[..., 0] == RAMP >> 4).all() and (found[..., 2] == 255 - (RAMP >> 4)).all()


def test_monochrome1_is_inverted() -> None:
    assert (gray(dicom(RAMP, "MONOCHROME1")) == 255 - gray(dicom(RAMP))).all()


@pytest.mark.parametrize("cut", [200, 400, -30])
def test_an_error_tells_nothing_of_the_patient(cut: int) -> None:
    with pytest.raises(BadImage) as error:
        decoded(dicom(RAMP)[:cut])
    assert "Doe" not in str(error.value) and "4711" not in str(error.value) and error.value.__cause__ is None


def test_a_file_without_pixels_and_one_in_an_unknown_compression_say_so() -> None:
    with pytest.raises(BadImage, match="without pixels"):
        decoded(dicom(RAMP)[:200])
    content = dicom(RAMP)
    meta = pydicom.dcmread(io.BytesIO(content))
    meta.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLosslessSV1
    meta.PixelData = pydicom.encaps.encapsulate([meta.PixelData])
    buffer = io.BytesIO()
    meta.save_as(buffer)
    with pytest.raises(BadImage, match=r"JPEG Lossless.*pylibjpeg"):
        decoded(buffer.getvalue())


def test_a_package_has_the_picture_without_the_header() -> None:
    content = dicom(RAMP)
    assert b"Doe" in content and b"Doe" not in without_metadata(content)
    assert (gray(without_metadata(content)) == gray(content)).all()


def test_a_file_that_describes_a_huge_image_is_refused() -> None:
    with pytest.raises(BadImage, match="pixels"):
        decoded(dicom(RAMP, Rows=60_000, Columns=60_000))
