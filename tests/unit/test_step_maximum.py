"""The most bytes in a range of steps, against a plain list."""

from __future__ import annotations

from random import Random

import pytest

from netspec.device.memory.step_maximum import StepMaximum


@pytest.mark.parametrize("seed", range(40))
def test_it_says_what_a_list_by_step_says(seed: int) -> None:
    random = Random(seed)
    first = random.randint(-1, 5)
    count = random.randint(1, 40)
    tree, steps = StepMaximum(first, first + count - 1), [0] * count
    for _ in range(60):
        low, high = sorted(random.choices(range(count), k=2))
        assert tree.most(first + low, first + high) == max(steps[low : high + 1])
        more = random.randint(0, 100)
        tree.add(first + low, first + high, more)
        steps[low : high + 1] = [each + more for each in steps[low : high + 1]]
    assert [tree.most(step, step) for step in range(first, first + count)] == steps
