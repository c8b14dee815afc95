"""Inputs that are objects: the text of an object with a question, an article or a post, and what describes it."""

from collections.abc import Mapping
from typing import Any

from gradschool.data.formats import keys_by_name

TEXTS = (  # in the order in which they are read
    *("title", "subject", "headline", "instruction", "question", "query", "prompt", "full_text", "text", "content"),
    *("value", "message", "body", "post", "article", "context", "passage", "document", "description", "selftext"),
)
DESCRIBING = {  # what says where a text is from
    *("id", "uuid", "dataset", "source", "url", "link", "lang", "language", "type", "kind", "site", "subreddit"),
    *("author", "date", "created_at", "timestamp", "metadata", "meta", "name", "index", "split", "user", "user_id"),
}
CARRIERS = ("info", "item", "record", "example", "data", "post", "doc", "ticket", "email", "article")


def text_in(value: Mapping[str, Any]) -> str:
    """The texts of an object as paragraphs, title first; empty if it has anything else that could be content."""
    filled = {name: value[key] for name, key in keys_by_name(value).items() if value[key] not in (None, "", [], {})}
    found = [filled[word] for word in TEXTS if word in filled]
    if set(filled) - set(TEXTS) - DESCRIBING or not all(isinstance(text, str) for text in found):
        return ""
    return "\n\n".join(found)
