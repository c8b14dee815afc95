"""The OpenAI-compatible server: many requests at once, for several specialists that share their bases."""
