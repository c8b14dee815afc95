"""Positions in three dimensions are those of the family's own `get_rope_index`."""

from pathlib import Path

import pytest
import torch

from gradschool.model.eyes import positions_in
from gradschool.model.image_positions import in_three_dimensions
from gradschool.model.image_tokens import FIRST, without_images
from gradschool.model.local import LocalEngine
from gradschool.model.prefix import between_images
from gradschool.model.reach import reach_of
from gradschool.records import IMAGE, Message
from seeing import picture, tiny


def test_positions_are_those_of_the_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    engine = LocalEngine(tiny(tmp_path / "base", "qwen3_vl"), dtype=torch.float32)
    images = (picture(tmp_path, 1, 60, 20), picture(tmp_path, 2), picture(tmp_path, 1, 60, 20))
    ids = engine.chat.prompt_ids((Message("user", f"a {IMAGE} b {IMAGE}{IMAGE} c", images=images),))
    eyes = engine.eyes
    assert eyes
    *ours, after = positions_in(eyes, ids)
    plain = torch.tensor([without_images(ids, eyes.place_id)])
    grids = torch.cat([eyes.inputs(image)["image_grid_thw"] for image in images])
    kinds = (plain == eyes.place_id).int()
    theirs, delta = eyes.whole.model.get_rope_index(plain, mm_token_type_ids=kinds, image_grid_thw=grids)
    assert torch.equal(in_three_dimensions(torch.tensor([ours])), theirs)
    assert after == len(ids) + int(delta)
    assert positions_in(None, [1, 2]) == positions_in(eyes, [1, 2]) == [0, 1, 2]


def test_runs_of_images_are_not_divided() -> None:
    image, other = [FIRST, FIRST | 1], [FIRST | 1 << 20, FIRST | 1 << 20 | 1]
    assert reach_of([5, *image, 6, *other]) == [1, 3, 3, 4, 6, 6]
    assert between_images([[5, *image, *other], [5, *image, 6]], 3) == 1
    assert between_images([[5, *image, 6], [5, *image, 7]], 3) == 3
