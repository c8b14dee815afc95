"""The command `serve`: an OpenAI-compatible API."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gradschool import errors
from gradschool.cli.app import AllowHost, BaseOption, RuntimeOption, allow_hosts, command, demand_there, err, out
from gradschool.cli.lines import escape, say


@command
def serve(
    specialists: Annotated[
        list[str],
        typer.Argument(metavar="SPECIALIST", help="folders of specialists or of their runs; NAME=FOLDER renames one"),
    ],
    host: Annotated[
        str, typer.Option(help="address to listen on; other than loopback, it requires an API key")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="port; 0 chooses a free one")] = 8000,
    api_key_env: Annotated[
        str, typer.Option("--api-key-env", help="environment variable with the API key")
    ] = "GRADSCHOOL_API_KEY",
    api_key_file: Annotated[Path | None, typer.Option("--api-key-file", help="file with the API key")] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-origin",
            metavar="ORIGIN",
            help="web pages that may use the server from a browser, such as http://localhost:3000; can be repeated",
        ),
    ] = None,
    at_once: Annotated[
        int | None,
        typer.Option(
            "--at-once",
            min=1,
            help="requests answered at the same time per base; default: up to 64, as memory allows; llama.cpp: 4",
        ),
    ] = None,
    max_waiting: Annotated[
        int, typer.Option("--max-waiting", min=0, help="queued requests per base; further ones get status 503")
    ] = 256,
    max_context: Annotated[
        int | None,
        typer.Option(
            "--max-context",
            min=2,
            help="maximum number of tokens of prompt and answer; default: the base's context length",
        ),
    ] = None,
    max_body: Annotated[
        int | None,
        typer.Option(
            "--max-body",
            min=1,
            help="largest request body (bytes); default: 1048576, or 20971520 if a base reads images",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.001, help="time limit of one answer, queueing included (seconds)")
    ] = 300,
    base: BaseOption = None,
    allow_host: AllowHost = None,
    runtime: RuntimeOption = None,
    gguf: Annotated[
        Path | None, typer.Option("--gguf", help="GGUF file from `gradschool export`, used instead of the base")
    ] = None,
) -> None:
    """Serve specialists over an OpenAI-compatible API; by default, only this machine can reach it."""
    demand_there(*(one for one in specialists if "=" not in one))  # not NAME=FOLDER
    from gradschool.cli.screen import Screen
    from gradschool.serve.loading import open_gguf, open_service
    from gradschool.serve.origins import parse_origins
    from gradschool.serve.server import Server, bind, read_key, url
    from gradschool.serve.service import Limits

    check_runtime(specialists, runtime, gguf, base)
    allow_hosts(allow_host)
    key = read_key(api_key_env, api_key_file)
    origins = parse_origins(allow_origin or (), key)
    with bind(host, port, key) as listening:
        bodies = Limits() if max_body is None else Limits(body=max_body, seeing_body=max_body)
        limits = replace(bodies, seconds=timeout, waiting=max_waiting)
        with Screen(err) as screen:
            service = screen.follow(
                open_gguf(specialists[0], gguf, at_once, max_context, limits)
                if gguf
                else open_service(specialists, base, at_once, max_context, limits, runtime or "torch")
            )
        address = url(listening)
        lines = [f"Serving at [bold]{address}/v1[/] (stop with Ctrl-C)"]
        for name, model in service.models.items():
            verdict = f"{model.verdict}, " if model.verdict else ""
            lines.append(f"  [bold]{escape(name)}[/]: {escape(verdict + model.specialist.recipe.describe())}")
        shell_key = f"$(cat {shlex.quote(str(api_key_file))})" if api_key_file else f"${api_key_env}"
        say(out, "\n".join([*lines, "Try it:"]))
        command = curl_command(address, next(iter(service.models)), shell_key if key else "")
        out.print(command, markup=False, highlight=False, soft_wrap=True)
        Server(service, key, origins).serve_until_signal(listening)
    out.print("Stopped.")


def check_runtime(specialists: Sequence[str], runtime: str | None, gguf: Path | None, base: str | None) -> None:
    """Raise UsageError if the runtime does not fit the other options."""
    if gguf is None:
        return
    if runtime == "torch":
        raise errors.UsageError("--runtime torch cannot run a GGUF file.", fix="remove --gguf or --runtime torch.")
    if len(specialists) > 1 or base:
        raise errors.UsageError(
            "A GGUF file holds the weights of one specialist.",
            "--gguf was given with several specialists or with --base.",
            "serve one specialist with its --gguf; start another server for the next one.",
        )


def curl_command(address: str, name: str, shell_key: str) -> str:
    """A curl command that sends a question; the shell expands `shell_key` to the API key."""
    body = json.dumps({"model": name, "messages": [{"role": "user", "content": "Hello"}]}, ensure_ascii=False)
    headers = ["'Content-Type: application/json'", *([f'"Authorization: Bearer {shell_key}"'] if shell_key else [])]
    flags = "".join(f" -H {header}" for header in headers)
    return f"  curl {address}/v1/chat/completions{flags} -d {shlex.quote(body)}"
