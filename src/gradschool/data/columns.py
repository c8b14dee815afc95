"""What each key of a row is for: input, ideal answer, choices, system message; by its name and by its content."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from gradschool.data.assessment_languages import folded
from gradschool.data.chat_markup import is_transcript
from gradschool.data.choices import OPTION, OPTIONS, is_choices
from gradschool.data.code import is_code, is_graph_query
from gradschool.data.column_languages import columns_by_name, english
from gradschool.data.column_names import (
    ALWAYS,
    ASKED,
    CODED,
    CODES,
    FALLBACK,
    HEADINGS,
    IN_NAMES,
    LAST_PAIRS,
    MATERIAL,
    NAME,
    OTHER_ANSWERS,
    OTHER_OUTPUTS,
    OTHER_REPLIES,
    OUTPUTS,
    PAIRS,
    PERSONAS,
    REPLIES,
    SERIES,
    SYSTEMS,
)
from gradschool.data.formats import (
    CONVERSATIONS,
    ROLE_KEYS,
    NoConversation,
    as_text,
    columnar,
    is_list_text,
    is_messages,
    is_texts,
    plain,
    role_of,
    spelled,
)
from gradschool.data.normalize import SPACELESS, word_count
from gradschool.data.objects import CARRIERS, text_in
from gradschool.data.preferences import prefer
from gradschool.data.rounds import conversation_of, unmatched
from gradschool.settings import Data

EARLIER = "earlier turns"
PERSONA = "who answers, read as system message"
STATES_OF_PRODIGY, TASK_KEYS = ("accept", "reject", "ignore"), ("_task_hash", "_input_hash")
TURNS = "turns of the conversation"  # the key of a conversation that is made of two lists


@dataclass(frozen=True, slots=True)
class Form:
    """How a row becomes a conversation: the keys of each part, as the file spells them.

    `named` says that the user named the output column; `persona` describes who answers; `compared` are keys of
    preference rows with their use; `others` is the key of further right answers. `reply` says that the answers are
    replies by their contents.
    """

    name: str
    conversation: str = ""
    inputs: tuple[str, ...] = ()
    output: str = ""
    system: str = ""
    history: str = ""
    choices: tuple[str, ...] = ()
    compared: tuple[tuple[str, str], ...] = ()
    named: bool = False
    others: str = ""
    persona: str = ""
    reply: bool = False

    def columns(self) -> dict[str, str]:
        """The use of each key, in words."""
        parts = {self.persona: PERSONA, self.system: "system message", self.history: EARLIER}
        parts |= {} if self.conversation == TURNS else {self.conversation: "conversation"}
        parts |= dict.fromkeys(self.inputs, "user message")
        parts |= dict.fromkeys(self.choices, "choices, listed after the question")
        parts |= {self.others: "other right answers", self.output: "ideal answer"} | dict(self.compared)
        return {key: part for key, part in parts.items() if key}


def is_reply(form: Form) -> bool:
    """Whether the answers of a form are replies, which ratings judge; the rating of a review judges something else."""
    return form.reply or bool(form.conversation) or _is_reply_key(form.output)


def is_named_otherwise(output: str) -> bool:
    """Whether a key of answers names something else than replies, such as a summary or a class."""
    return english(output) in {*OUTPUTS, *HEADINGS} or says(output, OTHER_OUTPUTS)


@lru_cache(maxsize=4096)  # called for each row
def _is_reply_key(key: str) -> bool:
    return english(key) in REPLIES or says(key, OTHER_REPLIES)


def detect(
    row: Mapping[str, Any], data: Data, *, answered: bool = True, names: Collection[str] = ()
) -> tuple[Form, Mapping[str, Any]] | None:
    """Detect the form of a row, and the row with its preferred answer under `chosen` if it compares answers.

    The columns that the job names go first. Without `answered`, a row needs no ideal answer. `names` are keys that only
    name a text or document. None if the form is unknown. Raises NoConversation if a row compares answers without
    preferring one.
    """
    found = _detect(row, data, answered=answered, names=names)
    if not found or data.input_column:
        return found
    form, preferred = found
    keys, used = columns_by_name(preferred), form.columns()
    persona = next((keys[word] for word in PERSONAS if word in keys and keys[word] not in used), "")
    return (replace(form, persona=persona), preferred) if persona and is_filled(preferred[persona]) else found


def _detect(
    row: Mapping[str, Any], data: Data, *, answered: bool, names: Collection[str]
) -> tuple[Form, Mapping[str, Any]] | None:
    named_input, named_output = (spelled(row, name) for name in (data.input_column, data.output_column))
    row, compared = (row, {}) if named_output else _preferred(row, answered)
    keys, used = _columns_of(row), tuple(compared.items())
    others = keys.get(OTHER_ANSWERS, "")
    others = others if isinstance(row.get(others), str | list) and others not in (named_input, named_output) else ""
    system = next((keys[word] for word in SYSTEMS if word in keys and row[keys[word]] is not None), "")
    if not named_output and not named_input and (key := _conversation(row, keys)):
        spoken = _spoken(row[key])
        output = _output(keys, {key, system}) if "assistant" not in spoken else keys.get("chosen" if used else "", "")
        return Form(_conversation_name(row[key]), key, output=output, system=system, compared=used, others=others), row
    chosen = keys.get("chosen", "") if used else ""
    output = named_output or chosen or _pair_output(keys, named_input) or _output(keys, {named_input})
    output = output or _last_output(row, keys, named_input)
    if not output and answered:
        return None
    inputs = (named_input,) if named_input else _inputs(row, keys, {output, system}, names)
    if inputs and output and not named_output and (turns := conversation_of(row[inputs[0]], row.get(output))):
        parts = (
            dict(used) | {inputs[0]: "user messages, one a turn"} | ({} if used else {output: "answers, one a turn"})
        )
        form = Form("messages", conversation=TURNS, system=system, compared=tuple(parts.items()), others=others)
        return form, {**row, TURNS: turns}
    alone = is_messages(row.get(output)) or (bool(used) and is_transcript(row.get(output)))
    if not inputs and alone and not named_output:
        return Form("messages", conversation=output, system=system, compared=used, others=others), row
    history = keys.get("history", "") if keys.get("history") != output else ""
    if not inputs and not history:
        return None
    choices = _choices(row, keys, {output, *inputs})
    name = f"{inputs[0] if inputs else history}/{output}" if output else inputs[0] if inputs else history
    if inputs and english(inputs[0]) == "instruction" and english(output) == "output":
        name = "alpaca"
    return Form(name, "", inputs, output, system, history, choices, used, bool(named_output), others), row


def _preferred(row: Mapping[str, Any], answered: bool) -> tuple[Mapping[str, Any], dict[str, str]]:
    """The row with its preferred answer under `chosen`, and the use of the keys that compare answers, if any do."""
    keys = _columns_of(row)
    if why := unmatched(row, keys):
        raise NoConversation(why)
    try:
        return prefer(row, keys)
    except NoConversation:
        if answered:
            raise
        return row, {}


def _columns_of(row: Mapping[str, Any]) -> dict[str, str]:
    """The keys of a row by their English names, without Prodigy's `answer`, which says whether to use the row."""
    keys = columns_by_name(row)
    state = keys.get("answer", "")
    if not state or row[state] not in STATES_OF_PRODIGY:
        return keys
    others = {*OUTPUTS, *TASK_KEYS} - {"answer"}
    return {name: key for name, key in keys.items() if key != state} if others & keys.keys() else keys


def is_filled(value: Any) -> bool:
    """Whether a value is anything: not null, NaN, blank, or a list or object of such values."""
    if isinstance(value, list | dict):
        return any(map(is_filled, value.values() if isinstance(value, dict) else value))
    return value is not None and value == value and not (isinstance(value, str) and not value.strip())


def _conversation(row: Mapping[str, Any], keys: Mapping[str, str]) -> str:
    """The key of a list of turns; a list of texts next to a summary or a label is what these are about."""
    for key in (keys[word] for word in CONVERSATIONS if word in keys):
        value = row[key]
        output = _output(keys, {key}) if is_texts(value) else ""
        if (isinstance(value, list) or is_list_text(value) or columnar(value)) and (
            not output or isinstance(row[output], list)
        ):
            return key
    return ""


def _spoken(value: Any) -> set[str]:
    """The roles that speak in a conversation; {"assistant"} if they are unknown."""
    value = columnar(value) or value
    if not isinstance(value, list):
        return {"assistant"}
    turns = [turn for turn in value if isinstance(turn, dict)]
    roles = {role_of(str(turn[key])) or "" for turn in turns for key in turn if key in ROLE_KEYS}
    return roles or {"assistant"}


def _conversation_name(value: Any) -> str:
    first = value[0] if isinstance(value, list) and value else None
    return "sharegpt" if isinstance(first, dict) and "from" in first and "value" in first else "messages"


def _pair_output(keys: Mapping[str, str], asked: str) -> str:
    return next((keys[b] for a, b in PAIRS if a in keys and b in keys and asked in ("", keys[a])), "")


def _last_output(row: Mapping[str, Any], keys: Mapping[str, str], asked: str) -> str:
    """The answer of a row without a usual key for it: code that a question asks for, an abstract, a letter."""
    questions = {asked} if asked else {keys[word] for word in (*ASKED, "text", "docstring") if word in keys}
    for key in (keys[word] for word in CODED if word in keys):
        if questions - {key} and isinstance(row[key], str) and (is_code(row[key]) or is_graph_query(row[key])):
            return key
    if "correct" in keys and any(word in keys for word in OPTIONS):
        return keys["correct"]
    return next((keys[b] for a, b in LAST_PAIRS if a in keys and b in keys and asked in ("", keys[a])), "")


def _output(keys: Mapping[str, str], taken: Collection[str]) -> str:
    return next((keys[word] for word in OUTPUTS if word in keys and keys[word] not in taken), "")


def _inputs(
    row: Mapping[str, Any], keys: Mapping[str, str], taken: Collection[str], names: Collection[str]
) -> tuple[str, ...]:
    """The keys of the user message: what is asked first, then what it is asked about, in the row's order."""
    free = {word: key for word, key in keys.items() if key not in taken}
    asked = [free[word] for word in ASKED if word in free]
    material = [key for key in row if free.get(english(key)) == key and _is_material(english(key))]
    material = [
        key for key in material if key not in names or english(key) in (ALWAYS if asked else (set(MATERIAL) - CODES))
    ]
    if any(is_filled(row[key]) for key in (*asked, *material)):
        return (*asked, *material)
    carriers = (free[word] for word in CARRIERS if word in free)
    if carrier := next((key for key in carriers if isinstance(row[key], dict) and text_in(row[key])), ""):
        return (carrier,)
    body = next((free[word] for word in FALLBACK if word in free), "")
    heading = next((free[word] for word in HEADINGS if word in free and free[word] != body), "")
    return tuple(key for key in (heading, body) if key) or (*asked, *material)


@lru_cache(maxsize=4096)  # called for each key of each row
def _is_material(name: str) -> bool:
    return name in MATERIAL or SERIES.fullmatch(name) is not None


def name_keys(rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The keys of texts and documents whose values in all rows are names of something that the rows do not have."""
    keys = {key for row in rows for key in row if _is_material(english(key))}
    values = {key: [value for row in rows if (value := row.get(key)) not in (None, "")] for key in keys}
    return frozenset(key for key, seen in values.items() if seen and all(map(_is_name, seen)))


def _is_name(value: Any) -> bool:
    if isinstance(value, list | dict):
        return False
    text = as_text(value, set()).strip()
    return NAME.fullmatch(text) is not None and IN_NAMES.search(text) is not None


def _choices(row: Mapping[str, Any], keys: Mapping[str, str], taken: Collection[str]) -> tuple[str, ...]:
    """The key of a list of choices, or the keys of the choices one by one."""
    for word in OPTIONS:
        key = keys.get(word)
        if key and key not in taken and is_choices(row[key]):
            return (key,)
    single = [key for key in row if _is_option(plain(key)) and key not in taken and row[key] not in (None, "")]
    return tuple(single) if len(single) > 1 else ()


@lru_cache(maxsize=4096)  # called for each key of each row
def _is_option(name: str) -> bool:
    return OPTION.fullmatch(name) is not None


def content_keys(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The keys whose values are texts, in order, each with its mean number of words."""
    keys = dict.fromkeys(key for row in rows for key in row)
    lengths = {}
    for key in keys:
        texts = [row[key] for row in rows if isinstance(row.get(key), str) and row[key].strip()]
        if len(texts) * 2 > len(rows):
            lengths[key] = sum(map(word_count, texts)) / len(texts)
    return lengths


def says(key: str, words: Collection[str]) -> bool:
    """Whether a key has one of some words, given without accents: "Plain summary" has "plain" and "summary"."""
    name = folded(plain(key))
    if any(part in words or part.rstrip("s") in words for part in (name, *name.split("_"))):
        return True
    return SPACELESS.search(name) is not None and any(word in name for word in words if SPACELESS.match(word))
