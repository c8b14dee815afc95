"""Who rewrites instructions: the server that a job names, or a base that is large enough to do it itself."""

from gradschool.errors import UsageError
from gradschool.file_names import SERVER
from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.model.here import local_engine
from gradschool.model.hosts import key_variable
from gradschool.model.memory import parameters_of
from gradschool.records import Note, Work

# The method was published with models of 8 billion parameters and more (Agrawal et al. 2025, "GEPA: Reflective Prompt
# Evolution Can Outperform Reinforcement Learning", arXiv:2507.19457). It is not measured here which size is enough.
MIN_PARAMETERS = 4_000_000_000
NAME_ONE = "[prompt] writer names a model server that writes them."


def writer_for(job: Job, engine: Engine) -> Work[Engine | None]:
    """The engine that rewrites the instructions of a job's base; None, with a note, if none is large enough.

    Raises UsageError if the job names none that can be asked, TrustError for a server that the user has not allowed.
    """
    named = job.settings.prompt.writer
    if named:
        return _server(named, job)
    if model := job.settings.prompt.writer_model:
        raise UsageError(
            f"[prompt] writer_model = {model!r} names a model, but no server has it.",
            "Only a model server writes for another base.",
            'add its address as writer = "…", or remove the key.',
        )
    local = local_engine(engine)
    if local is None:
        yield Note("Instructions are not searched: it is not known how large the base is. " + NAME_ONE)
        return None
    size = parameters_of(local.network.config)
    if size >= MIN_PARAMETERS:
        return engine
    yield Note(
        f"Instructions are not searched: the base has {size / 1e6:,.0f} million parameters, and one below "
        f"{MIN_PARAMETERS // 10**9} billion is not asked to rewrite them. {NAME_ONE}"
    )
    return None


def _server(address: str, job: Job) -> Engine:
    from gradschool.model.remote import RemoteEngine

    prompt = job.settings.prompt
    if not address.startswith(SERVER):
        raise UsageError(
            f"[prompt] writer = {address!r} is not the address of a server.",
            "Only a model server writes for another base; "
            f"one of {MIN_PARAMETERS // 10**9} billion parameters and more writes for itself.",
            "name an address that begins with http:// or https://, or remove the key.",
        )
    if not prompt.writer_model:
        raise UsageError(
            f"The job does not say which model of {address} writes.",
            "A server can have several models.",
            'add writer_model = "…" next to writer.',
        )
    remote = job.settings.remote.model_copy(update={"api_key_env": key_variable(address, None)})
    return RemoteEngine(address, prompt.writer_model, remote)
