"""Conversations in one text: turns that tokens of a chat template or words mark are turns, never literal text."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.data.chat_markup import asked_in, is_transcript, markup_of, without_end

TALK = [("user", "Is the mill old?"), ("assistant", "It is 90 years old."), ("user", "And the barn?")]
Q, A, ASKED = (text for _, text in TALK)
ANSWER = "The barn is new."
# A conversation up to a user's turn, and with the turn of the assistant opened.
PROMPTS = {
    "HelpSteer": f"{Q}\n<extra_id_1>Assistant\n{A}\n<extra_id_1>User\n{ASKED}",
    "HelpSteer without lines": f"{Q}<extra_id_1>Assistant\n{A}<extra_id_1>User\n{ASKED}",
    "SteerLM": f"<extra_id_1>User\n{Q}\n<extra_id_1>Assistant\n<extra_id_2>quality:4\n{A}\n<extra_id_1>User\n{ASKED}\n"
    "<extra_id_1>Assistant\n",
    "ChatML": f"<|im_start|>user\n{Q}<|im_end|>\n<|im_start|>assistant\n{A}<|im_end|>\n<|im_start|>user\n{ASKED}"
    "<|im_end|>\n",
    "ChatML, open": f"<|im_start|>user\n{Q}<|im_end|>\n<|im_start|>assistant\n{A}<|im_end|>\n<|im_start|>user\n{ASKED}"
    "<|im_end|>\n<|im_start|>assistant\n",
    "Llama 2": f"<s>[INST] {Q} [/INST] {A} </s><s>[INST] {ASKED} [/INST]",
    "Llama 3": f"<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{Q}<|eot_id|><|start_header_id|>assistant"
    f"<|end_header_id|>\n\n{A}<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n{ASKED}<|eot_id|>",
    "Gemma": f"<bos><start_of_turn>user\n{Q}<end_of_turn>\n<start_of_turn>model\n{A}<end_of_turn>\n<start_of_turn>"
    f"user\n{ASKED}<end_of_turn>\n<start_of_turn>model\n",
    "Zephyr": f"<|user|>\n{Q}</s>\n<|assistant|>\n{A}</s>\n<|user|>\n{ASKED}</s>\n<|assistant|>\n",
    "Open Assistant": f"<|prompter|>{Q}<|endoftext|><|assistant|>{A}<|endoftext|>"
    f"<|prompter|>{ASKED}<|endoftext|><|assistant|>",
    "DeepSeek": f"<｜begin▁of▁sentence｜><｜User｜>{Q}<｜Assistant｜>{A}<｜end▁of▁sentence｜>"
    f"<｜User｜>{ASKED}<｜Assistant｜>",
    "Command R": f"<|START_OF_TURN_TOKEN|><|USER_TOKEN|>{Q}<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|>"
    f"<|CHATBOT_TOKEN|>{A}<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>{ASKED}<|END_OF_TURN_TOKEN|>",
    "gpt-oss": f"<|start|>user<|message|>{Q}<|end|><|start|>assistant<|channel|>analysis<|message|>hm<|end|><|start|>"
    f"assistant<|channel|>final<|message|>{A}<|end|><|start|>user<|message|>{ASKED}<|end|><|start|>assistant",
    "HH": f"\n\nHuman: {Q}\n\nAssistant: {A}\n\nHuman: {ASKED}\n\nAssistant:",
    "words": f"Human: {Q}\n\nAssistant: {A}\n\nHuman: {ASKED}",
    "headings": f"### Human: {Q}\n### Assistant: {A}\n### Human: {ASKED}\n### Assistant:",
    "bot": f"User: {Q}\nBot: {A}\nUser: {ASKED}\nBot:",
    "Vicuna": f"USER: {Q} ASSISTANT: {A}</s>USER: {ASKED} ASSISTANT:",
}


@pytest.mark.parametrize("form", PROMPTS)
def test_a_prompt_with_marked_turns_is_a_conversation(read, form):
    for row in ({"prompt": PROMPTS[form], "response": ANSWER}, {"prompt": PROMPTS[form], "completion": ANSWER}):
        (example,) = read(json.dumps(row)).examples
        assert [(message.role, message.content) for message in example.messages] == [*TALK, ("assistant", ANSWER)]


@pytest.mark.parametrize("form", PROMPTS)
def test_a_text_with_marked_turns_is_a_conversation(read, form):
    text = PROMPTS[form].rstrip()
    closing = {"HelpSteer": "\n<extra_id_1>Assistant\n", "HelpSteer without lines": "<extra_id_1>Assistant\n"}
    closing |= {"ChatML": "<|im_start|>assistant\n", "words": "\n\nAssistant: "}
    closing |= {"Llama 3": "<|start_header_id|>assistant<|end_header_id|>\n\n"}
    closing |= {"Command R": "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>", "gpt-oss": "<|channel|>final<|message|>"}
    whole = text + closing.get(form, "\n" if form not in ("HH", "headings", "bot", "Vicuna") else " ") + ANSWER
    (example,) = read(json.dumps({"text": whole, "n": 1})).examples
    assert [(message.role, message.content) for message in example.messages] == [*TALK, ("assistant", ANSWER)]


@pytest.mark.parametrize(
    "text",
    [
        f"<s>[INST] <<SYS>>\nBe exact.\n<</SYS>>\n\n{Q} [/INST]",
        f"<|im_start|>system\nBe exact.<|im_end|>\n<|im_start|>user\n{Q}",
        f"<extra_id_0>System\nBe exact.\n\n<extra_id_1>User\n{Q}\n",
        f"Be exact. USER: {Q} ASSISTANT:",
        f"<|system|>\nBe exact.<|end|>\n<|user|>\n{Q}<|end|>\n<|assistant|>",
    ],
)
def test_what_a_template_says_first_is_the_system_message(text: str) -> None:
    found = markup_of(text)
    assert found and [(turn.role, turn.content) for turn in found.turns[:2]] == [("system", "Be exact."), ("user", Q)]


def test_a_text_that_begins_with_a_bracket_is_no_json(read):
    for key in ("text", "conversation", "messages"):
        (example,) = read(json.dumps({key: f"[INST] {Q} [/INST] {A}</s>"})).examples
        assert [message.content for message in example.messages] == [Q, A]


def test_an_instruction_with_its_input_is_one_turn(read):
    text = "Below is a task.\n\n### Instruction:\nSay it.\n\n### Input:\nThe mill\n\n### Response:\nThe mill is old."
    (example,) = read(json.dumps({"text": text})).examples
    assert [message.content for message in example.messages] == [
        "Below is a task.",
        "Say it.\n\nThe mill",
        "The mill is old.",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        f"{ANSWER}<|im_end|>",
        f"<|im_start|>assistant\n{ANSWER}<|im_end|>\n",
        f"{ANSWER}</s>",
        f"{ANSWER}<|eot_id|>",
        f"<extra_id_1>Assistant\n{ANSWER}",
        f"{ANSWER}<end_of_turn>\n<eos>",
    ],
)
def test_tokens_around_an_answer_are_left_out_with_a_remark(read, answer):
    reading = read(json.dumps({"prompt": Q, "completion": answer}))
    assert [message.content for message in reading.examples[0].messages] == [Q, ANSWER]
    assert [issue.kind for issue in reading.issues] == ["structured input"]


def test_a_remark_says_how_many_rows_had_marks(read):
    rows = [{"prompt": f"{n} {PROMPTS['HelpSteer']}", "response": ANSWER} for n in range(3)]
    (issue,) = read("\n".join(map(json.dumps, rows))).issues
    assert "<extra_id_1>Assistant" in issue.text and "(3 rows)" in issue.text


def test_a_preferred_answer_with_its_conversation_is_read(read):
    chosen, rejected = (f"{PROMPTS['ChatML, open']}{text}<|im_end|>" for text in (ANSWER, "No."))
    (example,) = read(json.dumps({"chosen": chosen, "rejected": rejected})).examples
    assert [(message.role, message.content) for message in example.messages] == [*TALK, ("assistant", ANSWER)]


@pytest.mark.parametrize(
    "text",
    [
        "What does <|im_end|> mean?",
        "Explain [INST] to me.",
        "Why is <s>this</s> struck out?",
        "User: admin\nPassword: x",
        "Note: the mill is old.\nAnswer: yes",
        "Sum it up:\n\nUser: hi\nAssistant: hello\nUser: bye",
        "Human: who are you?",
        "Which tag is <start_of_turn>user for?",
        "a <|user|> b",
        "Human rights: what are they?",
    ],
)
def test_a_question_that_speaks_of_marks_is_a_question(read, text):
    (example,) = read(json.dumps({"prompt": text, "completion": ANSWER})).examples
    assert example.last_user == text and len(example.messages) == 2


def test_a_conversation_that_is_not_to_be_continued_is_text_without_marks(read):
    rows = [{"text": f"<|im_start|>user\n{Q}<|im_end|>\n<|im_start|>assistant\n{A}<|im_end|>", "label": "mill"}] * 2
    example = read("\n".join(map(json.dumps, rows))).examples[0]
    assert [message.content for message in example.messages] == [f"User: {Q}\n\nAssistant: {A}", "mill"]
    row = {"instruction": "Sum it up.", "input": PROMPTS["ChatML"], "output": "A mill and a barn."}
    (example,) = read(json.dumps(row)).examples
    assert example.last_user == f"Sum it up.\n\nUser: {Q}\n\nAssistant: {A}\n\nUser: {ASKED}"
    talk = f"User: {Q}\nAssistant: {A}\nUser: {ASKED}"
    (example,) = read(json.dumps({"dialogue": talk, "summary": "About a mill."})).examples
    assert example.last_user == talk


PIECES = st.sampled_from(
    [
        "<|im_start|>",
        "user\n",
        "assistant\n",
        "<|im_end|>",
        "[INST]",
        "[/INST]",
        "<<SYS>>",
        "<</SYS>>",
        "</s>",
        "<s>",
        "Human:",
        "\n\nAssistant: ",
        "<extra_id_1>",
        "User\n",
        "### Response:\n",
        "USER: ",
        "x",
        "<|",
        "|>",
        "<|start|>",
        "<|message|>",
        "tool\n",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES | st.text(max_size=3), max_size=16))
def test_any_text_can_be_read(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert is_transcript(text) in (True, False) and isinstance(without_end(text), str)
    assert isinstance(asked_in(text, asked=True), list | None)
