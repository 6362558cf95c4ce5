"""Rewrite the list of hosting AS numbers from the ASN source. Read its diff before committing it.

Usage: python deploy/geodata/hosting.py [FEWEST_IPV4_ADDRESSES]     (default: 1024)

In the list: the numbers below, which are chosen by hand, and every network whose organisation's name says that it rents out
machines. Left out on purpose: networks from which people browse (Cloudflare and Fastly carry WARP and iCloud Private Relay, Akamai
the latter; telecoms with a cloud branch under the same number).
"""

from __future__ import annotations

import csv
import ipaddress
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from build import ASN_PACKAGE, TARGET, fetch

CHOSEN = """
16509 14618 8987 7224 801 396982 19527 15169 8075 8068 8069 8070 8071 12076 3598 58862 45139 63314 200517 31898 1215 1219 6142 14544
15135 20054 45102 37963 24429 134963 132203 45090 132591 133478 137876 55990 136907 63727 131444 141180 149167 151610 16276 35540 24940
213230 212317 14061 393406 46652 63949 48337 20473 396356 36352 12876 60781 28753 30633 16265 7203 27411 59253 133752 394380 395954
396190 396362 32613 51167 40021 141995 9009 60068 212238 49981 43350 202425 62240 50340 49505 204428 206728 47583 47846 8560 54548 36351
46562 46475 29802 53667 40676 62904 19969 55286 19437 20454 8100 22612 26496 398101 32475 33387 63018 23352 25820 33070 19994 27357 15395
12200 60404 42708 44901 197540 24961 35913 63023 50304 51852 56630 61317 64267 46606 46664 136787 54290 55081 53850 62563 203020 211252
204601 207990 209605 198953 206264 57043 50867 395839 200651 210558 51396 44066 31400 201814 197695 48282 25532 29182 9123 198610 200350
210656 47764 48347 49392 38136 9312 135377 63199 58593 7506 7684 9370 9371 4694 131965 23576 45974 55933 55967 23724 138915 21859 40065
54574 54600 18779 18978 35916 62468 202053 25697 31034 12637 20860 35425 8972 20773 34011 42831 31708 44050 48090 399629 203833 29066
30083 24806 43541 197019 24971 16125 62282 212531 200019 39798 43289 207713 53340 393960 11282 13213 19318 29838 17139 19871 22611 3842
54641 55293 46261 46844 10929 13649 7979 30058
"""
RENTS_OUT = re.compile(
    r"\b(?:(?:web|cloud|dedicated|server|vps)[ -]?hosting|hosting|vps|vds|idc|data[ -]?cent(?:er|re)s?|dedicated servers?"
    r"|cloud (?:computing|services?|hosting|technolog(?:y|ies)|solutions?)|virtual servers?|servers)\b",
    re.IGNORECASE,
)
NOT_RENTED = re.compile(
    r"universi|college|school|hospital|bank|government|ministry|state of|city of|county|telecom|telekom|cable|fiber|broadband|wireless"
    r"|mobile|insurance|health|exchange|cloudflare|fastly|akamai",
    re.IGNORECASE,
)


def main(fewest: int) -> None:
    """Write hosting_asns.txt, ordered by number so that a diff shows what changed."""
    with tempfile.TemporaryDirectory() as work:
        source, version, built = fetch(ASN_PACKAGE, Path(work))
        names: dict[int, str] = {}
        size: Counter[int] = Counter()
        for file in ("asn-ipv4.csv", "asn-ipv6.csv"):
            with (source / file).open(encoding="utf-8", newline="") as rows:
                for first, last, number, organisation in csv.reader(rows):
                    names.setdefault(int(number), organisation)
                    if file == "asn-ipv4.csv":
                        size[int(number)] += int(ipaddress.ip_address(last)) - int(ipaddress.ip_address(first)) + 1
    chosen = {int(number) for number in CHOSEN.split()}
    named = {n for n, name in names.items() if size[n] >= fewest and RENTS_OUT.search(name) and not NOT_RENTED.search(name)}
    lines = [
        f"# AS numbers of hosting providers: {len(chosen & names.keys())} chosen by hand, the others by their organisation's name.",
        f"# Names from {ASN_PACKAGE} {version}, data of {built}, CC-BY-4.0 (see ATTRIBUTION.md). Written by deploy/geodata/hosting.py.",
        *(f"{number} {names[number]}" for number in sorted((chosen & names.keys()) | named)),
    ]
    (TARGET / "hosting_asns.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(len(lines) - 2, "numbers; not in the table:", sorted(chosen - names.keys()))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1024)
