"""The command that serves specialists to other programs, over OpenAI's protocol."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from gradschool import errors
from gradschool.cli.app import BaseOption, command, err, out


@command
def serve(
    specialists: Annotated[
        list[str],
        typer.Argument(
            metavar="SPECIALIST", help="folders of specialists, each as FOLDER or, under another name, NAME=FOLDER"
        ),
    ],
    host: Annotated[
        str, typer.Option(help="address to listen on; one that others can reach wants a key")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="port; 0 takes a free one")] = 8000,
    api_key_env: Annotated[
        str, typer.Option("--api-key-env", help="environment variable that holds the API key")
    ] = "GRADSCHOOL_API_KEY",
    api_key_file: Annotated[Path | None, typer.Option("--api-key-file", help="file that holds the API key")] = None,
    at_once: Annotated[
        int | None,
        typer.Option(
            "--at-once",
            min=1,
            help="requests answered together over each base; default: 64, as memory bears, and 4 by llama.cpp",
        ),
    ] = None,
    max_waiting: Annotated[
        int, typer.Option("--max-waiting", min=0, help="requests that may wait for a place; further ones get 503")
    ] = 256,
    max_context: Annotated[
        int | None,
        typer.Option("--max-context", min=2, help="most tokens of a question with its answer; default: the base's"),
    ] = None,
    max_body: Annotated[int, typer.Option("--max-body", min=1, help="largest request (bytes)")] = 1 << 20,
    timeout: Annotated[float, typer.Option("--timeout", min=0.001, help="longest time for one answer (seconds)")] = 300,
    base: BaseOption = None,
    runtime: Annotated[
        Literal["local", "llama.cpp"] | None,
        typer.Option("--runtime", help="what answers; default: llama.cpp where --gguf is given, else local"),
    ] = None,
    gguf: Annotated[
        Path | None, typer.Option("--gguf", help="GGUF file of the specialist, as `gradschool export` makes it")
    ] = None,
) -> None:
    """Serve specialists to other programs, as OpenAI's API does; on this machine alone unless told otherwise."""
    from gradschool.cli.screen import Screen
    from gradschool.serve.loading import open_gguf, open_service
    from gradschool.serve.server import Server, bind, read_key, url
    from gradschool.serve.service import Limits

    check_runtime(specialists, runtime, gguf, base)
    key = read_key(api_key_env, api_key_file)
    with bind(host, port, key) as listening:
        limits = Limits(body=max_body, seconds=timeout, waiting=max_waiting)
        with Screen(err) as screen:
            service = screen.follow(
                open_gguf(specialists[0], gguf, at_once, max_context, limits)
                if gguf
                else open_service(specialists, base, at_once, max_context, limits)
            )
        where = url(listening)
        lines = [f"Serving at [bold]{where}/v1[/] (Ctrl-C ends it)"]
        for name, served in service.served.items():
            verdict = f"{served.verdict}, " if served.verdict else ""
            lines.append(f"  [bold]{escape(name)}[/]: {escape(verdict + served.specialist.recipe.describe())}")
        key_place = f"$(cat {shlex.quote(str(api_key_file))})" if api_key_file else f"${api_key_env}"
        lines += ["Try it:", escape(try_line(where, next(iter(service.served)), key_place if key else ""))]
        out.print("\n".join(lines), highlight=False, soft_wrap=True)
        Server(service, key).serve_until_told(listening)
    out.print("Stopped.")


def check_runtime(specialists: Sequence[str], runtime: str | None, gguf: Path | None, base: str | None) -> None:
    """Raise UsageError for a choice of runtime that does not fit the other options."""
    if gguf is None:
        if runtime == "llama.cpp":
            raise errors.UsageError(
                "llama.cpp runs GGUF files, and none was named.",
                fix="gradschool export SPECIALIST --to gguf, then serve it with --gguf FILE.",
            )
        return
    if runtime == "local":
        raise errors.UsageError("A GGUF file is run by llama.cpp.", fix="leave out --gguf, or --runtime local.")
    if len(specialists) > 1 or base:
        raise errors.UsageError(
            "A GGUF file holds the weights of one specialist.",
            "Several specialists, or a --base, were named beside it.",
            "serve one specialist with --gguf FILE; start another server for the next.",
        )


def try_line(where: str, name: str, key_place: str) -> str:
    """A command that asks a specialist something; the shell fills in the key."""
    body = json.dumps({"model": name, "messages": [{"role": "user", "content": "Hello"}]}, ensure_ascii=False)
    headers = ["'Content-Type: application/json'", *([f'"Authorization: Bearer {key_place}"'] if key_place else [])]
    flags = "".join(f" -H {header}" for header in headers)
    return f"  curl {where}/v1/chat/completions{flags} -d {shlex.quote(body)}"
