"""The five dashboards: what is asked, in the order in which an operator looks."""

from __future__ import annotations

from typing import Final

from deploy.grafana.boards.distillation import DISTILLATION
from deploy.grafana.boards.health import HEALTH
from deploy.grafana.boards.limits import LIMITS
from deploy.grafana.boards.policy import POLICY
from deploy.grafana.boards.traffic import TRAFFIC
from deploy.grafana.panel import Board

BOARDS: Final[tuple[Board, ...]] = (TRAFFIC, POLICY, LIMITS, DISTILLATION, HEALTH)
