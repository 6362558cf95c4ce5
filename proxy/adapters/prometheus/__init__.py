"""Metrics for Prometheus: the table of their names, and the counts behind them."""

from proxy.adapters.prometheus.exposition import Sample
from proxy.adapters.prometheus.metrics import Metrics, Source
from proxy.adapters.prometheus.table import METRICS

__all__ = ["METRICS", "Metrics", "Sample", "Source"]
