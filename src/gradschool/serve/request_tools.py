"""`tools` and `tool_choice` of OpenAI's API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gradschool.model.tool_turns import Tool
from gradschool.serve.http_errors import invalid

MAX_TOOLS = 128
NAME = r"^[a-zA-Z0-9_.-]{1,64}$"
NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}
CHOICES = "must be none, auto, required, or a function by its name, such as {...}".replace(
    "{...}", '{"type": "function", "function": {"name": "…"}}'
)


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools that an answer may call, or must: `required` any of them, `named` one. `parallel`: several at once."""

    tools: tuple[Tool, ...]
    required: bool = False
    named: str = ""
    parallel: bool = True

    @property
    def demanded(self) -> bool:
        """Whether the answer has to be a call."""
        return self.required or bool(self.named)

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """The JSON schemas of the arguments, by name, of those that may be called."""
        functions = [tool["function"] for tool in self.tools]
        return {
            one["name"]: one.get("parameters") or NO_ARGUMENTS
            for one in functions
            if not self.named or one["name"] == self.named
        }


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Function(_Strict):
    name: Annotated[str, Field(pattern=NAME)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class OfferedTool(_Strict):
    """One tool of a request."""

    type: Literal["function"]
    function: _Function

    def plain(self) -> Tool:
        """As chat templates take it."""
        function = self.function.model_dump(exclude_none=True, exclude={"strict"})
        return {"type": "function", "function": {"parameters": NO_ARGUMENTS, **function}}


def tools_of(offered: tuple[OfferedTool, ...], choice: Any, parallel: bool) -> Tools | None:
    """The tools of a request; None if there are none, or none may be called. Raises HTTPError."""
    names = [tool.function.name for tool in offered]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise invalid("tools", f"two tools are called {twice!r}; give one another name")
    named = _named(choice)
    if not offered and (named or choice == "required"):
        raise invalid("tool_choice", "there are no tools to call; send them as tools, or leave out tool_choice")
    if named and named not in names:
        raise invalid("tool_choice", f"no tool is called {named[:80]!r}; name one of {', '.join(names)[:400]}")
    if not offered or choice == "none":
        return None
    return Tools(tuple(tool.plain() for tool in offered), choice == "required", named, parallel)


def _named(choice: Any) -> str:
    """The name of the tool that a choice demands; empty for none. Raises HTTPError for what is no choice."""
    if choice in (None, "none", "auto", "required"):
        return ""
    function = choice.get("function") if isinstance(choice, Mapping) and choice.get("type") == "function" else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(name, str) or not name:
        raise invalid("tool_choice", CHOICES)
    return name
