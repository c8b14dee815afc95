"""Engines that answer, and the chat rendering that they and training share."""
