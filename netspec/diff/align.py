"""The alignment of two lists."""

from __future__ import annotations

from collections.abc import Callable


def aligned(olds: list[str], news: list[str], likeness: Callable[[str, str], float]) -> list[tuple[str, str]]:
    """Return the pairs, in the order of both lists, whose likenesses have the largest sum (Needleman and Wunsch)."""
    rows, columns = len(olds), len(news)
    score = [[likeness(old, new) for new in news] for old in olds]
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            paired = best[i + 1][j + 1] + score[i][j] if score[i][j] else 0.0
            best[i][j] = max(paired, best[i + 1][j], best[i][j + 1])
    pairs = []
    i = j = 0
    while i < rows and j < columns:
        if score[i][j] and best[i][j] == best[i + 1][j + 1] + score[i][j]:
            pairs.append((olds[i], news[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs
