"""The built-in base model: corpus, tokenizer, training, evaluation, export."""
