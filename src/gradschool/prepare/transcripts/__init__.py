"""Conversations as text: exports of WhatsApp and other messengers, and transcripts with a speaker at each turn."""
