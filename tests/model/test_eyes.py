"""Bases that read images: features computed once, and losses as the family's own forward pass gives them."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import save
from torch import Tensor
from transformers import AutoProcessor

from gradschool.against_base import demand_eyes
from gradschool.data.check import too_long
from gradschool.errors import ModelError, UsageError
from gradschool.files import read_json, write_bytes, write_json
from gradschool.model.adapter import adapter_tensors, peft_config, save_adapter
from gradschool.model.chat import Chat, Rendered, Unfit
from gradschool.model.completion import complete
from gradschool.model.copies import shared_copy
from gradschool.model.eyes import Eyes
from gradschool.model.formats import times_of
from gradschool.model.image_tokens import is_image_token, without_images
from gradschool.model.local import LocalEngine
from gradschool.model.lora import LoraLinear, attach, lora_layers
from gradschool.model.memory import parameters_of
from gradschool.model.reader import Reader, reader_of
from gradschool.records import IMAGE, Decoding, Example, Image, Message, Source
from gradschool.settings import Tune
from gradschool.tune.objectives.answers import mean_loss
from seeing import FAMILIES, own_inputs, picture, tiny

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
    with torch.no_grad():
        inputs = own_inputs(engine, [list(rendered.token_ids)], images)
        logits = eyes_of(engine).whole(**inputs).logits[0].log_softmax(-1)
    trained = [place for place, on in enumerate(rendered.loss_mask) if on]
    total: Tensor = -sum(logits[place - 1, rendered.token_ids[place]] for place in trained)
    return total


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


def test_texts_around_an_image_are_read_together_with_the_prompt(
    engines: dict[str, LocalEngine], tmp_path: Path
) -> None:
    engine, image = engines["gemma3"], picture(tmp_path, 3)  # it writes empty lines around an image
    processor = AutoProcessor.from_pretrained(engine.folder, backend="pil")
    parts = [{"type": "text", "text": "What\n"}, {"type": "image"}, {"type": "text", "text": "\nis this?"}]
    text = processor.apply_chat_template([{"role": "user", "content": parts}], add_generation_prompt=True)
    own = processor(text=text, images=[[Pillow.open(image.file)]], add_special_tokens=False, return_tensors="pt")
    ids = engine.chat.prompt_ids((Message("user", f"What\n{IMAGE}\nis this?", images=(image,)),))
    assert without_images(ids, eyes_of(engine).place_id) == own["input_ids"][0].tolist()


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


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_answers_are_those_of_the_familys_own_generate(
    engines: dict[str, LocalEngine], family: str, tmp_path: Path
) -> None:
    engine, (one, other) = engines[family], [picture(tmp_path, seed) for seed in (5, 6)]
    wide = picture(tmp_path, 7, 60, 20)  # fewer rows than columns: the answer continues elsewhere than after a square
    asking = [((one,), "Say it."), ((other,), "Say it, and say it well."), ((wide,), "What?"), ((one, wide), "Which?")]
    questions = [asked(text, *images) for images, text in asking]
    prompts = [engine.chat.prompt_ids(question) for question in questions]
    ours = dict(engine.answer(questions, Decoding(8)))
    eyes = eyes_of(engine)
    stop = eyes.whole.generation_config
    stop.eos_token_id, stop.pad_token_id, stop.max_new_tokens, stop.do_sample = list(engine.stop_ids), 0, 8, False
    # A batch of rows with one image each, padded on the left, and one row with two.
    for places in ((0, 1, 2), (3,)):
        inputs = own_inputs(engine, [prompts[at] for at in places], [i for at in places for i in asking[at][0]])
        if eyes.processor.family in ("idefics3", "smolvlm") and len(places) > 1:
            continue  # these pad the images of rows in a way of their own
        written = eyes.whole.generate(**inputs, generation_config=stop)[:, inputs["input_ids"].shape[1] :].tolist()
        for place, row in zip(places, written, strict=True):
            end = next((at for at, token in enumerate(row) if token in engine.stop_ids), len(row))
            assert ours[place].text == engine.chat.decode(row[:end])
    alone = [next(engine.answer([question], Decoding(8)))[1].text for question in questions]
    assert [ours[place].text for place in range(4)] == alone


@pytest.mark.parametrize("family", FAMILIES)
def test_sampled_answers_do_not_depend_on_the_batch(
    engines: dict[str, LocalEngine], family: str, tmp_path: Path
) -> None:
    engine, image = engines[family], picture(tmp_path, 8)
    # The image is in the prefix that all share, and is read once.
    questions = [asked(f"What is number {number} here?", image) for number in range(3)]
    reader, ids = engine.reader(), [engine.chat.prompt_ids(question) for question in questions]
    decoding = Decoding(6, temperature=1.5, seed=4)
    limits = dict.fromkeys(range(3), 6)
    together = {done.name: done.token_ids for done in complete(reader, dict(enumerate(ids)), (2,), limits, decoding, 3)}
    for number in range(3):
        [alone] = complete(reader, {number: ids[number]}, (2,), limits, decoding, 1)
        assert alone.token_ids == together[number]


@pytest.mark.parametrize("family", FAMILIES)
def test_texts_are_judged_as_answers_as_the_familys_own_forward_does(
    engines: dict[str, LocalEngine], family: str, tmp_path: Path
) -> None:
    engine, image = engines[family], picture(tmp_path, 9)
    questions = [asked("Which is it?", image), asked("Which is it now?", image), asked("And which?")]
    found = engine.continuations(questions, [["a cat", "dogs and cats"]] * 3, ended=True)
    for question, (cat, dogs) in zip(questions[:2], [pair for pair in found[:2] if pair], strict=True):
        for text, its in (("a cat", cat), ("dogs and cats", dogs)):
            rendered = engine.chat.render((*question, Message("assistant", text)))
            assert sum(its.nats) == pytest.approx(float(own_nats(engine, rendered, [image])), rel=1e-5, abs=1e-4)


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


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_estimated_of_an_opened_base_is_what_it_has(engines: dict[str, LocalEngine], family: str) -> None:
    engine = engines[family]
    assert parameters_of(engine.network.config) == sum(one.numel() for one in engine.network.parameters())
    assert times_of(engine.network.config, CPU, 10**9) is not None  # of a training step, by which its format is chosen


def test_a_base_without_eyes_refuses_images_by_name(tmp_path: Path) -> None:
    from gradschool.model.opening import POCKET

    engine = LocalEngine(POCKET, device=CPU, dtype=torch.float32)
    [(_, answer)] = engine.answer([asked("What is this?", picture(tmp_path, 1))], Decoding(4))
    assert answer.failure and "reads no images" in answer.failure.reason
    with pytest.raises(Unfit, match="reads no images"):
        engine.chat.render(lesson("What?", "a cat", picture(tmp_path, 1)))


def test_more_images_than_the_context_takes_are_named(engines: dict[str, LocalEngine], tmp_path: Path) -> None:
    engine, image = engines["llava"], picture(tmp_path, 1)
    question = asked("How many?", *[image] * 200)
    [(_, answer)] = engine.answer([question], Decoding(4))
    assert answer.failure and "are of images: show fewer" in answer.failure.reason
    with pytest.raises(ModelError, match="too long"):
        list(engine.stream(question, Decoding(4)))
    example = Example("1", (*question, Message("assistant", "two")), "1", Source("x", 1))
    [issue] = too_long([example], engine.count_tokens, engine.context_length)
    assert "200 images take some of them: show fewer" in issue.text


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
        plain: Any = torch.nn.Embedding
        whole.set_input_embeddings(plain.from_pretrained(engine.network.get_input_embeddings().weight))
        peft = PeftModel.from_pretrained(whole, tmp_path / family)
        assert not any("vision" in name for name, _ in peft.named_parameters() if "lora" in name)
        ids = torch.tensor([without_images(row.token_ids, eyes.token_id)])
        pixels = {name: value for name, value in eyes.inputs(image).items() if name.startswith("pixel")}
        with torch.no_grad():
            logits = peft(input_ids=ids, attention_mask=torch.ones_like(ids), **pixels).logits[0].log_softmax(-1)
        trained = [place for place, on in enumerate(row.loss_mask) if on]
        assert ours == pytest.approx(-float(sum(logits[at - 1, row.token_ids[at]] for at in trained)), abs=1e-4)


def unpacked(network: Any, threads: Any = None) -> Reader:
    return replace(reader_of(network, threads), packs=False, head=None)


@pytest.mark.parametrize("family", ["qwen2_vl", "qwen3_vl", "gemma3"])
def test_a_base_that_needs_packed_rows_and_has_none_is_refused(
    engines: dict[str, LocalEngine], family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradschool.model.local.reader_of", unpacked)
    with pytest.raises(ModelError, match="cannot be used with images") as error:
        LocalEngine(engines[family].folder, device=CPU, dtype=torch.float32)
    assert "does not read packed rows exactly" in error.value.why and "pocket-eyes" in error.value.fix


@pytest.mark.parametrize("family", ["llava", "internvl"])
def test_a_base_that_needs_no_packed_rows_answers_without_them(
    engines: dict[str, LocalEngine], family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, questions = engines[family], [asked("Say it.", picture(tmp_path, seed)) for seed in range(3)]
    monkeypatch.setattr("gradschool.model.local.reader_of", unpacked)
    other = LocalEngine(engine.folder, device=CPU, dtype=torch.float32)
    expected = dict(engine.answer(questions, Decoding(6)))
    found = dict(other.answer(questions, Decoding(6)))
    assert [found[place].text for place in range(3)] == [expected[place].text for place in range(3)]
    rows = [other.chat.render((*question, Message("assistant", "a cat"))) for question in questions]
    assert mean_loss(other.reader(), rows, 0) == pytest.approx(mean_loss(engine.reader(), rows, 0), abs=1e-4)


def test_an_adapter_of_the_output_layer_is_refused_where_images_need_packed_rows(
    engines: dict[str, LocalEngine], tmp_path: Path
) -> None:
    for family in ("gemma3", "qwen3_vl", "llava"):
        engine, question = engines[family], asked("Say it.", picture(tmp_path, 5))
        output = engine.network.get_output_embeddings()
        generator = torch.Generator().manual_seed(0)
        layer = LoraLinear.from_base(output, 2, 4, generator)
        torch.nn.init.normal_(layer.lora_b, std=0.3)
        tensors = adapter_tensors({"lm_head": layer})
        (tmp_path / family).mkdir()
        write_json(tmp_path / family / "adapter_config.json", peft_config(["lm_head"], 2, 4, "base", None))
        write_bytes(tmp_path / family / "adapter_model.safetensors", save(tensors, {"format": "pt"}))
        if family != "llava":
            with pytest.raises(ModelError, match="cannot be used with images") as error:
                engine.reader(str(tmp_path / family))
            assert "changes the output layer" in error.value.why
            continue
        row = engine.chat.render((*question, Message("assistant", "a cat")))
        ids = torch.tensor([list(row.token_ids)])
        with torch.no_grad():
            states = engine.network.get_decoder()(input_ids=ids).last_hidden_state[0]
            logits = layer(states).log_softmax(-1)
        nats = -sum(float(logits[at - 1, row.token_ids[at]]) for at, on in enumerate(row.loss_mask) if on)
        ours = mean_loss(engine.reader(str(tmp_path / family)), [row], 0) * row.trained_tokens
        assert ours == pytest.approx(nats, abs=1e-3)
        [(_, answer)] = engine.answer([question], Decoding(4), str(tmp_path / family))
        assert not answer.failure


@pytest.mark.parametrize("family", ["llava_next", "llava_onevision"])
def test_families_whose_images_are_not_read_are_refused_by_name(family: str, tmp_path: Path) -> None:
    folder = tiny(tmp_path / family, "llava")
    config = read_json(folder / "config.json")
    write_json(folder / "config.json", config | {"model_type": family, "architectures": None})
    with pytest.raises(ModelError, match="cannot be loaded") as error:
        LocalEngine(folder, device=CPU, dtype=torch.float32)
    assert f"of the family {family}" in error.value.why and "pocket-eyes" in error.value.fix


def test_more_blocks_than_the_vision_tower_has_are_refused_before_a_climb(engines: dict[str, LocalEngine]) -> None:
    demand_eyes([], engines["llava"], Tune(vision_blocks=1))
    with pytest.raises(UsageError, match="vision_blocks is 9"):
        demand_eyes([], engines["llava"], Tune(vision_blocks=9))
