"""A specialist behind its own HTTP server, as an engine: export tests what clients will get."""

import contextlib
from collections.abc import Iterator

from gradschool.model.remote import RemoteEngine
from gradschool.serve.loading import scheduler_of
from gradschool.serve.server import running
from gradschool.serve.service import ServedBase, ServedModel, Service
from gradschool.settings import Remote
from gradschool.specialist import Specialist

NAME = "specialist"


@contextlib.contextmanager
def over_http(specialist: Specialist) -> Iterator[RemoteEngine]:
    """Serve an open specialist on a free port of localhost; yields an engine that sends it plain questions.

    The server adds instructions, examples and passages.
    """
    scheduler = scheduler_of(specialist.engine, [specialist], None, None)
    service = Service({NAME: ServedModel(NAME, specialist, ServedBase(scheduler))})
    client = Remote(timeout=service.limits.seconds, retries=0, concurrency=scheduler.at_once)
    with running(service) as address:
        yield RemoteEngine(f"{address}/v1", NAME, client, with_reasoning=True)
