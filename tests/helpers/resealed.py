"""Specialists of strangers: anyone can change a manifest and seal it again."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomli_w

from gradschool.files import hash_tree, sha256_of
from gradschool.package.manifest import MANIFEST


def reseal(folder: Path, change: Callable[[dict[str, Any]], object] = lambda manifest: None) -> Path:
    """Change the manifest of a specialist and seal it again, with the hashes of the files as they are now."""
    manifest = tomllib.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).unlink()
    manifest["hashes"] = hash_tree(folder)
    change(manifest)
    content = {key: value for key, value in manifest.items() if key != "seal"}
    (folder / MANIFEST).write_text(tomli_w.dumps(content | {"seal": sha256_of(content)}))
    return folder
