"""llama.cpp's server in a process of its own: a file that it cannot bear ends this process, and not the export.

Run with one argument, the settings as JSON. Writes the server's address to standard output as soon as it listens, and
ends when its standard input is closed, also when its parent was killed.
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
    params.n_ctx = settings["context"]
    params.n_parallel = 1
    params.warmup = False
    params.use_jinja = True
    params.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE  # answers stay whole
    params.port = 0
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
    main(json.loads(sys.argv[1]))
