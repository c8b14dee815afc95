"""Scripts that measure every figure in the docs; each writes one file into bench/results/."""
