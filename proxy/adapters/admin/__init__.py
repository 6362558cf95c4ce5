"""The admin listener: metrics, health, policies in force, risk."""

from proxy.adapters.admin.app import admin_app
from proxy.adapters.admin.risk import RiskDesk

__all__ = ["RiskDesk", "admin_app"]
