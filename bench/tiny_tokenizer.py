"""A byte-level tokenizer with a few hundred tokens, and a chat template that gradschool does not know."""

from collections.abc import Sequence

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from gradschool.model.rendering import CHATML

FOREIGN = CHATML.replace("message['role']", "message.role")  # rendered in a child process, as templates of others are


def tiny_tokenizer(text: str, vocab_size: int, special: Sequence[str]) -> PreTrainedTokenizerFast:
    """A tokenizer trained on a text, with these special tokens."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in special],
        show_progress=False,
    )
    raw.train_from_iterator([text], trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|im_end|>")
    made.chat_template = FOREIGN
    return made
