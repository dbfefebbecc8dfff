"""What leaves churnlab: bundle, tables, SQL, verification, monitoring.

`export_bundle` writes a bundle from in-memory results, `verify` checks it;
`churnlab.bundle.score` scores new events with it.
"""

from churnlab.export.config import ExportConfig, SqlConfig
from churnlab.export.evidence import backtest_evidence, nday_rule, playbook_parts
from churnlab.export.export import export_bundle
from churnlab.export.inputs import ExportInputs, VisitEvidence
from churnlab.export.verify import verify

__all__ = [
    "ExportConfig", "ExportInputs", "SqlConfig", "VisitEvidence", "backtest_evidence",
    "export_bundle", "nday_rule", "playbook_parts", "verify",
]  # fmt: skip
