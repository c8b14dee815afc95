"""The keys of tickets and conversations, in the exports of many services."""

import re

from gradschool.prepare.rows import MESSAGE_KEYS, TURN_LISTS

LISTS = (
    *TURN_LISTS,
    "conversation_parts",
    "parts",
    "threads",
    "notes",
    "items",
    "records",
    "thread",
    "ticket_comments",
    "comment",
    "articles",
    "case_comments",
    "post_stream",
    "results",
)
BODIES = (
    "plain_body",
    "body_text",
    "text_body",
    "description_text",
    "body",
    "html_body",
    "body_html",
    *MESSAGE_KEYS,
    "msg",
    "cooked",
    "comment_body",
    "message_parts",
)
OPENINGS = ("description_text", "description", "question", "body", "message", "initial_message")
HAVE_OPENINGS = {  # lists next to the first message
    *("comments", "comment", "case_comments", "replies", "posts", "events", "interactions", "notes", "discussions"),
}
OPENED_BY = (
    "requester_id",
    "requester",
    "customer_id",
    "customer",
    "submitter_id",
    "end_user",
    "contact",
    "contact_id",
)
OPENED_WITH_TEXT = ("reporter", "raised_by", "opened_by", "created_by", "creator", "author", "user")  # of the opening
# Intercom and Freshdesk say in a word or a number what a turn is.
INTERNAL_WORDS = (
    "note",
    "internal",
    "private",
    "whisper",
    "lineitem",
    "assignment",
    "activity",
    "event",
    "system_event",
    "agents",
)
INTERNAL_FLAGS = (
    "internal",
    "private",
    "is_private",
    "is_internal",
    "internal_note",
    "is_note",
    "is_internal_note",
    "system",
)
KINDS = ("part_type", "type", "channel", "source_type", "visibility", "kind", "message_type", "recipients")
SHOWN = re.compile(
    r"(?:.+_)?public|(?:is_)?published|(?:is_)?(?:customer_)?visible(?:_to_\w+)?"
)  # of a turn: not a note if true
INCOMING = ("incoming", "is_inbound", "inbound", "from_customer", "is_customer")
OUTGOING = ("from_agent", "outgoing", "is_outbound", "is_agent", "from_me", "staff", "is_staff")
TO = re.compile(r"message_to_(?:(?P<asks>operator|agent)|visitor|customer)")  # the kind of a turn, in Olark
AUTHORS = ("author", "creator", "senders", "created_by", "sender", "from", "user", "actor", "agent")
CUSTOMERS = {"customer", "client", "contact", "end_user", "lead", "visitor"}
BOTS = ("bot", "workflow", "system_bot", "campaign", "automation")
TIMES = (
    "created_at",
    "created",
    "timestamp",
    "date",
    "sent_at",
    "time",
    "created_on",
    "created_date",
    "ts",
    "updated_at",
)
IDS = ("id", "ticket_id", "conversation_id", "uuid", "ticket", "number", "case_id", "chat_id", "dialogue_id", "key")
KINDS_OF_SPEAKER = ("role", "sender_type", "author_type", "user_type", "speaker_role", "author_role", "actor_type")
NAMES = (
    *("speaker", "author", "sender", "from", "sender_name", "user", "name", "participant"),
    *("author_id", "user_id", "sender_id", "username", "nickname", "actor_id"),
)
