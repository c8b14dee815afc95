"""The recipe of the pocket base: task generators, tokenizer, packing, and training with exact resume."""

import json
import random
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

SENTENCES = [
    "The brown fox was seen by Martha near the river.",
    "She took the lantern and went into the forest with Peter.",
    "Nobody knew why the bridge had fallen in the storm.",
    "A merchant from Harwick sold copper kettles to the sailors.",
    "They found the letter under the stone, said Martha to Peter.",
]


@pytest.fixture(scope="module")
def texts():
    chance = random.Random(1)
    return ["\n\n".join(" ".join(chance.sample(SENTENCES, 3)) for _ in range(4)) for _ in range(40)]


@pytest.fixture(scope="module")
def pools(texts):
    from recipes.pocket.tasks.source import Pool

    shown, hidden = Pool.of(texts, hidden=False), Pool.of(texts, hidden=True)
    hidden.words = hidden.words or ["kettle"]
    hidden.names = hidden.names or ["Harwick"]
    return shown, hidden


@pytest.fixture(scope="module")
def tokenizer(texts):
    from recipes.pocket.tokenizer import learn_tokenizer

    return learn_tokenizer(texts, merges=200, twin_count=2)


def all_families():
    from recipes.pocket.synthesize import LONG, MEDIUM, SHORT

    return tuple(dict.fromkeys(SHORT + MEDIUM + LONG))


def test_same_seed_same_tasks(pools):
    from recipes.pocket.tasks.source import Source

    for family in all_families():
        first, again = (Source(pools[0], "seed") for _ in range(2))
        assert [family(first) for _ in range(20)] == [family(again) for _ in range(20)]


def test_every_task_ends_with_a_nonempty_answer(pools):
    from recipes.pocket.tasks.source import Source

    for family in all_families():
        for hidden in (False, True):
            source = Source(pools[hidden], "answers", hidden)
            for size in (0.0, 0.5, 1.0):
                source.size = size
                for _ in range(15):
                    task = family(source)
                    roles = [role for role, _ in task.turns]
                    assert roles[-1] == "assistant" and task.turns[-1][1].strip(), (family.__name__, task)
                    assert "{" not in task.turns[0][1] or task.turns[0][0] == "user", task


def test_reading_answers_are_in_the_cited_passage(pools):
    from recipes.pocket.tasks import reading
    from recipes.pocket.tasks.source import Source

    source = Source(pools[0], "reading")
    for _ in range(100):
        for family in (reading.real, reading.invented):
            task = family(source)
            passages = next(content for role, content in task.turns if role == "user")
            answers = [content for role, content in task.turns if role == "assistant"]
            for answer in answers:
                if answer == "Not in the passages.":
                    continue
                text, number = answer.rsplit(" [", 1)
                passage = passages.split(f"\n[{number.rstrip(']')}] ", 1)[1].split("\n[")[0].split("\n</passages>")[0]
                assert text.lower() in passage.lower(), task  # a value at the start of its sentence is capitalised


def test_held_out_tasks_ask_one_question_and_training_tasks_several(pools):
    from recipes.pocket.tasks import labels, lookup, reading
    from recipes.pocket.tasks.source import Source

    for family in (reading.real, reading.invented, reading.plain, lookup.lookup, labels.overlap):
        asked = {}
        for hidden in (True, False):
            source = Source(pools[hidden], "rounds", hidden)
            asked[hidden] = {sum(role == "user" for role, _ in family(source).turns) for _ in range(40)}
        assert asked[True] == {1} and max(asked[False]) > 2, family.__name__


def test_questions_about_events_ask_for_a_part_of_the_statement(pools):
    from recipes.pocket.tasks.events import event
    from recipes.pocket.tasks.source import Source

    source = Source(pools[0], "events")
    for _ in range(200):
        told = event(source)
        assert told.value.lower() in told.statement.lower() and told.question.endswith("?"), told


def test_a_training_starts_from_an_exported_model_with_its_weights(tmp_path):
    import torch

    from gradschool.model.opening import POCKET
    from recipes.pocket.network import load_exported
    from recipes.pocket.settings import FURTHER, Training
    from recipes.pocket.streams import write_stream
    from recipes.pocket.train import Trainer

    data = tmp_path / "data"
    for name in ("text", "chat", "short", "medium", "long"):
        write_stream(data, name, [([1, 2, 3], [10, 10, 10])])
    trainer = Trainer(
        Training(shape=load_exported(POCKET).shape, stages=FURTHER), data, tmp_path / "run", compiled=False
    )
    trainer.begin_from(POCKET)
    expected = load_exported(POCKET).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in trainer.network.state_dict().items())
    assert trainer.progress.tokens == 0


def test_invented_words_of_training_and_evaluation_are_disjoint(pools):
    from recipes.pocket.tasks.source import Source

    shown, hidden = Source(pools[0], "words"), Source(pools[1], "words", hidden=True)
    assert not {shown.invented() for _ in range(500)} & {hidden.invented() for _ in range(500)}
    assert not set(pools[0].words) & set(pools[1].words) - {"kettle"}


def test_held_out_documents_are_disjoint_and_every_source_has_one():
    from recipes.pocket.corpus import Document, split

    documents = [Document(f"source{i % 3}", "story", f"text number {i}") for i in range(600)]
    shown, hidden = split(documents)
    assert len(shown) + len(hidden) == 600 and not {d.text for d in shown} & {d.text for d in hidden}
    assert {d.source for d in hidden} == {"source0", "source1", "source2"}
    assert split(documents) == (shown, hidden)


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=60))
def test_tokenization_round_trips(tokenizer, text):
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text


@settings(max_examples=60, deadline=None)
@given(word=st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=14))
def test_a_word_is_split_the_same_with_and_without_a_space(tokenizer, word):
    bare = tokenizer.encode(word, add_special_tokens=False).tokens
    spaced = tokenizer.encode(" " + word, add_special_tokens=False).tokens
    assert [t for t in "".join(spaced)] == ["Ġ", *"".join(bare)]
    assert spaced in (["Ġ" + bare[0], *bare[1:]], ["Ġ", *bare])


def test_the_tokenizer_loads_in_transformers_with_its_template(tokenizer, tmp_path):
    from transformers import AutoTokenizer

    from recipes.pocket.tokenizer import save_tokenizer

    save_tokenizer(tokenizer, tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    text = loaded.apply_chat_template([{"role": "user", "content": "Hi"}], add_generation_prompt=True, tokenize=False)
    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert loaded.eos_token == "<|im_end|>" and loaded("Hi").input_ids == tokenizer.encode("Hi").ids


def test_only_answers_carry_loss(tokenizer):
    from recipes.pocket.chat import answer_start, render

    ids, weights = render(tokenizer, (("user", "fox"), ("assistant", "river")), 0, 25)
    scored = [i for i, w in zip(ids, weights, strict=True) if w == 25]
    assert tokenizer.decode(scored, skip_special_tokens=False) == "river<|im_end|>"
    assert ids[answer_start(ids, tokenizer)] == scored[0]


def tiny(tmp_path, tokenizer, pools):
    from recipes.pocket.settings import Shape, Stage, Training
    from recipes.pocket.streams import write_stream
    from recipes.pocket.synthesize import SHORT, conversations, documents

    shape = Shape(vocabulary=1024, width=32, layers=2, heads=2, key_heads=1, inner=48)
    write_stream(tmp_path, "text", [([1, 5, 6, 7] * 100, [10] * 400)] * 3)
    write_stream(tmp_path, "short", documents(tokenizer, conversations(pools[0], "s", SHORT, (0, 0.2), 1), 5000, 200))
    stages = (Stage(0.5, 64, {"text": 0.5, "short": 0.5}), Stage(1.01, 128, {"short": 1.0}))
    return Training(shape=shape, stages=stages, batch_tokens=256, micro_tokens=128)


def test_documents_in_rows_are_complete(tmp_path, tokenizer, pools):
    from recipes.pocket.streams import Packer

    settings_ = tiny(tmp_path, tokenizer, pools)
    packer = Packer(tmp_path, ["text", "short"], 3)
    for _ in range(30):
        tokens, weights = packer.row(settings_.stages[1])
        assert len(tokens) == len(weights) == 129
        starts, ends = (tokens == 1).sum(), (tokens == 2).sum()
        assert ends <= starts


def test_resumed_training_equals_uninterrupted_training(tmp_path, tokenizer, pools):
    from recipes.pocket.train import Trainer

    settings_ = tiny(tmp_path, tokenizer, pools)
    through = Trainer(settings_, tmp_path, tmp_path / "a", compiled=False)
    losses = [p.loss for p in through.run(tokens=256 * 8)]
    first = Trainer(settings_, tmp_path, tmp_path / "b", compiled=False)
    halves = []
    for progress in first.run(tokens=256 * 8):
        halves.append(progress.loss)
        if progress.step == 4:
            break
    first.save()
    second = Trainer(settings_, tmp_path, tmp_path / "b", compiled=False)
    assert second.load()
    halves += [p.loss for p in second.run(tokens=256 * 8)]
    assert halves == losses
    for name, weight in through.network.state_dict().items():
        assert torch.equal(weight, second.network.state_dict()[name]), name


def test_the_network_is_transformers_llama(tmp_path, tokenizer, pools):
    from transformers import AutoModelForCausalLM

    from recipes.pocket.export import export
    from recipes.pocket.train import Trainer

    settings_ = tiny(tmp_path, tokenizer, pools)
    trainer = Trainer(settings_, tmp_path, tmp_path / "c", compiled=False)
    trainer.step(0.3)
    with torch.no_grad():
        for weight in trainer.network.parameters():
            weight.copy_(weight.bfloat16())
    trainer.save()
    (tmp_path / "tok").mkdir()
    tokenizer.save(str(tmp_path / "tok" / "tokenizer.json"))
    export(tmp_path / "c" / "last", tmp_path / "tok", tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32)
    tokens = torch.randint(3, 500, (2, 30))
    with torch.no_grad():
        ours = trainer.network(tokens) @ trainer.network.embed_tokens.weight.T
        theirs = model(tokens).logits
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    assert json.loads((tmp_path / "model" / "config.json").read_text())["model_type"] == "llama"
    with torch.no_grad():
        for weight in trainer.network.parameters():
            weight.add_(1)
    trainer.save()
    export(tmp_path / "c" / "last", tmp_path / "tok", tmp_path / "half", start=tmp_path / "model")
    half = AutoModelForCausalLM.from_pretrained(tmp_path / "half", dtype=torch.float32).state_dict()
    for name, weight in trainer.network.state_dict().items():  # weights moved by 1, and the mean is exported
        torch.testing.assert_close(half[f"model.{name}"], weight - 0.5, atol=0.01, rtol=0.01)


def test_the_n_gram_model_prefers_seen_sequences():
    import numpy as np

    from recipes.pocket.floor import KneserNey

    seen = np.array([1, 2, 3, 4, 5, 6] * 50, dtype=np.uint16)
    model = KneserNey(seen, vocabulary=16)
    assert model.loss([1, 2, 3, 4, 5, 6], 2) < model.loss([1, 2, 3, 6, 5, 4], 2)
    uniforms = [np.exp(-model.loss([1, 2, 3, 4, k], 4)) for k in range(16)]
    assert sum(uniforms) == pytest.approx(1.0, abs=1e-6)


def test_decisive_tokens_have_more_weight():
    from recipes.pocket.synthesize import ANSWERED, emphasise

    ids, weights = [4, 5, 6, 7, 8, 9, 10, 3], [0, *[ANSWERED] * 6, 0]
    assert emphasise(ids, weights, {9}) == [0, 70, 45, 30, ANSWERED, ANSWERED, 45, 0]


def test_the_first_shown_answer_has_no_loss_if_the_rules_are_not_given(pools, tokenizer):
    from recipes.pocket.synthesize import ANSWERED, encode
    from recipes.pocket.tasks.house import shown
    from recipes.pocket.tasks.source import Source

    source, seen = Source(pools[0], "houses"), set()
    for _ in range(40):
        task = shown(source)
        if task.family in seen:
            continue
        seen.add(task.family)
        _, weights = encode(tokenizer, task)
        answers = sum(before < ANSWERED <= weight for before, weight in pairwise(weights))
        told = sum(role == "assistant" for role, _ in task.turns)
        assert answers == (told if task.family == "house" else told - 1)
    assert seen == {"house", "house_shown"}


def test_the_card_marks_climbs_with_other_weights(tmp_path):
    from recipes.pocket.card import climbs_table

    score = {"mean": 0.5, "interval": {"low": 0.4, "high": 0.6}}
    results = [{"rung": "base", "report": {"metric": "exact", "score": score}}]
    for name, weights in (("snips", "these"), ("banking77", "others")):
        record = {"base": {"model.safetensors": weights}, "climbed": {"results": results}}
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    table = climbs_table(tmp_path, "these")
    assert "| snips | exact | 0.500 (0.400 to 0.600)" in table and "| banking77 \\* | exact |" in table
    assert table.endswith("\\* climbed with earlier weights.")
    (tmp_path / "banking77.json").unlink()
    assert "*" not in climbs_table(tmp_path, "these")
