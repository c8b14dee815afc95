"""The server as one more engine: a specialist behind HTTP on this machine, asked as its clients will ask it."""

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
    """Serve an open specialist on a free port of this machine, and give an engine that asks it bare questions.

    Instructions, examples and passages are put before a question by the server. Meanwhile the specialist's own engine
    belongs to the server.
    """
    scheduler = scheduler_of(specialist.engine, [specialist], None, None)
    service = Service({NAME: ServedModel(NAME, specialist, ServedBase(scheduler))})
    asking = Remote(timeout=service.limits.seconds, retries=0, concurrency=scheduler.at_once)
    with running(service) as address:
        yield RemoteEngine(f"{address}/v1", NAME, asking)
