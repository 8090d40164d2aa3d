"""The command that takes in files says what is wrong with the node's own settings, before any file is kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from tests.world import World

from atalaya.apps.events.models import Ingest
from atalaya.core.errors import ConfigError
from atalaya.site.commands.ingest import take_in


@pytest.mark.parametrize(
    ("state", "said"), [("", "does not know whose state"), ("QQ", "QQ is not a state of this node")]
)
def test_it_wants_a_state_that_the_node_has(
    owned: World, data: Path, settings: Any, state: str, said: str
) -> None:
    node = dataclasses.replace(settings.CONFIG.node, state=state)
    settings.CONFIG = dataclasses.replace(settings.CONFIG, node=node)
    (data / "events.jsonl").write_bytes(b"{}\n")
    with pytest.raises(ConfigError, match=said) as refused:
        take_in(data / "events.jsonl", "")
    assert "[node] state" in refused.value.advice
    assert not Ingest.objects.exists()
