"""Recognize names of Ollama models, which are not bases: they can only be used through Ollama's server."""

import re

ADDRESS = "http://localhost:11434/v1"
PREFIXED = re.compile(
    r"(?:ollama(?:_chat)?(?:://|[/:])|(?:https?://)?(?:www\.)?ollama\.com/library/)([\w.:/-]+)", re.IGNORECASE
)
TAGGED = re.compile(r"(?:[\w.-]+/){0,2}[\w.-]+:(?=\S*[A-Za-z])[\w.-]+")  # digits alone would be the port of an address


def ollama_name(base: str) -> str:
    """The model of Ollama that a name can only mean, by its tag ("qwen3:8b") or its prefix; empty if there is none."""
    if prefixed := PREFIXED.fullmatch(base):
        return prefixed[1]
    return base if TAGGED.fullmatch(base) else ""


def ollama_route(model: str) -> str:
    """What to do to use a model of Ollama as a base."""
    return (
        f'for a model of Ollama, set base_model = "{ADDRESS}" and model = "{model}" '
        f"(--base-model {ADDRESS} --model {model}), after `ollama pull {model}`. It answers; it cannot be tuned"
    )
