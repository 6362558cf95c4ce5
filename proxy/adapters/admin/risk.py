"""Accounts and campaigns above a level with their evidence, and an operator's two answers: release and waive, each with a reason.

Campaigns that an operator exempted are listed too, so that what was decided can be seen while it lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

import orjson
from aiohttp import web

from proxy.detection.report import AccountReport, CampaignReport

Note = Callable[[str, Mapping[str, Any]], None]
"""Writes what an operator did into the log of records."""

_DAY_S: Final = 86_400.0
_MOST_DAYS: Final = 366.0
_LONGEST: Final = 500
_MOST_SHOWN: Final = 200
"""Campaigns, and accounts; how many there are in all is a metric."""


class RiskDesk(Protocol):
    """What is known of accounts and campaigns. Implemented by the detector."""

    def accounts(self, level: int, now: float, most: int) -> list[AccountReport]:
        """Up to `most` accounts that stand at `level` or above, highest first."""

    def account(self, account: str, now: float) -> AccountReport | None:
        """One account; None when nothing is known of it."""

    def campaigns(self, now: float) -> list[CampaignReport]:
        """All campaigns, strongest first."""

    def campaign(self, subject: str, now: float) -> CampaignReport | None:
        """The campaign of an id; None when there is none."""

    def release(self, subject: str, reason: str, now: float) -> None:
        """Clear an account or campaign."""

    def waive(self, subject: str, until: float, reason: str, now: float) -> None:
        """Exempt an account or campaign until a time."""


class RiskRoutes:
    """GET /risk, GET /risk/accounts/{account}, POST /risk/release, POST /risk/waive."""

    def __init__(self, desk: RiskDesk | None, note: Note, logged: Callable[[str], str], clock: Callable[[], float]) -> None:
        """`logged` is how the log names an account."""
        self._desk, self._note, self._logged, self._clock = desk, note, logged, clock

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        return [
            web.get("/risk", self._list),
            web.get("/risk/accounts/{account}", self._one),
            web.post("/risk/release", self._release),
            web.post("/risk/waive", self._waive),
        ]

    def _known(self) -> RiskDesk:
        if self._desk is None:
            raise web.HTTPNotFound(text="detection is switched off")
        return self._desk

    async def _list(self, request: web.Request) -> web.Response:
        level = request.query.get("level", "1")
        if level not in {"1", "2", "3", "4"}:
            raise web.HTTPBadRequest(text="level is 1, 2, 3 or 4")
        desk, now = self._known(), self._clock()
        campaigns = [report for report in desk.campaigns(now) if report.level >= int(level) or now < report.exempt_until]
        accounts = desk.accounts(int(level), now, _MOST_SHOWN)
        return _json(
            {
                "level": int(level),
                "campaigns": [_told(report) for report in campaigns[:_MOST_SHOWN]],
                "accounts": [_told(report) for report in accounts],
            }
        )

    async def _one(self, request: web.Request) -> web.Response:
        report = self._known().account(request.match_info["account"], self._clock())
        if report is None:
            raise web.HTTPNotFound(text="nothing is known of this account")
        return _json(_told(report))

    async def _release(self, request: web.Request) -> web.Response:
        order = await _order(request, waives=False)
        desk, now = self._known(), self._clock()
        subject = self._subject(desk, order.subject, now)
        desk.release(order.subject, order.reason, now)
        self._note("risk.release", {"at": now, "subject": subject, "reason": order.reason})
        return _json({"released": order.subject})

    async def _waive(self, request: web.Request) -> web.Response:
        order = await _order(request, waives=True)
        desk, now = self._known(), self._clock()
        subject = self._subject(desk, order.subject, now)
        until = now + order.days * _DAY_S
        desk.waive(order.subject, until, order.reason, now)
        self._note("risk.waive", {"at": now, "subject": subject, "until": until, "reason": order.reason})
        return _json({"waived": order.subject, "until": until})

    def _subject(self, desk: RiskDesk, subject: str, now: float) -> str:
        """What the log calls it: accounts as in records, campaigns by their id. Raises HTTPNotFound when there is neither."""
        if desk.account(subject, now) is not None:
            return self._logged(subject)
        if desk.campaign(subject, now) is not None:
            return subject
        raise web.HTTPNotFound(text="no account or campaign has this id")


class _Order(NamedTuple):
    subject: str
    reason: str
    days: float


async def _order(request: web.Request, *, waives: bool) -> _Order:
    """What a POST asks for. Raises HTTPBadRequest with all that is wrong."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="send application/json")
    try:
        given: Any = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise web.HTTPBadRequest(text="the body is not JSON") from error
    wanted = {"subject", "reason", "days"} if waives else {"subject", "reason"}
    if not isinstance(given, dict) or set(given) != wanted:
        raise web.HTTPBadRequest(text=f"give exactly {', '.join(sorted(wanted))}")
    wrong = [f"{name} is 1 to {_LONGEST} printable characters" for name in ("subject", "reason") if not _is_line(given[name])]
    days = given.get("days", 1)
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0.0 < days <= _MOST_DAYS:
        wrong.append(f"days is a number above 0, up to {_MOST_DAYS:g}")
    if wrong:
        raise web.HTTPBadRequest(text="; ".join(wrong))
    return _Order(given["subject"].strip(), given["reason"].strip(), float(days))


def _is_line(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= _LONGEST and value.isprintable()


def _told(report: AccountReport | CampaignReport) -> dict[str, Any]:
    return report._asdict() | {"evidence": [finding._asdict() for finding in report.evidence]}


def _json(value: Mapping[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")
