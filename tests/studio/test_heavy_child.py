"""What the child for heavy work replies, in this process: results, comparisons, tokens."""

from typing import TYPE_CHECKING, Any

from gradschool.studio.heavy_child import answer

if TYPE_CHECKING:
    from small_job import Whole


def ask(what: str, **request: Any) -> list[dict[str, Any]]:
    return list(answer({"what": what, **request}, b""))


def test_the_result_has_every_test_question_with_the_answers_of_all_rungs(whole: "Whole") -> None:
    first, *questions = ask("result", run=str(whole.run))
    assert len(questions) == 14 and first["rungs"] == ["base", "prompt", "ground", "tune"] and first["sentence"]
    assert {len(question["answers"]) for question in questions} == {4}
    chosen = [one["value"] for question in questions for one in question["answers"] if one["rung"] == first["chosen"]]
    assert chosen == sorted(chosen)  # the lowest first


def test_a_run_compared_with_itself_does_not_differ(whole: "Whole") -> None:
    [found] = ask("compare", first=str(whole.run), second=str(whole.run))
    assert found["settings"] == {} and found["difference"]["mean"] == 0 and found["same"] == found["common"] == 14


def test_tokens_show_what_is_trained_on(whole: "Whole") -> None:
    messages = [{"role": "user", "content": "Two lamps?"}, {"role": "assistant", "content": "lamps, two"}]
    [found] = ask("tokens", job=str(whole.job), messages=messages)
    trained = "".join(text for text, is_trained in found["segments"] if is_trained)
    assert trained.startswith("lamps, two") and 0 < found["trained"] < found["tokens"]


def test_errors_are_replies(tmp_path: "Any") -> None:
    [found] = ask("result", run=str(tmp_path))
    assert "is not a run" in found["error"]["what"] and found["error"]["fix"]


def test_a_talk_is_answered_part_by_part(whole: "Whole") -> None:
    question = [{"role": "user", "content": "Two lamps to Dover?"}]
    conversations = {"specialist": question, "base": question}
    replies = ask("talk", specialist=str(whole.specialist), conversations=conversations)
    for who in ("specialist", "base"):
        said = [reply for reply in replies if reply.get("who") == who]
        assert "".join(reply.get("part", "") for reply in said).strip() == said[-1]["text"].strip()
