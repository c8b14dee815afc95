"""LoRA over a frozen base, and the loop that trains it."""
