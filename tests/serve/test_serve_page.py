"""docs/serve.md is correct: its samples run against a real server, its numbers come from the code."""

import contextlib
import inspect
import io
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

import made
from finish import finish
from gradschool.cli.serving import serve
from gradschool.model import llama_engine
from gradschool.model.memory import AT_ONCE
from gradschool.serve.app import make_app
from gradschool.serve.fields import UNSUPPORTED, WITHOUT_EFFECT
from gradschool.serve.loading import open_service
from gradschool.serve.request import MAX_STOPS, _ChatBody
from gradschool.serve.server import HEADER_SECONDS, KEY_ENV, MIN_KEY_LENGTH, running
from gradschool.serve.service import Limits, Service

PAGE = (Path(__file__).parents[2] / "docs" / "serve.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def first_cells(heading: str) -> list[str]:
    below = PAGE.partition(f"| {heading} |")[2]
    return [line.split("|")[1].strip() for line in re.match(r"[^\n]*\n[^\n]*\n((?:\|.*\n)+)", below)[1].splitlines()]  # type: ignore[index]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return finish(open_service([str(made.echo(tmp_path_factory.mktemp("page"), "contracts"))]))[0]


@pytest.fixture(scope="module")
def address(service: Service) -> Iterator[str]:
    with running(service) as address:
        yield address


@pytest.mark.skipif(shutil.which("curl") is None, reason="the sample needs curl, which is not installed")
def test_curl_sample_works(address: str) -> None:
    [line] = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("curl")]
    result = subprocess.run(shlex.split(line.replace(ADDRESS, address)), capture_output=True, text=True)
    assert '"content":"Payment is due within 14 days."' in result.stdout


def test_python_sample_works(address: str) -> None:
    code, tools = blocks("python")
    printed, names = io.StringIO(), dict[str, Any]()
    with contextlib.redirect_stdout(printed):
        exec(code.replace(ADDRESS, address), names)
        with pytest.raises(openai.BadRequestError, match="tools"):  # this base has none
            exec(tools, names)
    assert printed.getvalue() == "Payment is due within 14 days.\nPayment is due within 14 days."


def test_all_endpoints_are_documented(service: Service) -> None:
    documented = {cell.strip("`") for cell in first_cells("endpoint")}
    served = {
        f"{'POST' if 'POST' in route.methods else 'GET'} {route.path}"  # type: ignore[attr-defined]
        for route in make_app(service).routes
        if "{" not in route.path  # type: ignore[attr-defined]
    }
    assert documented == served


def test_all_fields_are_documented() -> None:
    documented = set(re.findall(r"`([\w.]+)`", " ".join(first_cells("field"))))
    assert documented == {*_ChatBody.model_fields, "stream_options.include_usage"} - {"model", "stream_options"}
    named = re.search(r"is not supported \(([^)]*), penalties, …\)", PAGE)
    assert named and {word.strip("`") for word in named[1].split(", ")} <= UNSUPPORTED.keys() - WITHOUT_EFFECT


def test_all_statuses_are_documented() -> None:
    documented = {int(number) for cell in first_cells("status") for number in cell.split(", ")}
    folder = Path(inspect.getfile(Service)).parent
    code = "\n".join(file.read_text(encoding="utf-8") for file in folder.glob("*.py"))
    assert documented == {int(number) for number in re.findall(r"HTTPError\(\s*(\d{3})", code)} - {500}


def test_options_have_the_defaults_of_the_command() -> None:
    parameters = inspect.signature(serve).parameters
    defaults = {f"--{name.replace('_', '-')}": parameter.default for name, parameter in parameters.items()}
    rows = re.findall(r"^\| `(--[\w-]+)` \| ([^|]+) \|", PAGE, re.MULTILINE)
    assert len(rows) == 5
    for option, documented in rows:
        assert documented.isdigit() is (defaults[option] is not None)
        assert not documented.isdigit() or float(documented) == defaults[option]
    limits = Limits()
    assert defaults["--max-waiting"] == limits.waiting and defaults["--max-body"] is None
    assert f"| {limits.body >> 20} MiB; {limits.seeing_body >> 20} MiB if" in PAGE
    assert defaults["--timeout"] == limits.seconds and defaults["--api-key-env"] == KEY_ENV


@pytest.mark.parametrize(
    "sentence",
    [
        f"Headers must arrive within {HEADER_SECONDS:g} seconds, a body within {Limits().body_seconds:g}.",
        f"gives running ones {Limits().grace:g} seconds",
        f"one stop string, or up to {MAX_STOPS}",
        f"up to {AT_ONCE}, as memory allows; for GGUF {llama_engine.AT_ONCE}",
        f"`--max-context` is at most {llama_engine.DEFAULT_CONTEXT} unless",
        f"{KEY_ENV}=a-long-key-of-{MIN_KEY_LENGTH}-characters-or-more",
    ],
)
def test_numbers_match_the_code(sentence: str) -> None:
    assert sentence in PAGE
