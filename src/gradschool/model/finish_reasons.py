"""Why an answer ended, in the words of any server: by itself, at its length limit, or because something stopped it."""

from typing import Any, Literal

Stop = Literal["stop", "length"]
# Why answers end, in the words of servers: at the length limit, at their own end, and before it.
LENGTH_REASONS = (
    *(
        "length",
        "incomplete",
        "max_tokens",
        "max_output_tokens",
        "max_completion_tokens",
        "max_new_tokens",
        "max_length",
    ),
    *("model_length", "model_context_window_exceeded", "context_length", "token_limit", "limit"),
)
END_REASONS = (
    *("", "stop", "eos", "eos_token", "end_turn", "end_of_turn", "end", "stop_sequence", "stop_token", "complete"),
    *("completed", "finished", "done", "null", "none"),
)
BROKEN_REASONS = (
    *("error", "abort", "aborted", "cancelled", "canceled", "cancel", "timeout", "insufficient_system_resource"),
    "failed",
)


def stop_of(finish: Any) -> Stop:
    """Whether an answer ended by itself or at its length limit, by a finish reason in any server's words."""
    return "length" if _reason(finish) in LENGTH_REASONS else "stop"


def broken_off(finish: Any) -> str:
    """What happened if a finish reason says that the server did not complete an answer; empty otherwise."""
    return f"it broke the answer off (finish_reason {str(finish)!r})" if _reason(finish) in BROKEN_REASONS else ""


def withheld_by(finish: Any) -> str:
    """Why there is no answer, by the finish reason of one without text; empty if the model just said nothing."""
    reason = _reason(finish)
    if reason in ("content_filter", "safety", "blocklist", "prohibited_content", "recitation", "sensitive"):
        return "The server's content filter withheld the answer."
    if reason in ("tool_calls", "tool_call", "function_call", "tool_use"):
        return "The model calls a tool in place of an answer."
    if reason in (*END_REASONS, *LENGTH_REASONS):
        return ""
    return f"The server ends the answer before it begins (finish_reason {str(finish)[:60]!r})."


def refused_with(text: str) -> str:
    """Why there is no answer if the model refuses in a field of its own."""
    return f"The model refuses: {' '.join(text.split())[:300]}"


def _reason(finish: Any) -> str:
    return str(finish or "").casefold().replace("-", "_").replace(" ", "_").removeprefix("finish_reason_")
