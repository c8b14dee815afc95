"""Exports: a specialist as an adapter, a merged model, a GGUF file or for Ollama, each tested against it."""
