"""A base in a folder is named by its own name, and found by its hashes wherever it is."""

import json
import shutil
from pathlib import Path, PurePosixPath

import pytest

import tiny
from finish import finish
from gradschool.errors import ModelError
from gradschool.model.loading import hash_files, hash_weights
from gradschool.model.places import MAX_PLACES, PLACES, find_base, name_of, remember, remembered, without_place
from gradschool.records import BaseIdentity

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def nothing_remembered(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here / "config"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(here / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(here / "hub" / "hub"))


def identity_of(folder: Path) -> BaseIdentity:
    return BaseIdentity("local", folder.name, weights=hash_weights(folder), template="t", files=hash_files(folder))


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/home/mira/models/small", "small"),
        (f"/hub/models--maker--sm--all/snapshots/{COMMIT}", "maker/sm--all"),
        ("/hub/models--small/snapshots/0a1b", "small"),
        (f"/hub/gradschool/maker--small/{COMMIT}", "maker/small"),
        ("/models/snapshots/small", "small"),
        ("/pocket", "pocket"),
        ("/", "base"),
    ],
)
def test_a_name_says_nothing_about_the_place(folder: str, name: str) -> None:
    assert name_of(PurePosixPath(folder)) == without_place(folder) == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (r"C:\Users\mira\small", "small"),
        (r"\\server\share\models\small", "small"),
        ("maker/small", "maker/small"),
        ("../models/small", "../models/small"),
        ("https://models.example/v1", "https://models.example/v1"),
        ("", ""),
    ],
)
def test_paths_of_other_systems_are_recognized_and_names_stay(written: str, name: str) -> None:
    assert without_place(written) == name


def test_the_last_places_are_remembered_the_newest_first(here: Path) -> None:
    for number in (*range(6), 2):
        assert finish(remember("digest", here / str(number)))[1] == []
    assert remembered("digest") == [here / name for name in "2543"][:MAX_PLACES]
    assert remembered("other") == []


def test_a_place_that_cannot_be_remembered_is_a_warning(here: Path) -> None:
    (here / "config").write_text("a file in the way")
    [note] = finish(remember("digest", here / "small"))[1]
    assert note.level == "warning" and "small" in note.text


def test_a_base_is_found_where_it_was_whatever_its_name(here: Path) -> None:
    first, second = tiny.save_model(here / "one" / "small"), tiny.save_model(here / "two" / "small", hidden_size=64)
    for folder in (first, second):
        finish(remember(identity_of(folder).weights, folder))
    assert find_base(identity_of(first), "small") == first
    assert find_base(identity_of(second), "small") == second


def test_a_renamed_a_copied_and_a_downloaded_base_are_found(here: Path) -> None:
    base = tiny.save_model(here / "models" / "small")
    identity = identity_of(base)
    finish(remember(identity.weights, base))
    tiny.save_model(here / "models" / "a", initializer_range=0.5)  # the same config and tokenizer, other weights
    (here / "models" / "note").write_text("no folder")
    base.rename(here / "models" / "smaller")
    assert find_base(identity, "small") == here / "models" / "smaller"
    shutil.move(here / "models" / "smaller", here / "small")
    assert find_base(identity, "small") == here / "small"
    snapshot = here / "hub" / "hub" / "models--maker--small" / "snapshots" / COMMIT
    shutil.move(here / "small", snapshot)
    assert find_base(identity, "small") == snapshot


def test_another_base_of_that_name_is_not_taken(here: Path) -> None:
    base = tiny.save_model(here / "models" / "small")
    identity = identity_of(base)
    finish(remember(identity.weights, base))
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.25}))
    tiny.save_model(here / "small", hidden_size=64)
    with pytest.raises(ModelError, match="The base small is not on this machine") as caught:
        find_base(identity, "small")
    assert identity.weights[:12] in caught.value.why and "--base" in caught.value.fix


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "", "/", "~", "../.."])
def test_a_strange_name_is_not_found(name: str) -> None:
    with pytest.raises(ModelError):
        find_base(BaseIdentity("local", "x", weights="0" * 64), name)


def test_places_that_cannot_be_read_are_passed_over_and_put_aside_at_the_next_change() -> None:
    PLACES.change(lambda _: {"d": ("x",)})
    PLACES.path.write_text("{")
    assert remembered("d") == []
    PLACES.change(lambda known: {**known, "e": ("y",)})
    assert remembered("e") == [Path("y")]
    assert PLACES.path.with_name(f"{PLACES.path.name}.damaged").read_text() == "{"
