"""Where pure functions run over pieces of work: in this process, or on the processes of a cluster."""

from atalaya.core.engine.base import Engine
from atalaya.core.engine.local import LOCAL

__all__ = ["LOCAL", "Engine"]
