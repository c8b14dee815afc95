"""Every regular expression of the project takes linear time, whatever the text: each is pumped with repeated pieces."""

import ast
import importlib
import inspect
import itertools
import os
import pkgutil
import random
import re
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from types import ModuleType
from typing import Any

import pytest
import regex

import gradschool
from gradschool.data.code import LINE
from gradschool.ground.passages import atx_heading

SHORT, LONG = 250, 2_000  # characters
FAST = 0.002  # seconds for a long text; a quadratic pattern takes more
# Pieces tried for each pattern besides single signs, the same ones each time: no run finds more than another. 0: all.
PIECES = int(os.environ.get("GRADSCHOOL_FUZZ_PIECES", "10"))
HOPELESS = 0.2  # seconds for a short text that no linear pattern takes
SLOWER = 22  # the factor for eight times the text: 8 if linear, 64 if quadratic
USUAL = (" ", "a", "1", "A", "\n", "-", ".", "é")
METHODS = {"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
Pattern = re.Pattern[Any] | regex.Pattern[Any]


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(gradschool.__path__, "gradschool."):
        if not found.name.endswith(("__main__", "llama_child", "convert_child")):
            yield importlib.import_module(found.name)


def held(value: Any, name: str, depth: int = 0) -> Iterator[tuple[str, Pattern]]:
    """The patterns in a value of a module, by name."""
    if isinstance(value, re.Pattern | regex.Pattern):
        yield name, value
    elif depth < 3 and isinstance(value, tuple | list | set | frozenset):
        for inner in value:
            yield from held(inner, name, depth + 1)
    elif depth < 3 and isinstance(value, dict):
        for inner in value.values():
            yield from held(inner, name, depth + 1)
    elif depth < 3 and is_dataclass(value) and not isinstance(value, type):
        for part in fields(value):
            yield from held(getattr(value, part.name), part.name, depth + 1)
    elif depth == 0 and hasattr(value, "cache_info") and not inspect.signature(value).parameters:
        returned = inspect.signature(value).return_annotation
        if any(word in str(returned) for word in ("Pattern", "Shapes", "Patterns")):
            yield from held(value(), name, 1)


def written(module: ModuleType) -> Iterator[tuple[str, Pattern, str]]:
    """The patterns that are written in calls such as `re.sub("…", …)`, and the method."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        library = node.func.value
        if isinstance(library, ast.Name) and library.id in ("re", "regex") and node.func.attr in METHODS:
            flags = next((word.value for word in node.keywords if word.arg == "flags"), ast.Constant(0))
            if node.func.attr in ("match", "fullmatch", "search") and len(node.args) > 2:
                flags = node.args[2]
            try:
                source, value = (eval(ast.unparse(part), vars(module)) for part in (node.args[0], flags))  # noqa: S307
            except NameError:
                continue  # made of local values
            if not isinstance(source, re.Pattern | regex.Pattern):
                compiled = re.compile(source, value) if library.id == "re" else regex.compile(source, value)
                yield f"{module.__name__}:{node.lineno}", compiled, node.func.attr


@cache
def patterns() -> dict[str, tuple[Pattern, frozenset[str]]]:
    """All patterns by where they are, with the methods that they are used with."""
    found: dict[int, tuple[str, Pattern]] = {}
    used: defaultdict[int | str, set[str]] = defaultdict(set)
    result: dict[str, tuple[Pattern, frozenset[str]]] = {}
    for module in modules():
        for name, value in list(vars(module).items()):
            if hasattr(value, "cache_info") and value.__module__ != module.__name__:
                continue
            for inner, pattern in held(value, name):
                found.setdefault(id(pattern), (f"{module.__name__}.{inner}", pattern))
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Attribute) and node.attr in METHODS:
                used[user_of(node.value, module)].add(node.attr)
        for name, pattern, method in written(module):
            result[name] = pattern, frozenset({method})
    for key, (name, pattern) in found.items():
        methods = used[key] or used[name] or used[name.rpartition(".")[2]] or {"search"}
        result[name if name not in result else f"{name}'"] = pattern, frozenset(methods)
    return result


def user_of(owner: ast.expr, module: ModuleType) -> int | str:
    """What a method is called on: a pattern by identity, a variable or function by its place, or a field by name."""
    if isinstance(owner, ast.Call):
        owner = owner.func
    if isinstance(owner, ast.Name):
        value = vars(module).get(owner.id)
        pattern = isinstance(value, re.Pattern | regex.Pattern)
        return id(value) if pattern else f"{getattr(value, '__module__', module.__name__)}.{owner.id}"
    return getattr(owner, "attr", "")


def repeated(pattern: Pattern) -> Iterator[tuple[str, str]]:
    """What a text begins with, and the piece repeated after it: signs and words that the pattern speaks of."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    literal = re.sub(r"\\[nrt]", " ", re.sub(r"\\[uU][0-9a-f]{4,8}", "", source))
    signs = [*dict.fromkeys([*USUAL, *(c for c in literal if not c.isalnum() and c not in "\\^$")])][:22]
    words = [*dict.fromkeys(re.findall(r"[^\W\d_]{2,}", literal))][:12]
    pairs = ["".join(pair) for pair in itertools.permutations(signs, 2)]
    random.Random(0).shuffle(pairs)
    yield from (("", piece) for piece in signs)
    yield from ((first, piece) for first in (*signs, *words) for piece in USUAL)
    yield from ((f"{first} ", piece) for first in (*signs, *words) for piece in USUAL)
    yield from ((f"{first} a", piece) for first in (*signs, *words) for piece in USUAL)
    yield from (("", piece) for piece in pairs)
    yield from (("", f"{word}{sign}") for word in words for sign in ("", " ", "-", "1", "a"))
    chance = random.Random(0)
    around = ["", *signs]
    for word in words * 12:
        one, two, three = chance.choices(around, k=3)
        yield "", f"{one}{word}{two}{three}"


def seconds(pattern: Pattern, methods: frozenset[str], text: Any) -> float:
    began = time.process_time()
    if "fullmatch" in methods:
        pattern.fullmatch(text)
    if "match" in methods:
        pattern.match(text)
    if methods - {"match", "fullmatch"}:
        deque(pattern.finditer(text), maxlen=0)
    return time.process_time() - began


def slow_text(pattern: Pattern, methods: frozenset[str], pieces: int = PIECES) -> tuple[str, str] | None:
    """A beginning and a piece whose repetition takes more than linear time."""
    candidates = [*dict.fromkeys(repeated(pattern))]
    if pieces:  # single signs come first
        candidates = [*candidates[:20], *random.Random(0).sample(candidates[20:], min(pieces, len(candidates) - 20))]
    for first, piece in candidates:
        made = [first + piece * (size // len(piece)) + "\x01" for size in (SHORT, LONG)]
        texts = [text.encode() if isinstance(pattern.pattern, bytes) else text for text in made]
        if all(seconds(pattern, methods, texts[0]) > HOPELESS for _ in range(2)):
            return first, piece
        if seconds(pattern, methods, texts[1]) >= FAST and all(_grows(pattern, methods, texts) for _ in range(3)):
            return first, piece
    return None


def _grows(pattern: Pattern, methods: frozenset[str], texts: Sequence[str | bytes]) -> bool:
    """Whether the time grows faster than the text; one measurement can be wrong on a busy machine."""
    short, long = (min(seconds(pattern, methods, text) for _ in range(3)) for text in texts)
    return long > max(FAST, SLOWER * short)


def test_the_patterns_are_found() -> None:
    assert len(patterns()) > 250
    assert {"gradschool.ground.passages.ATX_HEADING", "gradschool.ground.cite.BRACKETED"} <= set(patterns())


def test_every_pattern_takes_linear_time() -> None:
    slow = {name: text for name, (one, how) in patterns().items() if (text := slow_text(one, how))}
    assert not slow


def test_a_quadratic_pattern_is_noticed() -> None:
    assert slow_text(re.compile(r" +#"), frozenset({"search"}), 0) is not None
    assert slow_text(re.compile(r"[ \t]+(.*?)[ \t]*#*$"), frozenset({"match"}), 0) is not None
    assert slow_text(re.compile(r" ++#"), frozenset({"match"}), 0) is None


# What a pattern was before it was made linear, its place, a method and the pieces of random texts for it.
BEFORE = (
    (r"[ \t]*\[ ?[1-9]\d?(?: ?[,;] ?[1-9]\d?)* ?\]", "ground.cite.strip_marks", "sub", "a [ ] [1] 1 2 , ;"),
    (r"(?:[ \t]*(?:,|&|\+|/)[ \t]*|[ \t]+(?:and|e|i)[ \t]+)", "prepare.called.JOINED", "split", "Ann , & and e"),
    (r"\s+(?:at|von|@|\||[-–—/])\s.*$|\s*[,(|/].*$", "prepare.called.PLACE", "sub", "Ann at @ | - , ("),
    (
        r"\s*['\"]?\s(?:via|@|\||[-–—])\s.*$|\s*\|.*$|/.*$",
        "prepare.people.AFTER_NAME",
        "sub",
        "Ann via @ | - ' \" /",
    ),
    (r"[ \t,.!]{1,3}|[,.!]?\s*\n\s*", "prepare.people.SALUTE_GAP", "fullmatch", ", . \t \n"),
    (r"\s*(?:\[[\d ,;]*)?\Z", "serve.streaming.UNCERTAIN", "search", "a [ ] 1 , \n"),
    (r"\s*\(- [^()\n]{1,200}: \S{1,12} -\)$", "prepare.transcripts.notices.REACTIONS", "sub", "(- -) : Ann"),
    (r"\s*<[^<>\n]{5,60}>$", "prepare.transcripts.notices.EDITED", "search", "<edited > a \n"),
    (r"-+\s+(?=\D)", "score.text._BULLET", "match", "- a 1"),
    (r"\u3010[^\u3010\u3011]*\u2020[^\u3010\u3011]*\u3011", "prepare.chats.assistants.CITATION", "sub", "【 】 † a"),
    (
        r"\s*(?:[-=*_#]{3,}.*|(?:#{1,6}\s*)?(?:chat|ticket)\s+#?\d+\s*:?\s*)",
        "prepare.transcripts.read.SEPARATOR",
        "fullmatch",
        "chat # 1 : --- a",
    ),
)


def result_of(pattern: Pattern, method: str, text: str) -> Any:
    if method == "sub":
        return pattern.sub("_", text)
    if method == "split":
        return pattern.split(text)
    found = getattr(pattern, method)(text)
    return found and found.span()


@pytest.mark.parametrize(("before", "place", "method", "pieces"), BEFORE, ids=[row[1] for row in BEFORE])
def test_linear_patterns_match_what_they_matched(before: str, place: str, method: str, pieces: str) -> None:
    module, _, name = f"gradschool.{place}".rpartition(".")
    held_there = getattr(importlib.import_module(module), name)
    now = (
        held_there
        if isinstance(held_there, re.Pattern)
        else re.compile(held_there)
        if isinstance(held_there, str)
        else None
    )
    old, chance = re.compile(before, now.flags & re.I if now else 0), random.Random(0)
    for _ in range(3_000):
        text = "".join(chance.choices([*pieces.split(" "), " ", " ", "  "], k=chance.randrange(1, 9)))
        made = held_there(text) if now is None else result_of(now, method, text)
        expected = result_of(old, method, text) if now else old.sub("", text).strip()
        assert made == expected, text


def test_headings_and_code_are_recognized_as_before() -> None:
    old_heading = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
    old_call = re.compile(r"[\w.$]+(?:::|\.)?\w*\(")
    new_call = re.compile(r"[\w.$]++(?:::\w*+)?\(")
    assert new_call.pattern in LINE.pattern
    chance = random.Random(0)
    for _ in range(3_000):
        line = "".join(chance.choices(("#", "##", " ", "\t", "a", "b#"), k=chance.randrange(1, 8)))
        was, now = old_heading.match(line), atx_heading(line)
        assert (now and (now[0], now[1])) == (was and (len(was[1]), was[2].strip())), line
        call = "".join(chance.choices(("a", ".", "::", "$", "("), k=chance.randrange(1, 8)))
        assert bool(old_call.match(call)) == bool(new_call.match(call)), call
