"""gradschool turns a general language model into a specialist, on the user's own machine, and proves it.

The Python API is in `gradschool.api`; its names are imported on first use, so that `import gradschool` is quick.
"""

from typing import TYPE_CHECKING

from gradschool.version import __version__

if TYPE_CHECKING:
    from gradschool.api import (
        Abstention,
        AgainstIncumbent,
        Answer,
        Audited,
        Climbed,
        ComparedBase,
        Cost,
        Coverage,
        Difference,
        Event,
        Examined,
        Example,
        Failure,
        Floor,
        Gate,
        GradschoolError,
        Image,
        Interval,
        Issue,
        Job,
        MarginProof,
        Message,
        Note,
        OpenSpecialist,
        Passage,
        Progress,
        Proof,
        Report,
        Rule,
        RungResult,
        Score,
        Settings,
        Shown,
        Source,
        Split,
        Step,
        Surveyed,
        Use,
        audit_specialist,
        check,
        climb,
        iter_climb,
        open_specialist,
        read_job,
        resume,
    )

__all__ = [
    "Abstention",
    "AgainstIncumbent",
    "Answer",
    "Audited",
    "Climbed",
    "ComparedBase",
    "Cost",
    "Coverage",
    "Difference",
    "Event",
    "Examined",
    "Example",
    "Failure",
    "Floor",
    "Gate",
    "GradschoolError",
    "Image",
    "Interval",
    "Issue",
    "Job",
    "MarginProof",
    "Message",
    "Note",
    "OpenSpecialist",
    "Passage",
    "Progress",
    "Proof",
    "Report",
    "Rule",
    "RungResult",
    "Score",
    "Settings",
    "Shown",
    "Source",
    "Split",
    "Step",
    "Surveyed",
    "Use",
    "__version__",
    "audit_specialist",
    "check",
    "climb",
    "iter_climb",
    "open_specialist",
    "read_job",
    "resume",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # a type checker reads the imports above, and reports a name that is not among them

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from gradschool import api

        return getattr(api, name)
