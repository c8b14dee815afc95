"""The chat template that a specialist takes with it: alone, with nothing said to it, it gives the same tokens."""

from gradschool.errors import ModelError
from gradschool.model.chat import HOLD_DATE, Chat
from gradschool.records import Conversation, Message

# What Chat arranges from outside, other programs do not know: thinking aloud is off, dates are held, and a system
# message goes before the first question where the template has no place for it.
SWITCHES = "{%- set enable_thinking = false -%}{%- set thinking = false -%}"
FOLD = (
    "{%- if messages[0]['role'] == 'system' and messages | length > 1 -%}"
    "{%- set messages = [{'role': 'user', 'content': messages[0]['content'] + '\\n\\n' + messages[1]['content']}]"
    " + messages[2:] -%}{%- endif -%}"
)
ASKED: tuple[Conversation, ...] = (
    (Message("user", "Hello"),),
    (Message("system", "Be brief."), Message("user", " Is it 12?\n")),
    (Message("user", "Hello"), Message("assistant", "Good day."), Message("user", "Well")),
    (
        Message("system", "Be brief."),
        Message("user", "Hello"),
        Message("assistant", "Good day."),
        Message("user", "Well"),
    ),
)


def standalone_template(chat: Chat) -> str:
    """The chat template with all that was arranged written into it; the plain one where nothing was.

    Raises ModelError where no arrangement gives the tokens that the specialist was made with.
    """
    held = HOLD_DATE if "strftime_now" in chat.template else ""
    for before in ("", SWITCHES, FOLD, SWITCHES + FOLD):
        template = held + before + chat.template
        if all(_ids(chat, template, asked) == chat.prompt_ids(asked) for asked in ASKED):
            return template
    raise ModelError(
        "The base's chat template does not work outside of gradschool.",
        "With nothing but the messages, it gives other tokens than the ones that the specialist was made with.",
        "export --to adapter, or serve the specialist with gradschool.",
    )


def _ids(chat: Chat, template: str, conversation: Conversation) -> list[int] | None:
    """What any other program reads: rendered without further ado, then cut into tokens."""
    messages = [{"role": message.role, "content": message.content} for message in conversation]
    try:
        text = chat.tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=False, add_generation_prompt=True
        )
    except Exception:  # a template may raise anything; then it is not this one
        return None
    assert isinstance(text, str)
    return list(chat.tokenizer.encode(text, add_special_tokens=False))
