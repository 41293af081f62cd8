"""The embedded language model: a tiny model behind an OpenAI-compatible server on loopback.

Run as `python -m demo.embedded_llm MODEL PORT` with the key in `EMBEDDED_LLM_API_KEY`. It proves
streaming and chat without a network or a key; it is too small to be trusted with facts.
"""

import os
import signal
import sys

import xllamacpp

NAME = "smollm2-135m-demo"
SLOTS = 2
CONTEXT_TOKENS = 4096  # of each slot


def serve(model: str, port: int, api_key: str) -> xllamacpp.Server:
    """A running server; it ends with the object."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.model_alias = {NAME}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.api_keys = [api_key]
    parameters.n_ctx = CONTEXT_TOKENS * SLOTS
    parameters.n_parallel = SLOTS
    parameters.cpuparams.n_threads = max(1, min(4, os.cpu_count() or 1))
    parameters.cache_ram_mib = 64  # its default would take 8 GiB
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.offline = True
    parameters.warmup = False
    parameters.verbosity = 0
    return xllamacpp.Server(parameters)


def main() -> None:
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)  # before the server starts its threads
    server = serve(sys.argv[1], int(sys.argv[2]), os.environ["EMBEDDED_LLM_API_KEY"])
    signal.sigwait(stop)
    del server


if __name__ == "__main__":
    main()
