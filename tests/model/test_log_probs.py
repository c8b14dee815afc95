"""Log-probabilities in replies of servers: every usual form, and servers that have none."""

import json
import math
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradschool.errors import RemoteError
from gradschool.model.log_probs import likelihoods_in
from gradschool.model.remote import RemoteEngine
from gradschool.model.signals import LOWEST, MARGIN, MEAN, Likelihood, signals_of
from gradschool.records import Decoding, Message
from gradschool.settings import Remote
from model_server import server

Serve = Callable[[type[BaseHTTPRequestHandler]], str]
ASK = [(Message("user", "which?"),)]
QUICK = Remote(timeout=10, retries=0, concurrency=1)
ASKED = Decoding(log_probs=True)


def token(text: str, value: Any, other: float | None = None) -> dict[str, Any]:
    tops = [{"token": text, "logprob": value}, *([{"token": "?", "logprob": other}] if other is not None else [])]
    return {"token": text, "logprob": value, "top_logprobs": tops}


def reply(text: str, logprobs: Any) -> tuple[int, dict[str, str], bytes]:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", "logprobs": logprobs}
    return 200, {}, json.dumps({"choices": [choice]}).encode()


def test_signals_are_those_of_the_tokens() -> None:
    found = signals_of([Likelihood(-0.5, 1.0), Likelihood(-1.5, -0.25)])
    assert found == {MEAN: -1.0, LOWEST: -1.5, MARGIN: -0.25}
    assert signals_of([]) == {} and MARGIN not in signals_of([Likelihood(-1.0, None)])


def test_a_server_is_asked_for_them_only_if_they_are_needed(serve: Serve) -> None:
    calls: list[dict[str, Any]] = []
    content = {"content": [token("bl", -0.1, -3.0), token("ue", -0.3, -1.0)]}
    address = serve(server(lambda body, _: reply("blue", content if body.get("logprobs") else None), calls))
    [(_, plain)] = RemoteEngine(address, "small", QUICK).answer(ASK, Decoding())
    assert plain.signals == {} and "logprobs" not in calls[0]
    [(_, answer)] = RemoteEngine(address, "small", QUICK).answer(ASK, ASKED)
    assert answer.signals == {MEAN: -0.2, LOWEST: -0.3, MARGIN: pytest.approx(0.7)}
    assert calls[1]["logprobs"] is True and calls[1]["top_logprobs"] == 2


@pytest.mark.parametrize(
    "refusal",
    [
        (400, {}, b'{"error": {"message": "logprobs are not available for this model", "param": "logprobs"}}'),
        (422, {}, b'{"detail": [{"loc": ["body", "top_logprobs"], "msg": "extra fields not permitted"}]}'),
        reply("blue", None),
        reply("blue", {"content": []}),
        reply("blue", {"content": [{"token": "blue", "logprob": "high"}]}),
        reply("blue", "none"),
    ],
)
def test_a_server_without_them_is_refused_by_name(serve: Serve, refusal: Any) -> None:
    address = serve(server(lambda body, _: refusal, []))
    with pytest.raises(RemoteError, match="does not return the log-probabilities") as caught:
        list(RemoteEngine(address, "small", QUICK).answer(ASK, ASKED))
    assert "goal.min_answered" in caught.value.why and address in caught.value.what


def test_an_empty_answer_needs_none(serve: Serve) -> None:
    address = serve(server(lambda body, _: reply("", None), []))
    [(_, answer)] = RemoteEngine(address, "small", QUICK).answer(ASK, ASKED)
    assert answer.signals == {}


def test_tokens_of_reasoning_do_not_count(serve: Serve) -> None:
    tokens = [token("<think>", -9.0), token("hmm", -8.0), token("</think>", -7.0), token("blue", -0.5)]
    address = serve(server(lambda body, _: reply("<think>hmm</think>blue", {"content": tokens}), []))
    [(_, answer)] = RemoteEngine(address, "small", QUICK).answer(ASK, ASKED)
    assert answer.text == "blue" and answer.signals[MEAN] == -0.5


def test_the_lists_of_older_apis_are_read() -> None:
    old = {
        "tokens": ["bl", "ue"],
        "token_logprobs": [-0.1, -0.3],
        "top_logprobs": [{"bl": -0.1, "x": -2.1}, {"y": -1.3}],
    }
    found = likelihoods_in({"logprobs": old}, "blue")
    assert [round(one.margin or 0, 6) for one in found] == [2.0, 1.0]
    assert likelihoods_in({"logprobs": old | {"token_logprobs": [None, -0.3]}}, "blue") == []


def test_a_token_of_probability_zero_has_a_lowest_value() -> None:
    [found] = likelihoods_in({"logprobs": {"content": [token("blue", -math.inf)]}}, "blue")
    assert math.isfinite(found.log_prob)


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_an_integer_of_any_length_is_read_or_ignored(number: int) -> None:
    found = likelihoods_in({"logprobs": {"content": [token("blue", number)]}}, "blue")
    assert [one.log_prob for one in found] == ([] if number > 0 else [-1e4])


KEYS = ["content", "token", "logprob", "top_logprobs", "tokens", "token_logprobs"]
ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["content", "token", "logprob", "top_logprobs", "tokens", "token_logprobs"]), inner
        )
    ),
    max_leaves=12,
)


@given(ANY, st.text(max_size=8))
def test_whatever_a_server_sends_is_read_or_ignored(value: Any, answer: str) -> None:
    found = likelihoods_in({"logprobs": value}, answer)
    assert all(math.isfinite(one.log_prob) for one in found)
