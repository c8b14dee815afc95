"""An answer of llama.cpp in its own protocol: no character is lost where one takes several tokens."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from finish import finish
from gradschool.errors import RemoteError
from gradschool.export.gguf import About, write_gguf
from gradschool.export.template import standalone_template
from gradschool.model.llama_engine import LlamaEngine
from gradschool.model.local import LocalEngine
from gradschool.model.opening import POCKET
from gradschool.model.streamed import StreamError
from gradschool.records import Message
from gradschool.serve.llama_exchange import LlamaExchange

TEXT = "日本語 🙂🙂 é – “you” abc"


def line(**event: object) -> str:
    return f"data: {json.dumps(event)}"


def scored(text: str) -> dict[str, object]:
    return {"token": text, "logprob": -0.5, "bytes": list(text.encode()), "top_logprobs": []}


def test_text_and_tokens_of_events_are_kept_in_order() -> None:
    exchange = LlamaExchange({"prompt": [1]}, top=0)
    said = [exchange.add(line(content=text, completion_probabilities=[scored(text)])) for text in "a日🙂"]
    assert "".join(said) == "a日🙂"
    assert b"".join(token.raw for token in exchange.tokens()).decode() == "a日🙂" and exchange.tokens() == ()
    exchange.add(line(content="", stop=True, stop_type="limit", tokens_evaluated=3, tokens_predicted=8))
    assert exchange.end() == ("", None) and exchange.finished().stop == "length"


def test_an_answer_that_ends_early_or_cannot_be_read_is_an_error() -> None:
    exchange = LlamaExchange({"prompt": [1]}, top=1)
    with pytest.raises(RemoteError, match="ended early"):
        exchange.end()
    with pytest.raises(StreamError):
        exchange.add(line(content="a", completion_probabilities=[{"bytes": [300]}]))


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaEngine]:
    pytest.importorskip("xllamacpp")
    engine, file = LocalEngine(POCKET, name="pocket"), Path(tmp_path_factory.mktemp("gguf")) / "pocket.gguf"
    assert len(engine.chat.text_ids(TEXT)) > len(TEXT)  # some of its characters take several tokens
    finish(write_gguf(engine.network, engine.chat, standalone_template(engine.chat), file, "f32", About("p", "p")))
    served = LlamaEngine(file, 1, 256)
    yield served
    served.close()


@pytest.mark.parametrize("top", [None, 0, 3])
def test_llama_cpp_streams_every_character(top: int | None, llama: LlamaEngine) -> None:
    """It reports fewer tokens than it writes: of a character of several tokens, the last one, with all its bytes."""
    prompt = llama.prompt_ids((Message("user", "Hi"),))
    exchange = LlamaExchange(
        {"prompt": prompt, "grammar": f'root ::= "{TEXT}"', "n_predict": 60, "temperature": 0}, top
    )
    headers = {"Authorization": f"Bearer {llama.key}"}
    with httpx.stream("POST", f"{llama.server.address}/{exchange.path}", json=exchange.body, headers=headers) as reply:
        assert "".join(exchange.add(one) for one in reply.iter_lines()) == TEXT
    tokens = exchange.tokens()
    assert b"".join(token.raw for token in tokens).decode() == (TEXT if top is not None else "")
    assert exchange.finished().new_tokens > len(tokens)
