"""Recognize names of Ollama models, and say how each can be used as a base."""

import re

ADDRESS = "http://localhost:11434/v1"
PREFIXED = re.compile(
    r"(?:ollama(?:_chat)?(?:://|[/:])|(?:https?://)?(?:www\.)?ollama\.com/library/)([\w.:/-]+)", re.IGNORECASE
)
TAGGED = re.compile(r"(?:[\w.-]+/){0,2}[\w.-]+:(?=\S*[A-Za-z])[\w.-]+")  # digits alone would be the port of an address


def stored_name(base: str) -> str:
    """The model in Ollama's store that a name means by its prefix ("ollama:qwen3:8b"); empty if it has none."""
    prefixed = PREFIXED.fullmatch(base)
    return prefixed[1] if prefixed else ""


def ollama_name(base: str) -> str:
    """The model of Ollama that a name can only mean, by its tag ("qwen3:8b") or its prefix; empty if there is none."""
    return stored_name(base) or (base if TAGGED.fullmatch(base) else "")


def ollama_route(model: str) -> str:
    """What to do to use a model of Ollama as a base."""
    return (
        f'for a model of Ollama on this machine, set base_model = "ollama:{model}" (--base-model ollama:{model}), '
        f"after `ollama pull {model}`; for one on another machine, {ollama_server(model)}"
    )


def ollama_server(model: str) -> str:
    """How to use a model through Ollama's server."""
    return (
        f'set base_model = "{ADDRESS}", with the name of that machine, and model = "{model}" '
        f"(--base-model {ADDRESS} --model {model}): it answers, and cannot be tuned"
    )
