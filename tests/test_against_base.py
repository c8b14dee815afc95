"""Rows that a base's chat template does not take are named and left out; the base is only blamed if it takes none."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tiny
from finish import finish
from gradschool.against_base import demand_eyes
from gradschool.errors import DataError, ModelError, UsageError
from gradschool.examine import examine
from gradschool.job import read_job
from gradschool.model.local import LocalEngine
from gradschool.model.seeing import why_blind
from gradschool.records import IMAGE, Decoding, Example, Image, Message, Note, Source
from gradschool.settings import Tune
from gradschool.workspace import open_job

NO_TOOLS = tiny.CHATML.replace("for m in messages", "for m in messages if m.role != 'tool'")
ODD = {
    "assistant first": [("assistant", "Welcome."), ("user", "Where is it?"), ("assistant", "On shelf 4.")],
    "tool": [("user", "Where is it?"), ("assistant", "I look."), ("tool", "4"), ("assistant", "On shelf 4.")],
}


def job_folder(tmp_path: Path, template: str, odd: list[tuple[str, str]], count: int = 30) -> Path:
    rows = [[("user", f"Where is book {number}?"), ("assistant", f"On shelf {number}.")] for number in range(count)]
    rows.insert(4, odd)
    text = [json.dumps({"messages": [{"role": role, "content": said} for role, said in row]}) for row in rows]
    (tmp_path / "books.jsonl").write_text("\n".join(text))
    tiny.save_model(tmp_path / "base", made=tiny.tokenizer(template, bos="<bos>"))
    (tmp_path / "job.toml").write_text(
        'task = "Say where."\nbase_model = "base"\n[data]\nexamples = "books.jsonl"\n[goal]\npass_mark = 0.5\n'
    )
    return tmp_path


@pytest.mark.parametrize(
    ("template", "kind"), [(tiny.GEMMA, "assistant first"), (tiny.GEMMA, "tool"), (NO_TOOLS, "tool")]
)
def test_check_and_climb_leave_out_the_same_row(tmp_path: Path, template: str, kind: str) -> None:
    folder = job_folder(tmp_path, template, ODD[kind])
    checked, _ = finish(examine(read_job(folder), 1))
    [dropped] = [issue for issue in checked.issues if issue.severity == "dropped"]
    assert (str(dropped.source), dropped.kind) == ("books.jsonl:5", "chat template") and "another base" in dropped.text
    opened, events = finish(open_job(read_job(folder)))
    data = opened.data
    assert data.split == checked.split and len([*data.train, *data.validation, *data.test]) == 30
    assert any(isinstance(event, Note) and "books.jsonl:5" in event.text for event in events)


def test_a_template_that_takes_nothing_is_blamed(tmp_path: Path) -> None:
    refusing = "{%- if messages[0].content | length > 12 -%}{{- raise_exception('too many') -}}{%- endif -%}"
    template = refusing + tiny.CHATML
    folder = job_folder(tmp_path, template, [("user", "Where is the other?"), ("assistant", "Here.")])
    with pytest.raises(ModelError, match="takes none of the 31 examples"):
        finish(open_job(read_job(folder)))


def test_rows_too_long_to_train_on_are_named_before_the_climb(tmp_path: Path) -> None:
    long = [("user", "Where is it? " * 6), ("assistant", "On shelf 4.")]
    folder = job_folder(tmp_path, tiny.CHATML, long)
    checked, _ = finish(examine(read_job(folder, {"tune.max_tokens": 90}), 1))
    assert [str(issue.source) for issue in checked.issues if issue.kind == "too long"] == ["books.jsonl:5"]
    with pytest.raises(DataError, match="No example is short enough"):
        finish(open_job(read_job(folder, {"tune.max_tokens": 16})))


def test_one_refused_question_does_not_stop_the_others(tmp_path: Path) -> None:
    engine = LocalEngine(tiny.save_model(tmp_path / "base", made=tiny.tokenizer(tiny.GEMMA, bos="<bos>")))
    questions = [(Message("assistant", "Hi"), Message("user", "a")), (Message("user", "b"),)]
    answers = dict(engine.answer(questions, Decoding(max_new_tokens=2)))
    assert answers[0].failure and "alternate" in answers[0].failure.reason and answers[1].failure is None


def test_ways_of_training_that_cannot_see_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Message("user", IMAGE, images=(Image("0" * 64),)), Message("assistant", "a cat")
    examples = [Example("1", asked, "1", Source("x", 1))]
    engine: Any = SimpleNamespace(chat=SimpleNamespace(eyes=object()), identity=None)
    demand_eyes(examples, engine, Tune())
    with pytest.raises(UsageError, match="all weights"):
        demand_eyes(examples, engine, Tune(method="full"))
    blind: Any = SimpleNamespace(chat=SimpleNamespace(eyes=None), identity=SimpleNamespace(name="small"))
    with pytest.raises(UsageError, match="the base small reads no images"):
        demand_eyes([], blind, Tune(vision_blocks=0))
    monkeypatch.setattr("gradschool.against_base.current", lambda: SimpleNamespace(size=2))
    with pytest.raises(UsageError, match="one process"):
        demand_eyes(examples, engine, Tune())


def test_a_base_without_eyes_is_refused_by_name_before_anything_is_left_out(tmp_path: Path) -> None:
    from PIL import Image as Picture

    Picture.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    folder = job_folder(tmp_path, tiny.CHATML, ODD["assistant first"])
    rows = [{"image": "a.png", "question": f"What is {n}?", "answer": f"shelf {n}"} for n in range(30)]
    (folder / "books.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(ModelError, match="have images, and the base base reads none") as error:
        finish(open_job(read_job(folder)))
    assert "books.jsonl:1" in error.value.why and "pocket-eyes" in error.value.fix
    assert "has no vision tower" in error.value.why


def test_families_whose_images_are_not_read_are_named() -> None:
    assert "experts" in why_blind("qwen3_vl_moe", True, "It") and "of their own" in why_blind("mllama", True, "It")
    assert "family newest" in why_blind("newest", True, "It")
