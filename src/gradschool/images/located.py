"""Find the image that a row of others names: a file of the job's folder, or bytes in the row itself."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import unquote

from gradschool.files import cache_folder, read_file, write_bytes
from gradschool.images.bounds import BadImage
from gradschool.images.decode import MAX_BYTES
from gradschool.images.tried import tried
from gradschool.records import Image

DATA_URL = re.compile(r"data:[\w.+-]{0,40}/?[\w.+-]{0,40}(?:;[\w=.+-]{1,40}){0,4}?;base64,", re.IGNORECASE)
NAMES = ("url", "image_url", "image", "source", "path", "file", "file_name")  # keys of an object that names an image
WEB = re.compile(r"(?:https?|ftp|s3|gs|hf)://", re.IGNORECASE)


def located(named: Any, folders: tuple[Path, ...]) -> Image:
    """The image that a value names, decoded once to be sure: a path, a data: URL, or an object with bytes or a path.

    Paths are relative to one of the `folders`, and must be of a file in one of them, links followed. Raises BadImage.
    """
    if isinstance(named, Mapping):
        return _in_object(named, folders)
    if not isinstance(named, str) or not named.strip():
        raise BadImage("has no path and no bytes")
    text = named.strip()
    if text[:5].casefold() == "data:":
        return kept(bytes_of(text))
    if WEB.match(text):
        raise BadImage("is on the web: download it into the job's folder, and name that file")
    path = _file(unquote(text.removeprefix("file://")) if text.startswith("file://") else text, folders)
    try:
        content = read_file(path, limit=MAX_BYTES)
    except OSError as error:
        raise BadImage(f"cannot be read ({error.strerror or error})") from error
    return _image(content, str(path))


def _in_object(named: Mapping[str, Any], folders: tuple[Path, ...]) -> Image:
    """The image of an object, as the Hub's viewer, OpenAI and Anthropic write them."""
    for key in NAMES:
        if named.get(key) and not (key == "path" and named.get("bytes")):
            return located(named[key], folders)
    for key in ("bytes", "data", "base64"):
        if isinstance(named.get(key), str) and named[key]:
            return kept(_plain_bytes(named[key]))
    raise BadImage("has no path and no bytes")


def name_of(named: Any) -> str:
    """The path or address in a value that names an image; empty if it has the bytes themselves."""
    while isinstance(named, Mapping):
        named = next((named[key] for key in NAMES if named.get(key)), "")
    text = named.strip() if isinstance(named, str) else ""
    return "" if text[:5].casefold() == "data:" else text


def in_memory(content: bytes) -> Image:
    """An image whose bytes were given, and are written nowhere; raises BadImage."""
    return _image(content, "")


def kept(content: bytes) -> Image:
    """An image whose bytes were given, in a file of the cache that is named by their hash; raises BadImage."""
    image = in_memory(content)
    file = cache_folder("images") / image.sha256
    if not file.is_file() or file.stat().st_size != len(content):
        write_bytes(file, content)
    return Image(image.sha256, image.likeness, str(file))


def _image(content: bytes, file: str) -> Image:
    hashed = hashlib.sha256(content).hexdigest()
    return Image(hashed, tried(content), file, b"" if file else content)


def bytes_of(url: str) -> bytes:
    """The bytes of a data: URL; raises BadImage."""
    start = DATA_URL.match(url)
    if start is None:
        raise BadImage("is a data: URL without base64")
    return _plain_bytes(url[start.end() :])


def _plain_bytes(text: str) -> bytes:
    if len(text) > MAX_BYTES * 4 // 3 + 4:
        raise BadImage(f"has more than {MAX_BYTES / 1e6:,.0f} MB: save it smaller")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadImage("has bytes that are not base64") from error


def _file(name: str, folders: tuple[Path, ...]) -> Path:
    """The file of a name, which must be inside one of the folders, links followed."""
    if "\0" in name or len(name) > 4096:
        raise BadImage("has a path that no system can look up")
    plain = name.replace("\\", "/") if PureWindowsPath(name).drive == "" else name
    inside = [folder.resolve() for folder in folders]
    outside = False
    for folder in folders:
        path = folder / PurePosixPath(plain)
        try:
            found = path.resolve()
            if not found.is_file():
                continue
        except (OSError, RuntimeError):
            continue
        if any(map(found.is_relative_to, inside)):
            return found
        outside = True
    if outside:
        raise BadImage("is outside the job's folder: copy it into that folder, and name the copy")
    raise BadImage("does not exist: a path is relative to the file of examples or the job's folder")
