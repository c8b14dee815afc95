"""Files that ChatGPT and Claude put next to the conversations of an export, and that have none of their own."""

from collections.abc import Sequence
from pathlib import Path

from gradschool.prepare.chats.chatgpt import FEEDBACK
from gradschool.prepare.recognize import SourceFile
from gradschool.records import Note

CONVERSATIONS = "conversations*.json"
NAMES = {
    *("user.json", "user_settings.json", "shared_conversations.json", "model_comparisons.json", "shopping.json"),
    *("sora.json", "library_files.json", "export_manifest.json", "conversation_asset_file_names.json", "chat.html"),
    *("users.json", "projects.json", "memories.json", FEEDBACK),
}


def without_companions(files: Sequence[SourceFile]) -> tuple[list[SourceFile], list[Note]]:
    """The files without those that only accompany an export, and a note that names these.

    The page `chat.html` repeats the conversations, also the answers that their reader rated as bad.
    """
    by_folder: dict[Path, list[SourceFile]] = {}
    for file in files:
        if file.path.name in NAMES and any(file.path.parent.glob(CONVERSATIONS)):
            by_folder.setdefault(file.path.parent, []).append(file)
    notes = [Note(_said(listed)) for listed in by_folder.values()]
    left_out = {id(file) for listed in by_folder.values() for file in listed}
    return [file for file in files if id(file) not in left_out], notes


def _said(listed: Sequence[SourceFile]) -> str:
    names = ", ".join(file.name for file in listed)
    rated = any(file.path.name == FEEDBACK for file in listed)
    ratings = f"; answers that {FEEDBACK} rates as bad are not trained on" if rated else ""
    return f"{names}: part of the export of conversations next to it, and not read as examples{ratings}."
