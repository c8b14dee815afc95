"""Leave the reasoning out of examples: specialists answer directly, so that it is neither trained on nor shown."""

from collections.abc import Sequence
from dataclasses import replace

from gradschool.data.issues import Issue, Severity
from gradschool.reasoning import Form, part
from gradschool.records import Example, Message

LEFT_OUT = "its reasoning is left out: a specialist answers directly"
UNCLEAR = (
    "has the end of reasoning without its beginning, so that it is unclear what the answer is; "
    "put <think> before the reasoning, or remove it"
)
AGAIN = (
    "has another end of reasoning after its reasoning, so that it is unclear where the answer begins; remove all "
    "reasoning, or rename the tags that belong to the answer"
)
TEXTS: dict[Form, tuple[Severity, str]] = {
    "closed": ("kept", LEFT_OUT),
    "unopened": ("kept", LEFT_OUT),
    "unclosed": ("dropped", "ends within its reasoning, so that there is no answer"),
    "inside": ("kept", "has a tag of reasoning after the beginning; it is kept as text of the answer"),
}


def leave_out_reasoning(examples: Sequence[Example], issues: list[Issue]) -> list[Example]:
    """The examples with the assistant's messages as they are without reasoning; every change is reported.

    A closing tag without an opening one is the end of reasoning if most answers have one, since some chat templates
    write the opening tag into the prompt. Otherwise it may be text of the answer, and the example is dropped.
    """
    found = [example for example in examples if example.messages and part(example.ideal).form == "unopened"]
    usual = 2 * len(found) > len(examples)
    return [_without(example, usual, issues) for example in examples]


def _without(example: Example, usual: bool, issues: list[Issue]) -> Example:
    messages: list[Message] = []
    again = False
    forms: dict[Form, bool] = {}  # with whether the ideal answer has it
    for number, message in enumerate(example.messages, 1):
        parted = part(message.content) if message.role == "assistant" else None
        if parted and parted.form != "none":
            forms[parted.form] = forms.get(parted.form, False) or number == len(example.messages)
            again = again or part(parted.answer).form == "unopened"
            message = replace(message, content=parted.answer)
        messages.append(message)
    for form, ideal in forms.items() if not again else ():
        severity, text = TEXTS[form]
        if form == "unopened" and not usual:
            severity, text = "dropped", UNCLEAR
        elif form == "unclosed" and not ideal:
            severity, text = "kept", "an earlier answer ends within its reasoning, and is left empty"
        issues.append(Issue("reasoning", example.source, severity, text, example.id))
    if again:
        issues.append(Issue("reasoning", example.source, "dropped", AGAIN, example.id))
    return replace(example, messages=tuple(messages)) if forms else example
