"""Custom metrics: a function in a Python file of the user."""

import asyncio
import hashlib
import importlib.machinery
import importlib.util
import inspect
import math
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from gradschool.errors import TrustError, UsageError, nearest
from gradschool.files import read_file
from gradschool.records import Example, Message, Source
from gradschool.score.metric import Metric, MetricResult, Unscorable
from gradschool.trust import is_trusted_code

SIGNATURE = "def my_metric(answer, example): ... return a number from 0 to 1, or a dict of such numbers"
_ROUNDING = 1e-9  # a mean of ones may be 1.0000000002


def is_custom(name: str) -> bool:
    """Whether a metric's name means a function in a file: "metrics.py:function"."""
    return ".py:" in name


def custom_file(name: str) -> str:
    """The file in the name of a custom metric."""
    return name.rpartition(":")[0]


def demand_trust(name: str, folder: Path) -> None:
    """Raise TrustError if the code of a custom metric is not what the user has allowed to run."""
    path = folder / custom_file(name)
    if path.is_file() and not is_trusted_code(path):
        raise TrustError(
            f"The metric {name} is Python code that would run with all your rights: {path}.",
            "You have not allowed this content of the file yet.",
            "read it; if you trust it, repeat the command with --trust-code, which is remembered until it changes.",
        )


def custom_metric(name: str, folder: Path) -> Metric:
    """Load the function named by "metrics.py:function"; the path is relative to the job's folder.

    The function takes the text of an answer and the Example. It returns a number in [0, 1] or a dict of such numbers;
    the value is the dict's "score" or else the mean, and the other entries are parts. The file is executed once, by
    this call. Raises UsageError if the file, the function or its parameters are not usable. The metric raises
    Unscorable, with the line, if the function fails for one answer.
    """
    path, function_name = folder / custom_file(name), name.rpartition(":")[2]
    function = _function(_load(path), function_name, path)

    def metric(answer: str, example: Example) -> MetricResult:
        try:
            return _result(function(answer, example))
        except Unscorable as error:
            raise Unscorable(f"{name} {error}") from None
        except (Exception, SystemExit) as error:
            raise Unscorable(_where(error, path)) from error

    return metric


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        there = sorted(p.name for p in path.parent.glob("*.py")) if path.parent.is_dir() else []
        raise UsageError(
            f"The metric's file {path} does not exist.",
            f"Python files there: {', '.join(there) or 'none'}.",
            'name a file relative to the job\'s folder, as in metric = "metrics.py:my_metric".',
        )
    unique = "gradschool_custom_" + hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    loader = importlib.machinery.SourceFileLoader(unique, str(path))
    spec = importlib.util.spec_from_file_location(unique, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module  # dataclasses and pickle look their module up by name
    try:
        # Not by the import system: its cache overlooks changes within one second.
        exec(loader.source_to_code(read_file(path), str(path)), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[unique]
        raise UsageError(
            f"The metric's file {path} cannot be run.",
            _where(error, path),
            "correct that line; the file may import installed packages, but no other file of the job.",
        ) from error
    return module


def _function(module: ModuleType, name: str, path: Path) -> Callable[[str, Example], Any]:
    functions = [key for key, value in vars(module).items() if inspect.isfunction(value) and not key.startswith("_")]
    function = getattr(module, name, None)
    if not callable(function):
        has = f"it has {', '.join(sorted(functions))}" if functions else "it has no functions"
        raise UsageError(
            f"{path} has no function {name!r}; {has}.",
            "A custom metric is one function in that file.",
            nearest(name, functions) if functions else f"write it: {SIGNATURE}.",
        )
    example = Example("id", (Message("user", ""), Message("assistant", "")), "id", Source(str(path), 1))
    try:
        inspect.signature(function).bind("", example)
        fits = not asyncio.iscoroutinefunction(function)
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise UsageError(
            f"{path}: {name} cannot be called with an answer and an example.",
            "A metric takes these two in this order, and is not async.",
            f"write it as {SIGNATURE}.",
        )
    return function  # type: ignore[no-any-return]


def _result(result: Any) -> MetricResult:
    if not isinstance(result, dict):
        return MetricResult(_number(result, "its result"))
    parts = {str(key): _number(value, f"its entry {key!r}") for key, value in result.items()}
    if not parts:
        raise Unscorable("returned an empty dict; expected numbers from 0 to 1.")
    if "score" in parts:
        return MetricResult(parts.pop("score"), parts)
    return MetricResult(sum(parts.values()) / len(parts), parts)


def _number(value: Any, what: str) -> float:
    shown = repr(value)[:60]
    try:
        number = math.nan if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not -_ROUNDING <= number <= 1 + _ROUNDING:  # NaN is not either
        raise Unscorable(f"returned {shown}: {what} must be a number from 0 to 1.")
    return min(1.0, max(0.0, number))


def _where(error: BaseException, path: Path) -> str:
    """An error in the user's file as one line: file, line, kind and text."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == str(path) else (lines or [None])[-1]
    place = f"{path.name}:{line}" if line else path.name
    return f"{place}: {type(error).__name__}: {error}".rstrip(": ")
