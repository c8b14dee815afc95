"""Training: the loop, its objectives, how a training is sized, and the memory it needs."""
