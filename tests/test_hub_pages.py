"""Addresses of the Hub: in every form that people copy, and what is no model."""

import pytest
from pydantic import ValidationError

from gradschool.hub_pages import page_of
from gradschool.settings import Settings

MODELS = {
    "https://huggingface.co/maker/small": None,
    "HTTPS://HuggingFace.co/maker/small": None,
    "http://www.huggingface.co/maker/small/": None,
    "huggingface.co/maker/small": None,
    "hf.co/maker/small": None,
    " https://hf.co/maker/small.git ": None,
    "git@hf.co:maker/small.git": None,
    "ssh://git@hf.co/maker/small": None,
    "hf://maker/small": None,
    "hf://maker/small@v2": "v2",
    "https://huggingface.co/maker/small?library=transformers": None,
    "https://huggingface.co/maker/small#usage": None,
    "https://huggingface.co/maker/small?a=b/c#usage": None,
    "https://huggingface.co/models/maker/small": None,
    "https://huggingface.co/api/models/maker/small": None,
    "https://huggingface.co/maker/small/discussions/3": None,
    "https://huggingface.co/maker/small/tree/main": "main",
    "https://huggingface.co/maker/small/tree/refs%2Fpr%2F1": "refs/pr/1",
    "https://huggingface.co/maker/small/tree/refs/pr/1": "refs/pr/1",
    "https://huggingface.co/maker/small/blob/main/config.json": "main",
    "https://huggingface.co/maker/small/raw/v1.0/config.json": "v1.0",
    "https://huggingface.co/maker/small/resolve/main/model.safetensors?download=true": "main",
    "https://huggingface.co/maker/small/commit/0123456789012345678901234567890123456789": "0123456789" * 4,
    "https://huggingface.co/maker/small/commits/main": "main",
    "https://huggingface.co:443/maker/small": None,
}


@pytest.mark.parametrize(("address", "revision"), MODELS.items())
def test_the_page_of_a_model_is_its_id_and_revision(address: str, revision: str | None) -> None:
    settings = Settings(base_model=address)
    assert (settings.base_model, settings.revision) == ("maker/small", revision)
    assert Settings(base_model=address, revision="mine").revision == "mine"


def test_models_without_an_owner() -> None:
    for address in ("https://huggingface.co/small", "https://huggingface.co/small/tree/main", "hf.co/small.git"):
        assert Settings(base_model=address).base_model == "small"


@pytest.mark.parametrize(
    ("address", "other"),
    [
        ("https://huggingface.co/datasets/maker/letters", "a data set"),
        ("https://HF.co/Datasets/maker/letters/tree/main", "a data set"),
        ("https://huggingface.co/api/datasets/maker/letters", "a data set"),
        ("hf://datasets/maker/letters", "a data set"),
        ("https://huggingface.co/spaces/maker/chat", "a space"),
        ("https://huggingface.co/collections/maker/small-1", "a collection"),
        ("https://huggingface.co/docs/transformers", "a page"),
        ("https://huggingface.co/models?sort=trending", "a page"),
        ("https://huggingface.co", "a page"),
    ],
)
def test_other_pages_are_named(address: str, other: str) -> None:
    page = page_of(address)
    assert page and page.other == other and not page.id
    assert Settings(base_model=address).base_model == address  # opening it says what it is


@pytest.mark.parametrize(
    "name",
    [
        "maker/small",
        "pocket",
        "hf.co/maker/small-GGUF:Q4_K_M",
        "https://mirror.example/maker/small",
        "models/hf.co-copy",
    ],
)
def test_other_names_are_no_pages(name: str) -> None:
    assert page_of(name) is None
    assert Settings(base_model=name).base_model == name


def test_schemes_of_servers_may_be_written_in_capitals() -> None:
    assert Settings(base_model=" HTTP://Box:8000/v1 ").base_model == "http://Box:8000/v1"
    with pytest.raises(ValidationError):
        Settings(base_model=3)  # type: ignore[arg-type]
