"""Request fields that this server does not implement, and the values of each that ask for nothing.

They are those of OpenAI's API, and of servers and clients that extend it: llama.cpp, vLLM, Ollama, OpenRouter,
Open WebUI.
"""

from typing import Any

# Values that ask for nothing: the empty ones in every field, 0 (also 0.0 and false) in every field below.
EMPTY: tuple[Any, ...] = (None, "", [], {})
NOTHING: tuple[Any, ...] = (0, *EMPTY)

# Fields that would change the answer, each with further values that change nothing.
UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    # how many answers, and what is returned with them
    "best_of": (1,), "num_return_sequences": (1,), "echo": (), "suffix": (), "prompt_logprobs": (),
    "n_probs": (), "modalities": (["text"],), "audio": (),
    # sampling
    "top_k": (-1,), "top_a": (), "min_p": (), "typical_p": (1,), "tfs_z": (1,), "xtc_probability": (),
    "top_n_sigma": (-1,), "smoothing_factor": (),
    "dynatemp_range": (), "mirostat": (), "frequency_penalty": (), "presence_penalty": (), "repetition_penalty": (1,),
    "repeat_penalty": (1,), "dry_multiplier": (), "no_repeat_ngram_size": (), "logit_bias": (), "use_beam_search": (),
    "length_penalty": (1,), "num_beams": (1,), "guidance_scale": (1,), "negative_prompt": (),
    # where an answer ends
    "min_tokens": (), "ignore_eos": (), "stop_token_ids": (), "include_stop_str_in_output": (), "bad_words": (),
    "allowed_token_ids": (), "banned_tokens": (), "n_predict": (-1, -2), "num_predict": (-1, -2),
    # the form of an answer
    "format": (), "grammar": (), "json_schema": (), "guided_json": (),
    "guided_regex": (), "guided_choice": (), "guided_grammar": (), "structured_outputs": (), "prediction": (),
    # tools and other sources
    "functions": (), "function_call": ("none", "auto"),
    "web_search_options": (), "plugins": (), "transforms": (), "documents": (), "files": (), "tool_ids": (),
    "tool_servers": (),
    # how a prompt is built
    "chat_template": (), "chat_template_kwargs": (),
    "continue_final_message": (), "truncate_prompt_tokens": (), "think": (), "enable_thinking": (),
    "thinking": (), "options": (), "params": (), "truncation": ("auto", "disabled"),
}  # fmt: skip

# Fields of chats that completions do not have, with further values that change nothing.
CHAT_ONLY: dict[str, tuple[Any, ...]] = {
    "logprobs": (), "top_logprobs": (), "tools": (), "tool_choice": ("none", "auto"), "parallel_tool_calls": (True,),
}  # fmt: skip

# Fields that ask for something only if they are false.
TRUE_BY_DEFAULT = ("add_generation_prompt", "skip_special_tokens", "detokenize")

# Fields that do not affect an answer of this server, whatever their value.
WITHOUT_EFFECT = frozenset({
    # about the client, its user and its conversation
    "user", "metadata", "store", "safety_identifier", "client_metadata", "session_id", "chat_id", "message_id",
    "parent_id", "id", "request_id", "variables", "model_item", "background_tasks", "features", "filter_ids",
    # about the service
    "service_tier", "priority", "prompt_cache_key", "prompt_cache_retention", "cache_prompt", "cache_salt", "id_slot",
    "keep_alive", "ttl", "num_ctx", "timings_per_token", "return_progress", "provider", "route", "usage", "drop_params",
    # settings of unsupported fields
    "repeat_last_n", "mirostat_tau", "mirostat_eta", "xtc_threshold", "dynatemp_exponent",
    "dry_base", "dry_allowed_length", "dry_penalty_last_n", "dry_sequence_breakers", "samplers",
    "spaces_between_special_tokens", "smoothing_curve", "stream_interval", "timeout", "num_retries", "max_retries",
    # about thoughts, which an answer here does not contain
    "reasoning_effort", "verbosity", "reasoning", "include_reasoning", "reasoning_format",
})  # fmt: skip


def is_unsupported(field: str, value: Any) -> bool:
    """Whether a field asks for something that this server cannot do."""
    if field in TRUE_BY_DEFAULT:
        return value is False
    if field in ("chat_template_kwargs", "logit_bias") and isinstance(value, dict):
        return any(one not in NOTHING for one in value.values())
    if field == "thinking" and isinstance(value, dict) and value:
        return value.get("type") != "disabled"
    neutral = UNSUPPORTED.get(field, CHAT_ONLY.get(field))
    return neutral is not None and value not in NOTHING and value not in neutral
