"""Features on disk: what was used least recently is removed if there is too much."""

import os
from pathlib import Path

import pytest
import torch

from gradschool.model.feature_files import KEPT, FeatureFiles


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_features_are_read_as_they_were_written(cache: Path) -> None:
    files, features = FeatureFiles("base"), torch.randn(3, 4)
    assert files.read("a") is None
    files.write("a", features)
    again = FeatureFiles("base").read("a")
    assert again is not None and torch.equal(again, features) and FeatureFiles("other").read("a") is None
    next(cache.rglob("a.safetensors")).write_bytes(b"damaged")
    assert files.read("a") is None


def test_the_oldest_are_removed_if_all_bases_together_have_too_many(cache: Path) -> None:
    size = 4 * 1000
    first, second = FeatureFiles("first", 10 * size), FeatureFiles("second", 10 * size)
    for number in range(8):
        first.write(f"f{number}", torch.zeros(1000))
        file = next(cache.rglob(f"f{number}.safetensors"))
        os.utime(file, (number, number))
    assert first.read("f0") is not None  # used just now
    for number in range(3):
        second.write(f"s{number}", torch.zeros(1000))
    left = {file.stem for file in cache.rglob("*.safetensors")}
    assert len(left) * size <= 10 * size and len(left) >= 10 * KEPT - 1
    assert {"f0", "s0", "s1", "s2"} < left and "f1" not in left
