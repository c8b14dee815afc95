"""Bases that read images: features computed once, and losses as the family's own forward pass gives them."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor
from transformers import AutoProcessor

from gradschool.model.adapter import save_adapter
from gradschool.model.adapters import shared_copy
from gradschool.model.chat import Chat, Rendered, Unfit
from gradschool.model.eyes import Eyes
from gradschool.model.image_tokens import is_image_token, without_images
from gradschool.model.local import LocalEngine
from gradschool.model.lora import attach, lora_layers
from gradschool.records import IMAGE, Decoding, Image, Message
from gradschool.tune.objectives.answers import mean_loss
from seeing import FAMILIES, picture, tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LocalEngine]:
    root = tmp_path_factory.mktemp("families")
    return {family: LocalEngine(tiny(root / family, family), device=CPU, dtype=torch.float32) for family in FAMILIES}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def eyes_of(engine: LocalEngine) -> Eyes:
    assert engine.eyes
    return engine.eyes


def asked(text: str, *images: Image) -> tuple[Message, ...]:
    return (Message("user", IMAGE * len(images) + text, images=images),)


def lesson(text: str, answer: str, *images: Image) -> tuple[Message, ...]:
    return (*asked(text, *images), Message("assistant", answer))


def own_nats(engine: LocalEngine, rendered: Rendered, images: list[Image]) -> Tensor:
    """The sum of -log p of a row's trained tokens, by the family's own forward pass over its own inputs."""
    eyes = eyes_of(engine)
    ids = torch.tensor([without_images(rendered.token_ids, eyes.token_id)])
    inputs: dict[str, Any] = {}
    for found in map(eyes.inputs, images):
        for name, value in found.items():
            inputs.setdefault(name, []).append(value)
    # Idefics3 and SmolVLM have the images of a row in the second dimension.
    stacked = 1 if engine.network.config.model_type == "llama" and inputs["pixel_values"][0].dim() == 5 else 0
    known = {name: torch.cat(values, dim=stacked) for name, values in inputs.items() if name.startswith("pixel")}
    with torch.no_grad():
        logits = eyes.whole(input_ids=ids, attention_mask=torch.ones_like(ids), **known).logits[0].log_softmax(-1)
    trained = [place for place, on in enumerate(rendered.loss_mask) if on]
    return -sum(logits[place - 1, rendered.token_ids[place]] for place in trained)


@pytest.mark.parametrize("family", FAMILIES)
def test_packed_rows_with_cached_images_have_the_losses_of_the_familys_own_forward(
    engines: dict[str, LocalEngine], family: str, tmp_path: Path
) -> None:
    engine, (one, other) = engines[family], [picture(tmp_path, seed) for seed in (1, 2)]
    lessons = [
        (lesson("What is this?", "a cat", one), [one]),
        (lesson("What is this?", "a dog", other), [other]),
        (lesson("Which is larger?", "the first", one, other), [one, other]),
        (lesson("What is two and two?", "four"), []),
    ]
    rows = [engine.chat.render(conversation) for conversation, _ in lessons]
    reader = engine.reader()
    assert reader.packs
    expected = [own_nats(engine, row, images) for row, (_, images) in zip(rows, lessons, strict=True) if images]
    counts = [row.trained_tokens for row in rows]
    ours = [mean_loss(reader, [row], engine.pad_id) * count for row, count in zip(rows, counts, strict=True)]
    for mine, own in zip(ours, expected, strict=False):
        assert mine == pytest.approx(float(own), rel=1e-5, abs=1e-4)
    together = mean_loss(reader, rows, engine.pad_id) * sum(counts)
    assert together == pytest.approx(sum(ours), rel=1e-5, abs=1e-4)
    assert (
        abs(
            float(expected[0])
            - mean_loss(reader, [engine.chat.render(lesson("What is this?", "a cat", other))], 0) * counts[0]
        )
        > 1e-3
    )  # another image has another loss


@pytest.mark.parametrize("family", ["llava", "idefics3"])
def test_prompts_are_those_of_the_bases_own_processor(
    engines: dict[str, LocalEngine], family: str, tmp_path: Path
) -> None:
    engine = engines[family]
    image = picture(tmp_path, 3)
    conversation = (Message("system", "Look."), *asked("What is <image> here?", image))
    ids = engine.chat.prompt_ids(conversation)
    plain = (Message("system", "Look."), *asked("What is here?", image))
    text, eyes = engine.chat.prompt_text(plain), eyes_of(engine)
    processor = AutoProcessor.from_pretrained(engine.folder, backend="pil")
    own = processor(text=text, images=[Pillow.open(image.file)], add_special_tokens=False, return_tensors="pt")
    assert without_images(engine.chat.prompt_ids(plain), eyes.token_id) == own["input_ids"][0].tolist()
    assert torch.equal(own["pixel_values"], eyes.inputs(image)["pixel_values"])
    own = [token for token in ids if is_image_token(token)]
    assert len(set(own)) == len(own) > 1 and eyes.token_id not in ids  # text of the user is no image token


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_read_images_and_do_not_depend_on_the_batch(
    engines: dict[str, LocalEngine], family: str, tmp_path: Path
) -> None:
    engine, images = engines[family], [picture(tmp_path, seed) for seed in range(3)]
    questions = [asked("Say it.", image) for image in images] + [asked("Say it.")]
    decoding = Decoding(6)
    together = dict(engine.answer(questions, decoding))
    alone = [next(engine.answer([question], decoding))[1] for question in questions]
    assert [together[place].text for place in range(4)] == [one.text for one in alone]
    assert "".join(engine.stream(questions[0], decoding)) == alone[0].text


def test_features_are_computed_once_and_cached_on_disk(
    engines: dict[str, LocalEngine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, image = engines["llava"], picture(tmp_path, 9)
    known = eyes_of(engine)
    eyes = Eyes(known.whole, known.processor, known.identity)
    before = eyes.pooled(image)
    other = Eyes(eyes.whole, eyes.processor, lambda: "another")
    calls: list[int] = []

    def counted(**inputs: Any) -> Any:
        calls.append(1)
        return type(eyes.whole).get_image_features(eyes.whole, **inputs)

    again = Eyes(eyes.whole, eyes.processor, eyes.identity)
    monkeypatch.setattr(eyes.whole, "get_image_features", counted)
    assert torch.equal(again.pooled(image), before) and not calls
    other.pooled(image)
    other.pooled(image)
    assert len(calls) == 1


def test_a_base_without_eyes_refuses_images_by_name(tmp_path: Path) -> None:
    from gradschool.model.opening import POCKET

    engine = LocalEngine(POCKET, device=CPU, dtype=torch.float32)
    [(_, answer)] = engine.answer([asked("What is this?", picture(tmp_path, 1))], Decoding(4))
    assert answer.failure and "reads no images" in answer.failure.reason
    with pytest.raises(Unfit, match="reads no images"):
        engine.chat.render(lesson("What?", "a cat", picture(tmp_path, 1)))


def test_a_message_whose_images_and_places_differ_is_unfit(engines: dict[str, LocalEngine], tmp_path: Path) -> None:
    chat: Chat = engines["llava"].chat
    with pytest.raises(Unfit, match="1 images and 0 places"):
        chat.prompt_ids((Message("user", "What?", images=(picture(tmp_path, 1),)),))
    assert IMAGE in chat.prompt_text((Message("user", f"odd {IMAGE}"),))


def test_an_adapter_over_the_language_part_loads_over_the_whole_base_in_peft(
    engines: dict[str, LocalEngine], tmp_path: Path
) -> None:
    from peft import PeftModel

    for family in ("llava", "idefics3"):
        engine, image = engines[family], picture(tmp_path, 4)
        student = shared_copy(engine.network)
        attach(student, 2, 4, seed=0)
        for _, layer in lora_layers(student):
            torch.nn.init.normal_(layer.lora_b, std=0.3)
        save_adapter(student, tmp_path / family, "base", None)
        row = engine.chat.render(lesson("What?", "a cat", image))
        ours = mean_loss(engine.reader(str(tmp_path / family)), [row], 0) * row.trained_tokens
        assert ours != pytest.approx(mean_loss(engine.reader(), [row], 0) * row.trained_tokens, abs=1e-2)
        eyes = eyes_of(engine)
        whole = copy.deepcopy(eyes.whole)
        whole.set_input_embeddings(torch.nn.Embedding.from_pretrained(engine.network.get_input_embeddings().weight))
        peft = PeftModel.from_pretrained(whole, tmp_path / family)
        assert not any("vision" in name for name, _ in peft.named_parameters() if "lora" in name)
        ids = torch.tensor([without_images(row.token_ids, eyes.token_id)])
        pixels = {name: value for name, value in eyes.inputs(image).items() if name.startswith("pixel")}
        with torch.no_grad():
            logits = peft(input_ids=ids, attention_mask=torch.ones_like(ids), **pixels).logits[0].log_softmax(-1)
        trained = [place for place, on in enumerate(row.loss_mask) if on]
        assert ours == pytest.approx(-float(sum(logits[at - 1, row.token_ids[at]] for at in trained)), abs=1e-4)
