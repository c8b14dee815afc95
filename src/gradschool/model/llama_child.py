"""llama.cpp's server in a process of its own: a file that it cannot bear ends this process, and not the export.

Reads its settings, a line of JSON, from standard input: a key among them is seen by nobody. Writes the server's address
to standard output as soon as it listens, and ends when its standard input is closed, also when its parent was killed.
"""

import json
import os
import sys
from typing import Any


def main(settings: dict[str, Any]) -> None:
    """Serve one GGUF file on loopback until standard input ends."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.model_alias = {"specialist"}
    params.n_ctx = settings["context"] * settings["at_once"]  # divided among those who are answered at once
    params.n_parallel = settings["at_once"]
    params.warmup = False
    params.use_jinja = True
    params.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE  # answers stay whole
    params.port = 0
    if settings["key"]:
        params.api_keys = [settings["key"]]
    if settings["threads"]:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    if settings["exact"]:  # as exact as float32 networks elsewhere
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    if settings["lora"]:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(settings["lora"], 1.0)]
    server = xllamacpp.Server(params)
    sys.stdout.write(f"\n{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # without the server's long farewell


if __name__ == "__main__":
    main(json.loads(sys.stdin.readline()))
