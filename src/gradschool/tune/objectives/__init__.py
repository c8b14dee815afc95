"""What the training loop minimises, one objective in a file."""
