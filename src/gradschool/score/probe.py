"""What is seen without a language model: a linear probe on the features of images, and the nearest training image.

The features are those that the base's vision tower and projector compute, which are cached (Alain and Bengio 2016,
"Understanding intermediate layers using linear classifier probes", arXiv:1610.01644).
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gradschool.data.labels import classes
from gradschool.records import Example, FloorKind

Features: TypeAlias = Callable[[Example], Sequence[float]]
STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # of the inverse regularization, chosen by cross-validation on train
FOLDS = 4
MAX_TRAIN = 5_000  # train examples


def image_answers(train: Sequence[Example], test: Sequence[Example], features: Features) -> dict[FloorKind, list[str]]:
    """The answers of a probe and of the nearest image; empty if answers are no labels or a question has no image."""
    train = train[:MAX_TRAIN]
    counts = classes(train)
    if not counts or len(counts) < 2 or not all(example.images for example in (*train, *test)):
        return {}
    labels = [example.ideal.strip() for example in train]
    known, asked = (np.array([features(example) for example in part], dtype=np.float64) for part in (train, test))
    mean, spread = known.mean(0), known.std(0) + 1e-6
    known, asked = (known - mean) / spread, (asked - mean) / spread
    return {"probe": _probe(known, labels, asked), "nearest image": _nearest(known, labels, asked)}


def _probe(known: npt.NDArray[np.float64], labels: list[str], asked: npt.NDArray[np.float64]) -> list[str]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    fewest = min(map(labels.count, set(labels)))
    probe = LogisticRegression(C=0.01, max_iter=2_000)
    if fewest >= FOLDS:
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        probe = GridSearchCV(probe, {"C": list(STRENGTHS)}, cv=folds)
    return [str(label) for label in probe.fit(known, labels).predict(asked)]


def _nearest(known: npt.NDArray[np.float64], labels: list[str], asked: npt.NDArray[np.float64]) -> list[str]:
    from sklearn.neighbors import NearestNeighbors

    places = NearestNeighbors(n_neighbors=1).fit(known).kneighbors(asked, return_distance=False)[:, 0]
    return [labels[place] for place in places.tolist()]
