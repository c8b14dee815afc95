"""Images in rows: parts of contents, `images` columns, `<image>` in texts, and paths in a table.

An image is taken out of its row before that is read, and a mark is left in its place. The reader of rows carries marks
like any text; afterwards each becomes the character IMAGE in its message, and its image goes with that message.
"""

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gradschool.data.columns import detect
from gradschool.data.formats import CONTENT_KEYS, ROLE_KEYS, NoConversation, is_list_text, plain
from gradschool.images.bounds import BadImage
from gradschool.images.decode import SUFFIXES
from gradschool.images.located import located, name_of
from gradschool.json_text import parse_any_json
from gradschool.records import IMAGE, Conversation, Image, Message, as_text
from gradschool.settings import Data
from gradschool.visible import shortened

COLUMNS = (
    "images",
    "image",
    "image_path",
    "image_paths",
    "img",
    "img_path",
    "picture",
    "photo",
    "file_name",
    "filename",
)
PARTS = ("image", "image_url", "input_image")  # types of parts with an image
SOURCES = ("image_url", "image", "url", "path", "source", "data", "bytes", "base64", "file_name")
TAG = "<image>"  # in texts, as LLaVA writes it
MAX_IMAGES = 64  # of a row
SAMPLE = 20  # values of a column that are looked at


class BadPicture(NoConversation):
    """A row with an image that cannot be used."""

    kind = "image"


@dataclass
class Pictures:
    """The images of rows; paths are relative to one of the `folders`, and of files in these.

    `columns` are the keys that hold images, as the rows spell them; None: each row shows which ones do.
    """

    folders: tuple[Path, ...] = ()
    columns: tuple[str, ...] | None = None
    cached: dict[str, Image] = field(default_factory=dict)
    nonce: str = field(default_factory=lambda: secrets.token_hex(4))  # so that no text of others is taken for a mark

    def taken(self, row: Mapping[str, Any], data: Data) -> tuple[dict[str, Any], list[Image]]:
        """A row with marks in place of its images, and the images; raises NoConversation if one cannot be used."""
        known = columns_of([row], data, self) if self.columns is None else self.columns
        columns = [key for key in row if key in known]
        named = [one for key in columns for one in _listed(row[key])]
        rest = {key: value for key, value in row.items() if key not in columns}
        if not named and not any(map(_has_part, rest.values())):
            return dict(row), []
        if len(named) > MAX_IMAGES:
            raise BadPicture(f"has {len(named)} images; at most {MAX_IMAGES} are read")
        found = [self.image(one) for one in named]
        walk = _Walk(self, found)
        changed = {key: walk.of_column(value) for key, value in rest.items()}
        if named and not walk.placed and (key := next((c for c in columns if c == data.input_column), "")):
            changed[key] = "".join(map(self.mark, range(len(named))))
        elif named and not walk.placed and _without_input(changed, data):
            changed["input"] = "".join(map(self.mark, range(len(named))))
        return changed, walk.found

    def without(self, rows: Sequence[Mapping[str, Any]], data: Data) -> list[dict[str, Any]]:
        """Rows with marks in place of their images, as `taken` gives them, without those whose image is unusable."""
        found = []
        for row in rows:
            with suppress(NoConversation):
                found.append(self.taken(row, data)[0])
        return found

    def mark(self, number: int) -> str:
        """The mark of an image by its number in the row."""
        return f"\ue0e2{self.nonce}:{number}\ue0e3"

    def put_back(self, messages: Conversation, found: Sequence[Image]) -> Conversation:
        """Messages with their images; those that no mark places go before the first user message's text.

        Raises NoConversation for an image in another turn than the user's.
        """
        if not found:
            return messages
        marks = re.compile(f"\ue0e2{self.nonce}:([0-9]+)\ue0e3")
        used: set[int] = set()
        turns: list[Message] = []
        for message in messages:
            numbers = [int(number) for number in marks.findall(message.content)]
            used.update(numbers)
            if numbers and message.role not in ("user", "tool"):
                who = "an answer" if message.role == "assistant" else f"a {message.role} message"
                raise BadPicture(
                    f"has an image in {who}: a specialist reads images and writes text; move it to a question"
                )
            text = marks.sub(IMAGE, as_text(message.content)) if numbers else message.content
            turns.append(replace(message, content=text, images=tuple(found[number] for number in numbers)))
        missing = [image for number, image in enumerate(found) if number not in used]
        if missing:
            place = next((i for i, turn in enumerate(turns) if turn.role == "user"), None)
            if place is None:
                raise BadPicture("has an image and no question")
            first = turns[place]
            text = first.content if first.images else as_text(first.content)
            content = f"{IMAGE * len(missing)}\n{text}".rstrip("\n")
            turns[place] = replace(first, content=content, images=(*missing, *first.images))
        return tuple(turns)

    def image(self, named: Any) -> Image:
        """The image that a value names; raises NoConversation."""
        key = named if isinstance(named, str) else ""
        if key and key in self.cached:
            return self.cached[key]
        try:
            image = located(named, self.folders)
        except BadImage as error:
            shown = f"the image {shortened(name)!r} " if (name := name_of(named)) else "an image "
            raise BadPicture(shown + str(error)) from error
        if key and len(key) < 4096:
            self.cached[key] = image
        return image


@dataclass
class _Walk:
    """Puts marks into the values of one row; `found` are its images, those of parts after those of columns."""

    pictures: Pictures
    found: list[Image]
    placed: bool = False

    def __post_init__(self) -> None:
        self._given = len(self.found)  # of columns

    def of_column(self, value: Any) -> Any:
        """A value with marks; each column that has places for images has one for each."""
        self._next = 0
        changed = self._of(_parsed(value) if is_list_text(value) and '"type"' in value else value)
        if self._next and self._next != self._given:
            has = f"{self._given} image{'s' * (self._given != 1)}"
            raise BadPicture(f"names {has}, and has {self._next} place{'s' * (self._next != 1)} for one in its texts")
        self.placed |= bool(self._next)
        return changed

    def _of(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._of(one) for one in value]
        if isinstance(value, dict):
            if _is_part(value):
                return {"type": "text", "text": self._part(value)}
            value = self._of_message(value) if _has_images(value) else value
            return {key: self._of(one) for key, one in value.items()}
        if isinstance(value, str) and self._given and TAG in value:
            return re.sub(re.escape(TAG), lambda _: self._place(), value)
        return value

    def _of_message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """A message with images next to its content, as Ollama's API and saved examples have it."""
        start = len(self.found)
        self.found += [self.pictures.image(one) for one in _listed(message["images"])]
        marks = [self.pictures.mark(number) for number in range(start, len(self.found))]
        rest = {key: one for key, one in message.items() if key != "images"}
        text = next((key for key in CONTENT_KEYS if isinstance(rest.get(key), str)), "")
        if text and rest[text].count(IMAGE) == len(marks):
            places = iter(marks)
            return rest | {text: re.sub(IMAGE, lambda _: next(places), rest[text])}
        return rest | ({text: "".join(marks) + rest[text]} if text else {"content": "".join(marks)})

    def _part(self, part: Mapping[str, Any]) -> str:
        named = next((part[key] for key in SOURCES if part.get(key)), None)
        if named is None:
            return self._place()
        if len(self.found) >= MAX_IMAGES:
            raise BadPicture(f"has more than {MAX_IMAGES} images")
        self.found.append(self.pictures.image(named))
        return self.pictures.mark(len(self.found) - 1)

    def _place(self) -> str:
        if not self._given:
            raise BadPicture("has an image token without an image: name it in the part, or in an `images` column")
        self._next += 1
        return self.pictures.mark(min(self._next, self._given) - 1)


def _parsed(value: Any) -> Any:
    """A list that is written as JSON text; another value as it is."""
    try:
        return parse_any_json(value) if is_list_text(value) else value
    except ValueError:
        return value


def _is_part(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") in PARTS and not ({"role", "from"} & value.keys())


def _has_images(value: Mapping[str, Any]) -> bool:
    """Whether a value is a message with images next to its content."""
    return bool(value.get("images")) and any(key in value for key in ROLE_KEYS)


def _has_part(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_part, value))
    if isinstance(value, dict):
        return _is_part(value) or _has_images(value) or any(map(_has_part, value.values()))
    return is_list_text(value) and any(f'"{name}"' in value for name in PARTS)


def _listed(value: Any) -> list[Any]:
    """The images of a cell: one, several, or a list of them as JSON text."""
    value = _parsed(value)
    values = value if isinstance(value, list) else [value]
    return [one for one in values if one not in (None, "") and one == one]


def _without_input(row: Mapping[str, Any], data: Data) -> bool:
    """Whether a row has no other input than its image."""
    try:
        return detect(row, data) is None
    except NoConversation:
        return False


def columns_of(rows: Sequence[Mapping[str, Any]], data: Data, pictures: Pictures) -> tuple[str, ...]:
    """The keys of rows that hold images.

    A column does if its name says so, or the job names it as the input, and one of its values is an image: an existing
    file, bytes, or a data: URL. A path or an address alone shows nothing: many rows about pictures have one.
    """
    keys = dict.fromkeys(key for row in rows for key in row)
    wanted = {plain(data.input_column)} if data.input_column else set()
    likely = [key for key in keys if plain(key) in COLUMNS or plain(key) in wanted]
    return tuple(key for key in likely if any(_shown(rows, key, pictures)))


def _shown(rows: Sequence[Mapping[str, Any]], key: str, pictures: Pictures) -> Iterator[bool]:
    """Whether the first values of a column are images."""
    values = [row[key] for row in rows if row.get(key)][:SAMPLE]
    for value in values:
        for one in _listed(value)[:1]:
            if isinstance(one, Mapping):
                yield bool(one.get("bytes")) or _is_file(str(one.get("path") or ""), pictures)
            elif isinstance(one, str):
                yield one[:11].casefold() == "data:image/" or _is_file(one, pictures)


def _is_file(name: str, pictures: Pictures) -> bool:
    if "\0" in name or len(name) > 1024 or not name.casefold().endswith(SUFFIXES):
        return False
    try:
        return any((folder / name).is_file() for folder in pictures.folders)
    except OSError:
        return False
