"""The instructions of a job: its task, then its guidelines, which are in a file."""

from gradschool.data.encoding import Unreadable, decode
from gradschool.errors import DataError
from gradschool.files import read_file
from gradschool.job import Job


def instructions_of(job: Job) -> str:
    """The system message: the task, then the guidelines. Raises DataError if the guidelines are not text."""
    parts = [job.settings.task.strip()]
    if job.settings.data.guidelines:
        path = job.path(job.settings.data.guidelines)
        try:
            text, _ = decode(read_file(path))
        except (Unreadable, OSError) as error:
            raise DataError(f"{path} cannot be read as text.", str(error), "save it as UTF-8 text.") from error
        parts.append(text.strip())
    return "\n\n".join(part for part in parts if part)
