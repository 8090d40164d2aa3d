"""Which keys were seen before, against a plain set."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atalaya.core.pipeline import dedupe
from atalaya.core.pipeline.dedupe import Seen

# Small ones, and some next to the edges of the parts that keys are kept in.
ONE = st.integers(-30, 30) | st.builds(
    lambda part, beside: max(-(2**63), min(2**63 - 1, part * 2**58 + beside)),
    st.integers(-32, 32),
    st.integers(-1, 1),
)
KEYS = st.lists(ONE, max_size=20)


FOLDER = Path(tempfile.gettempdir())


@pytest.mark.parametrize("large", [65_536, 3])
@given(batches=st.lists(KEYS, max_size=12), stored=KEYS)
def test_it_agrees_with_a_set(large: int, batches: list[list[int]], stored: list[int]):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedupe, "_LARGE", large)
        check(batches, stored)


def check(batches: list[list[int]], stored: list[int]) -> None:
    asked: list[set[int]] = []

    def load(groups: set[int]) -> np.ndarray:
        asked.append(groups)
        return np.array(stored, np.int64)

    seen, plain = Seen(load, FOLDER), set(stored)
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

    seen = Seen(load, FOLDER)
    for groups in ([1], [1, 2], [2, 3]):
        seen.fresh(np.array([5], np.int64), groups)
    assert asked == [1, 2, 3]


def test_many_keys_are_on_disk_in_files_that_nobody_sees_and_that_end_with_it(tmp_path: Path):
    seen = Seen(lambda _: np.array([], np.int64), tmp_path)
    keys = np.random.default_rng(5).integers(-(2**63), 2**63 - 1, 64 * 70_000)
    for part in np.array_split(keys, 8):
        assert seen.fresh(part, [1]).all()
    assert open_in(tmp_path) and list(tmp_path.iterdir()) == []
    assert not seen.fresh(keys[::1000], [1]).any()
    del seen
    assert not open_in(tmp_path)


def open_in(folder: Path) -> list[str]:
    """Files of a folder that this process has open."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(path.readlink()))
    return [name for name in found if name.startswith(f"{folder}/")]
