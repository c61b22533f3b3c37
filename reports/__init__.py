"""Recorded results in, judgement and pictures out; reads files and ``model``, nothing else."""

from reports.recorded import ReportError
from reports.write import write_report

__all__ = ["ReportError", "write_report"]
