"""How shipped models are made, from corpus to weights."""
