"""Whether the samples that `validation_split` holds back have the classes of those that train.

Keras takes the last samples, in the order of the file. Of a file that is sorted by class, training never sees those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import floor, log

from netspec.diagnostics import Diagnostic
from netspec.spec.spec import Spec

_MOST_CLASSES = 10_000
_CHANCE = 1e-3
"""A split that shuffled samples have less often than this is reported."""
_MOST_LISTED = 8


def kept_samples(samples: int, share: float) -> int:
    """Return how many samples train: all but the last `share`, as Keras counts them."""
    return floor(samples * (1.0 - share))


class SplitCounts:
    """Counts the classes of the samples that train and of those that are held back, in the order of the file."""

    def __init__(self, samples: int, share: float) -> None:
        self.kept = kept_samples(samples, share)
        self._train: Counter[float] = Counter()
        self._held: Counter[float] = Counter()
        self._seen = 0

    def add(self, labels: Sequence[float]) -> None:
        """Take the labels of the next samples."""
        left = max(0, self.kept - self._seen)
        self._train.update(labels[:left])
        self._held.update(labels[left:])
        self._seen += len(labels)

    def uneven(self) -> tuple[list[float], list[float]]:
        """Return the classes that training hardly sees, and those that validation hardly sees."""
        classes = self._train | self._held
        if not 2 <= len(classes) <= _MOST_CLASSES or not self._train or not self._held:
            return [], []
        chance = _CHANCE / len(classes)
        share = self._held.total() / self._seen
        order = sorted(classes)
        return (
            [each for each in order if _rare(self._train[each], self._held[each], share, chance)],
            [each for each in order if _rare(self._held[each], self._train[each], 1 - share, chance)],
        )

    @property
    def held(self) -> int:
        """How many samples are held back."""
        return self._held.total()

    def counts(self, label: float) -> tuple[int, int]:
        """Return how many samples of a class train, and how many are held back."""
        return self._train[label], self._held[label]


def _rare(here: int, there: int, share: float, chance: float) -> bool:
    """Return whether a part has less than a tenth of its share of a class, and shuffling would hardly do that.

    `share` is the other part's. The chance of at most `here` of n is bounded by Chernoff's inequality.
    """
    total = here + there
    part = here / total
    if part >= 0.1 * (1 - share):
        return False
    divergence = (part * log(part / (1 - share)) if part else 0.0) + (1 - part) * log((1 - part) / share)
    return total * divergence > -log(chance)


def split_warning(spec: Spec, counts: SplitCounts, names: Sequence[str] = ()) -> Diagnostic | None:
    """Return a warning about `validation_split` where it parts the classes; `names` are those of the classes."""
    assert spec.train is not None
    unseen, unchecked = counts.uneven()
    if not unseen and not unchecked:
        return None
    listed = _listed([_part(*counts.counts(label), label, names) for label in unseen or unchecked])
    what = f"validation_split {spec.train.validation_split:g} holds back the last {counts.held:,} samples, with"
    never = not any(counts.counts(label)[0] for label in unseen)
    those = "it" if len(unseen) == 1 else "them"
    if unseen:
        message = f"{what} {listed}: training {'never' if never else 'hardly'} sees {those}"
    else:
        message = f"{what} only {listed}"
    return Diagnostic(
        "data-split-classes",
        message,
        spec.span("train", "validation_split"),
        "warning",
        help="shuffle the samples once before you save them, or give x_val and y_val",
        path="train.validation_split",
    )


def _part(train: int, held: int, label: float, names: Sequence[str]) -> str:
    name = f"'{names[int(label)]}'" if 0 <= label < len(names) else f"{label:g}"
    return f"{held:,} of the {train + held:,} of class {name}"


def _listed(parts: Sequence[str]) -> str:
    shown = [*parts[:_MOST_LISTED], *(["..."] if len(parts) > _MOST_LISTED else [])]
    return ", ".join(shown)
