"""The tests on one candidate: each gives a finding with a sentence that a person can check.

Region, nationality and language are never looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from proxy.detection.campaigns.candidate import COMPANY, YOUNG_DAYS, Candidate
from proxy.detection.campaigns.measures.evenness import dispersion, evenness
from proxy.detection.campaigns.measures.pauses import PAUSE_S
from proxy.detection.campaigns.pace import INDEPENDENT
from proxy.detection.evidence.fusion import Finding
from proxy.detection.evidence.table import EvidenceTable
from proxy.detection.index.population import Population, Shares
from proxy.detection.text.intent import Intents

MIN_SENDINGS = 12
"""Shares of fewer sendings say nothing."""
MIN_MEMBERS = 8
COMMON_PROMPTS = 0.2
"""Share of the members that send the same prompt, on average: pipelines that sample a prompt sixteen times spread it thinner."""
FEW_QUESTIONS = 6.0
"""Fewer are an exercise sheet."""
COMPANY_TIMES = 2.0
"""How much more common a campaign's members must be among a text's senders than among all accounts: they may be busy customers too."""


class Company(NamedTuple):
    """A campaign that members of a candidate are in already, and how many of them."""

    campaign: Candidate
    common: int


def findings(
    candidate: Candidate, table: EvidenceTable, population: Population, intents: Intents, company: Company | None = None
) -> list[Finding]:
    """All findings with a weight."""
    if candidate.size < MIN_MEMBERS and not candidate.texts:
        return []
    found = [*_spread(candidate), *_timing(candidate), *_identity(candidate, population)]
    if company is not None:
        found += _company(candidate, company, population)
    if candidate.sendings >= MIN_SENDINGS:
        shares = population.shares()
        found += [
            *_intent(candidate, intents),
            *_harvest(candidate, shares),
            *_bank(candidate, shares),
            *_pivot(candidate, population, shares),
        ]
    weighed = (Finding(measure, value, table.weigh(measure, value), sentence) for measure, value, sentence in found)
    return [finding for finding in weighed if finding.log10 != 0.0]


_Raw = tuple[str, float, str]


def _spread(candidate: Candidate) -> Iterator[_Raw]:
    if candidate.texts:
        texts = "a text" if len(candidate.texts) == 1 else f"{len(candidate.texts)} texts"
        yield (
            "text.spread",
            candidate.spread,
            (
                f"{candidate.size} accounts sent {texts} (key {candidate.texts[0].key:016x}) that spread so widely for the first time; "
                f"chance alone spreads 10^-{candidate.spread:.0f} texts so widely in a day"
            ),
        )


def _timing(candidate: Candidate) -> Iterator[_Raw]:
    pinned = candidate.pace.pinned
    if pinned.decades >= 1.0:
        yield (
            "timing.pinned",
            pinned.decades,
            (
                f"together they hold {pinned.mean:.1f} +- {pinned.deviation:.1f} requests in flight; independent accounts would vary by "
                f"+- {pinned.expected_deviation:.1f} (chance 10^-{min(pinned.decades, 99):.0f})"
            ),
        )
    elif pinned.ratio >= INDEPENDENT:
        yield "timing.independent", pinned.weight, f"their requests in flight vary as independent accounts' do (ratio {pinned.ratio:.2f})"
    pause = candidate.pace.pauses.decades()
    yield (
        "timing.common_pause",
        pause,
        (
            f"within {PAUSE_S:.0f} s after one was told to slow down, {candidate.pace.pauses.observed} of the others sent something, where "
            f"{candidate.pace.pauses.expected:.0f} would at a quiet time"
        ),
    )


def _intent(candidate: Candidate, intents: Intents) -> Iterator[_Raw]:
    share = candidate.intended / candidate.sendings
    if share:
        place = max(range(len(intents.names)), key=candidate.intents.__getitem__)
        told = f"{share:.0%} of {candidate.sendings} sendings match a pattern file, most often {intents.names[place]}"
        yield "intent.shared", share, told


def _harvest(candidate: Candidate, shares: Shares) -> Iterator[_Raw]:
    single = 1.0 - candidate.continued / candidate.sendings
    distinct = candidate.prompts.estimate()
    prompts = min(round(distinct), candidate.sendings)  # a sketch may count more of them than were sent
    common = candidate.sendings / (max(distinct, 1.0) * candidate.size)
    if candidate.texts and common >= COMMON_PROMPTS:
        told = f"{candidate.size} accounts send the same some {prompts} prompts, each some {candidate.sendings / max(prompts, 1):.0f} times: an exercise, a job or a joke"
        yield "harvest.same_prompts", common, told
        return
    yield (
        "harvest.one_way",
        single,
        f"{single:.0%} of {candidate.sendings} sendings continue no conversation, with some {prompts} prompts",
    )
    if candidate.texts:  # those who share a trait alone are a mixture: their counts say nothing
        ratio = dispersion(candidate.size, sum(candidate.principals.values()), candidate.sum_squares)
        yield "harvest.even", evenness(ratio), f"their counts differ {ratio:.2f} times as much as chance alone lets them"
        yield "harvest.uneven", ratio, f"their counts differ {ratio:.1f} times as much as chance alone lets them, as users' do"
    yield "harvest.follow_ups", 1.0 - single, f"{1.0 - single:.0%} of {candidate.sendings} sendings continue a conversation"
    wanting = max(candidate.reasoning, candidate.sampled) / candidate.sendings
    yield (
        "harvest.maximised",
        wanting - shares.harvesting,
        f"{wanting:.0%} ask for reasoning, several samples or token probabilities; {shares.harvesting:.0%} of all requests do",
    )


def _bank(candidate: Candidate, shares: Shares) -> Iterator[_Raw]:
    share = candidate.banked / candidate.sendings
    questions = candidate.questions.estimate()
    if share > max(0.3, min(0.7, 3.0 * shares.banked)) and questions >= FEW_QUESTIONS:
        told = f"{share:.0%} of {candidate.sendings} sendings carry a question of a published bank, some {questions:.0f} different ones"
        yield "bank.shared", share, told


def _company(candidate: Candidate, company: Company, population: Population) -> Iterator[_Raw]:
    share = min(0.999, company.common / candidate.size)
    base = min(0.999, (company.campaign.size + 1.0) / (population.accounts + 2.0))
    if share > COMPANY_TIMES * base:
        surprise = candidate.size * (share * math.log10(share / base) + (1.0 - share) * math.log10((1.0 - share) / (1.0 - base)))
        yield (
            COMPANY,
            surprise,
            f"{company.common} of the {candidate.size} accounts are members of {company.campaign.id} already, by other texts or by the pace of their requests",
        )


def _identity(candidate: Candidate, population: Population) -> Iterator[_Raw]:
    size, everyone = candidate.size, population.accounts
    if candidate.rarity:
        told = f"{size} accounts began to use the same settings (key {candidate.id}), which 1 in 10^{candidate.rarity:.1f} accounts used before"
        yield "identity.settings", candidate.rarity, told
    if size < MIN_MEMBERS:
        return
    for identifier, users in sorted(candidate.identifiers.items(), key=lambda item: -item[1])[:4]:
        share = min(1.0, users / size)
        if share >= 0.3:
            others = (max(0, population.using(identifier) - users) + 1.0) / (max(0, everyone - size) + 2.0)
            kind = "client" if identifier & 1 else "network"
            told = f"{share:.0%} of the accounts share one {kind} ({identifier:016x}) that {others:.1%} of other accounts use"
            yield f"identity.{kind}", math.log10(share / others), told
    if candidate.aged >= MIN_MEMBERS and population.aged > candidate.aged:
        share = candidate.young / candidate.aged
        base = (max(0, population.young - candidate.young) + 1.0) / (population.aged - candidate.aged + 2.0)
        if share >= 0.3:
            told = f"{share:.0%} of the accounts are under {YOUNG_DAYS:.0f} days old, {base:.0%} of others"
            yield "identity.young", math.log10(share / base), told


def _pivot(candidate: Candidate, population: Population, shares: Shares) -> Iterator[_Raw]:
    moved = sum(count for model, count in candidate.models.items() if population.is_new(model, candidate.last_seen))
    expected = shares.new_model * candidate.sendings
    if moved > expected and moved >= MIN_SENDINGS:
        decades = max(0.0, (moved * math.log(moved / expected) - moved + expected) / math.log(10.0))
        yield (
            "pivot.new_model",
            decades,
            f"{moved} of {candidate.sendings} sendings use a model first seen within 24 h; {expected:.0f} were due",
        )
