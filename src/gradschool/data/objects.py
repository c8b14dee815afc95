"""Inputs that are objects or lists: the text of an article, a post or several passages, without what describes it."""

from collections.abc import Mapping
from typing import Any

from gradschool.data.formats import keys_by_name

TEXTS = (  # in the order in which they are read
    *("title", "subject", "headline", "instruction", "question", "query", "prompt", "full_text", "text", "content"),
    *("value", "message", "body", "post", "article", "context", "passage", "document", "description", "selftext"),
    *("titles", "texts", "contexts", "passages", "documents", "paragraphs", "sentences", "snippets"),
)
DESCRIBING = {  # what says where a text is from
    *("id", "uuid", "dataset", "source", "url", "link", "lang", "language", "type", "kind", "site", "subreddit"),
    *("author", "date", "created_at", "timestamp", "metadata", "meta", "name", "index", "split", "user", "user_id"),
    *("labels", "meshes", "reasoning_required_pred", "reasoning_free_pred", "score", "votes", "tags", "owner"),
    *("question_id", "creation_date", "view_count", "answer_count", "accepted_answer_id", "is_answered", "has_answer"),
    *("hasanswer", "passage_id", "docid", "doc_id", "pid", "is_supporting", "is_selected", "content_license"),
    *("last_activity_date", "idx", "rank", "wikipedia_id", "up_vote_count", "favorite_count", "comment_count"),
}
CARRIERS = ("info", "item", "record", "example", "data", "post", "doc", "ticket", "email", "article")


def text_in(value: Mapping[str, Any]) -> str:
    """The texts of an object as paragraphs, title first; empty if it has anything else that could be content."""
    filled = {name: value[key] for name, key in keys_by_name(value).items() if value[key] not in (None, "", [], {})}
    if set(filled) - set(TEXTS) - DESCRIBING:
        return ""
    found = [filled[word] for word in TEXTS if word in filled]
    lists = [part for part in found if isinstance(part, list)]
    if len(lists) > 1 and len(lists) == len(found) and len({len(part) for part in lists}) == 1:
        return listed_text([list(parts) for parts in zip(*lists, strict=True)])  # titles, and the sentences below each
    texts = [part if isinstance(part, str) else listed_text(part) for part in found]
    return "\n\n".join(texts) if all(texts) else ""


def listed_text(value: Any) -> str:
    """The texts in a list as paragraphs: texts, objects with a text, or titles with lists of sentences; or empty."""
    if not isinstance(value, list):
        return ""
    parts = [_part(part) for part in value]
    return "\n\n".join(parts) if all(parts) else ""


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict):
        return text_in(part)
    if not isinstance(part, list) or not part:
        return ""
    if all(isinstance(sentence, str) for sentence in part):
        return " ".join(sentence.strip() for sentence in part)
    title, *rest = part
    below = [_part(inner) for inner in rest]
    return "\n".join([title, *below]) if isinstance(title, str) and all(below) else ""
