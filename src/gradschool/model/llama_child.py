"""llama.cpp's server in a child process: if a file crashes it, the parent process continues.

Reads its settings, a line of JSON, from standard input, where no other user can see the API key. Writes the server's
address to standard output as soon as it listens, and exits when standard input is closed, so also if the parent is
killed.
"""

import json
import os
import sys
from dataclasses import dataclass

import psutil

from gradschool.bounded_child import limit


@dataclass(frozen=True, slots=True)
class Settings:
    """How llama.cpp runs a file: see LlamaCpp; `memory` are the bytes for requests, above those for the model."""

    model: str
    context: int
    loras: list[str]
    template: str
    threads: int
    exact: bool
    at_once: int
    key: str
    memory: int


def main(settings: Settings) -> None:
    """Serve one GGUF file on localhost until standard input is closed."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings.model
    params.model_alias = {"specialist"}
    params.n_ctx = settings.context * settings.at_once  # divided between concurrent requests
    params.n_parallel = settings.at_once
    params.warmup = False
    params.use_jinja = True
    params.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE  # part of the answer
    params.port = 0
    if settings.key:
        params.api_keys = [settings.key]
    if settings.threads:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings.threads
    if settings.exact:  # to be comparable with float32 networks
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    if settings.template:
        params.chat_template = settings.template
    if settings.loras:
        params.cache_ram_mib = 0  # prompts that were computed with one adapter would be used with another
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(lora, 1.0) for lora in settings.loras]
    server = xllamacpp.Server(params)
    if sys.platform == "linux":  # the template in the file is a program; mapped weights and a GPU's are not counted
        limit("RLIMIT_DATA", psutil.Process().memory_info().data + settings.memory)
    sys.stdout.write(f"\n{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # the server takes long to shut down


if __name__ == "__main__":
    main(Settings(**json.loads(sys.stdin.readline())))
