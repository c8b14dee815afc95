"""The recipe of `pocket-eyes`: a small vision tower and projector before the built-in base."""
