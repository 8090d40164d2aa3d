"""The registry as a file: what an import would change, row by row, and the file that an export gives.

`plan` only reads; `actions.apply_import` writes exactly what a plan showed. The format is in docs/formats/registry-csv.md.
"""

from atalaya.apps.registry.exchange.export import certificates, export
from atalaya.apps.registry.exchange.plan import Change, Line, Plan, Verdict
from atalaya.apps.registry.exchange.planning import plan

__all__ = ["Change", "Line", "Plan", "Verdict", "certificates", "export", "plan"]
