"""Which keys were seen before, against a plain set."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from atalaya.core.pipeline.dedupe import Seen

# Small ones, and some next to the edges of the parts that keys are kept in.
ONE = st.integers(-30, 30) | st.builds(
    lambda part, beside: max(-(2**63), min(2**63 - 1, part * 2**58 + beside)),
    st.integers(-32, 32),
    st.integers(-1, 1),
)
KEYS = st.lists(ONE, max_size=20)


@given(st.lists(KEYS, max_size=12), KEYS)
def test_it_agrees_with_a_set(batches: list[list[int]], stored: list[int]):
    asked: list[set[int]] = []

    def load(groups: set[int]) -> np.ndarray:
        asked.append(groups)
        return np.array(stored, np.int64)

    seen, plain = Seen(load), set(stored)
    for batch in batches:
        mask = seen.fresh(np.array(batch, np.int64), [1])
        expected = []
        for key in batch:
            expected.append(key not in plain)
            plain.add(key)
        assert mask.tolist() == expected
    assert asked in ([], [{1}])


def test_it_asks_for_each_group_once():
    asked: list[int] = []

    def load(groups: set[int]) -> np.ndarray:
        asked.extend(sorted(groups))
        return np.array([], np.int64)

    seen = Seen(load)
    for groups in ([1], [1, 2], [2, 3]):
        seen.fresh(np.array([5], np.int64), groups)
    assert asked == [1, 2, 3]
