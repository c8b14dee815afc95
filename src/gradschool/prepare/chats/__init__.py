"""Exports of messengers, assistants and ticket systems, as JSON or tables: each becomes dialogues."""
