"""A laboratory of network namespaces: nodes joined by a veth, workloads behind them, real programs inside.

Used by the demonstration (scripts/demo) and the integration ring. Everything a lab makes carries its name, is written
down under /run/sluice-lab/NAME before it is made, and is removed by Lab.cleanup(), also after a crash.
"""
from .lab import Lab
from .process import LabError

__all__ = ["Lab", "LabError"]
