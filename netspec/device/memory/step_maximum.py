"""The most bytes in a range of steps, when bytes are added to ranges of steps: a tree of ranges.

With thousands of tensors that all live for thousands of steps, a list by step would take a time of steps x tensors.
"""

from __future__ import annotations


class StepMaximum:
    """Bytes by step, at first 0, for steps from `first` to `last`, both included.

    `add` and `most` take a time that grows with the logarithm of the number of steps.
    """

    def __init__(self, first: int, last: int) -> None:
        self._first = first
        self._count = last + 1 - first
        self._most = [0] * (2 * self._count)
        """By tree node, with the node's own and its children's additions; leaf `_count + i` is step `first + i`."""
        self._added = [0] * self._count
        """By inner node: what was added to all of its steps."""

    def add(self, first: int, last: int, more: int) -> None:
        """Add bytes to each step from `first` to `last`."""
        low, high = self._leaves(first, last)
        for node in self._cover(low, high):
            self._most[node] += more
            if node < self._count:
                self._added[node] += more
        for leaf in (low, high):
            node = leaf // 2
            while node:
                self._most[node] = max(self._most[2 * node], self._most[2 * node + 1]) + self._added[node]
                node //= 2

    def most(self, first: int, last: int) -> int:
        """Return the most bytes of a step from `first` to `last`."""
        return max(self._most[node] + self._above(node) for node in self._cover(*self._leaves(first, last)))

    def _leaves(self, first: int, last: int) -> tuple[int, int]:
        return first - self._first + self._count, last - self._first + self._count

    @staticmethod
    def _cover(low: int, high: int) -> list[int]:
        """Return the nodes that together are the leaves from `low` to `high`."""
        nodes = []
        high += 1
        while low < high:
            if low % 2:
                nodes.append(low)
                low += 1
            if high % 2:
                high -= 1
                nodes.append(high)
            low //= 2
            high //= 2
        return nodes

    def _above(self, node: int) -> int:
        added = 0
        node //= 2
        while node:
            added += self._added[node]
            node //= 2
        return added
