"""The terms of the training loss, one objective in each file."""
