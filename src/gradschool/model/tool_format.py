"""How a base writes calls of tools, which is found by rendering one with its chat template.

So no model family needs code of its own: `<tool_call>{...}</tool_call>` of Hermes and Qwen, the plain JSON of Llama 3,
`[TOOL_CALLS] [{...}]` and `[TOOL_CALLS]name[ARGS]{...}` of Mistral, and what others write around the JSON of a call.
transformers parses answers too, by a `response_template` of regular expressions that a base has or not; those of others
may take any time.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from gradschool.errors import ModelError
from gradschool.model.tool_turns import Calling, Tool, ToolCall
from gradschool.records import Conversation, Message

NAME, KEY, VALUE = "PROBETOOL", "probekey", "probevalue"
PROBE_ID = "probe0001"  # Mistral's templates take ids of nine letters and digits only
PROBE: Tool = {
    "type": "function",
    "function": {
        "name": NAME,
        "description": "A tool.",
        "parameters": {"type": "object", "properties": {KEY: {"type": "string"}}, "required": [KEY]},
    },
}
INSTEAD = "leave out tools, or use another base_model."


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """What an answer with a call is: `opening`, the JSON of the call, `closing`.

    If `named`, the name is written before the JSON, `after_name` between them, and the JSON is that of the arguments
    alone. Else it has the keys `name` and `arguments`. If it is `bare`, the template does not write before a call what
    it writes before other answers, such as a space.
    """

    opening: str
    closing: str
    named: bool = False
    after_name: str = ""
    arguments: str = "arguments"
    bare: bool = False

    @property
    def marker(self) -> str:
        """The text with which calls begin, however it is spaced; empty if a call begins with its JSON."""
        return self.opening.strip().removesuffix("[").rstrip()

    @property
    def markup(self) -> str:
        """All text around a call."""
        return f"{self.opening} {self.after_name} {self.closing}"

    def begin(self, name: str) -> str:
        """The beginning of an answer that calls a tool, up to the JSON."""
        return f"{self.opening}{name}{self.after_name}" if self.named else self.opening

    def schema(self, tools: dict[str, Any]) -> dict[str, Any]:
        """A JSON schema of the JSON of a call of one of these tools, given by name with the schemas of arguments."""
        if self.named:
            [parameters] = tools.values()
            return dict(parameters)
        defined = {f"arguments{number}": one for number, one in enumerate(tools.values())}
        calls = [
            {
                "type": "object",
                "properties": {"name": {"const": name}, self.arguments: {"$ref": f"#/$defs/{place}"}},
                "required": ["name", self.arguments],
                "additionalProperties": False,
            }
            for name, place in zip(tools, defined, strict=True)
        ]
        within = {place: _moved(schema, f"#/$defs/{place}") for place, schema in defined.items()}
        return {"$defs": within} | (calls[0] if len(calls) == 1 else {"anyOf": calls})


def _moved(schema: Any, place: str) -> Any:
    """A schema whose references to its own parts still find them when it is at a place in another schema."""
    if isinstance(schema, list):
        return [_moved(part, place) for part in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {key: _moved(part, place) for key, part in schema.items()}
    own = schema.get("$ref")
    return moved | ({"$ref": place + own[1:]} if isinstance(own, str) and own.startswith("#") else {})


class Rendering(Protocol):
    """What renders conversations: a Chat."""

    def prompt_text(self, question: Conversation, tools: Sequence[Tool] = (), header: str | None = None) -> str:
        """The text of a conversation up to the start of the answer."""
        ...

    def whole_text(self, conversation: Conversation, tools: Sequence[Tool] = ()) -> str:
        """The text of a conversation that ends with an answer."""
        ...


def read_format(chat: Rendering) -> ToolFormat:
    """How the base of a chat template writes calls; raises ModelError if its template has no tools."""
    question = (Message("user", "Hello"),)
    calling = Calling("assistant", "", (ToolCall(NAME, json.dumps({KEY: VALUE}), PROBE_ID),))
    try:
        prompt, bare = chat.prompt_text(question, [PROBE]), chat.prompt_text(question, [PROBE], "")
        shown = NAME in prompt
        full = chat.whole_text((*question, calling), [PROBE]) if shown else ""
    except ModelError as error:
        why = f"{error.what} {error.why}"
        raise ModelError("The base's chat template does not take tools.", why, INSTEAD) from error
    if not shown:
        raise ModelError("The base's chat template has no tools.", "It leaves out those that it is given.", INSTEAD)
    start = next((text for text in (prompt, bare) if full.startswith(text) and NAME in full[len(text) :]), None)
    if start is None:
        raise _unreadable()
    return replace(_format_in(full[len(start) :]), bare=start != prompt)


def _format_in(answer: str) -> ToolFormat:
    """The format of an answer that calls the probe, with the end of its turn."""
    begin, decoder = answer.index(NAME), json.JSONDecoder()
    for start in (place for place, character in enumerate(answer) if character == "{"):
        try:
            value, end = decoder.raw_decode(answer, start)
        except ValueError:
            continue
        rest = answer[end:]
        if value == {KEY: VALUE} and begin < start:
            return ToolFormat(answer[:begin], rest, True, answer[begin + len(NAME) : start])
        if isinstance(value, dict) and value.get("name") == NAME:
            for key, item in value.items():
                if item == {KEY: VALUE} or item == json.dumps({KEY: VALUE}):
                    return ToolFormat(answer[:start], rest, arguments=key)
    raise _unreadable()


def _unreadable() -> ModelError:
    return ModelError(
        "The calls of tools of this base cannot be read.", "Its chat template does not write them as JSON.", INSTEAD
    )
