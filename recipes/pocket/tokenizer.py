"""Train the tokenizer: byte-level BPE that splits a word in the same way with and without a leading space.

Ordinary BPE learns " Classical" and "Classical" separately, so a small model that copies a word into quotes has to map
between two unrelated token sequences. Here all merges are trained on words without their space; then each token X gets
one variant, the merge (space, X), with lowest priority. Only the first token of a word changes, and copying needs one
fixed mapping.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIALS = [END_OF_TEXT, TURN_START, TURN_END, *(f"<|reserved_{i}|>" for i in range(13))]
SPACE = "Ġ"  # a space in byte-level BPE
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
_FORMS = (
    '{"intent": "name", "slots": {"city": "", "when": true}} [{"a": null}, {"b": false}] <passages>\n</passages>\n'
    * 200
)


def _splitter() -> pre_tokenizers.PreTokenizer:
    """Build the pre-tokenizer that llama.cpp calls `smollm`."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )


def _learn_bare_merges(texts: list[str], count: int) -> list[tuple[str, str]]:
    """Train `count` merges on text with every space isolated."""
    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Split(" ", "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=256 + count, initial_alphabet=alphabet, show_progress=False, max_token_length=14
    )
    bare.train_from_iterator([*texts, _FORMS], trainer)
    return [(left, right) for left, right in json.loads(bare.to_str())["model"]["merges"]]


def _assemble(merges: list[tuple[str, str]]) -> Tokenizer:
    """Build a tokenizer from merges: special tokens first, then bytes, then one entry per merge."""
    vocabulary = {token: i for i, token in enumerate(SPECIALS)}
    for token in sorted(pre_tokenizers.ByteLevel.alphabet()):
        vocabulary[token] = len(vocabulary)
    for left, right in merges:
        vocabulary.setdefault(left + right, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = _splitter()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    return tokenizer


def learn_tokenizer(texts: Iterable[str], merges: int = 2500, twin_count: int = 8) -> Tokenizer:
    """Train the tokenizer; a token gets a variant with a space if it started a word at least `twin_count` times."""
    sample = list(texts)
    bare = _learn_bare_merges(sample, merges)
    everything = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *(a + b for a, b in bare)]
    blank = set("ĠĊĉč")
    candidates = [(SPACE, token) for token in everything if not blank & set(token)]
    trial = _assemble(bare + candidates)
    vocabulary = trial.get_vocab()
    seen: Counter[int] = Counter()
    for encoding in trial.encode_batch(sample):
        seen.update(encoding.ids)
    ascii_signs = {token for token in everything if len(token) == 1 and 33 <= ord(token) < 127}
    twins = [
        (left, right)
        for left, right in candidates
        if right in ascii_signs or seen[vocabulary[left + right]] >= twin_count
    ]
    spaces = [(SPACE * n, SPACE * n) for n in (1, 2, 4)]
    return _assemble(bare + twins + spaces)


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write the tokenizer and its chat template in the transformers format, without custom code."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END_OF_TEXT,
        "eos_token": TURN_END,
        "pad_token": END_OF_TEXT,
        "unk_token": None,
        "additional_special_tokens": [TURN_START],
        "model_max_length": 2048,
        "clean_up_tokenization_spaces": False,
        "add_bos_token": False,
        "model_input_names": ["input_ids", "attention_mask"],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
