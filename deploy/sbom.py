"""Write a CycloneDX bill of materials of what the image holds: the build stage is run, its environment read, the data files added.

Run as `python -m deploy.sbom FILE` from the project's root. Licences of packages come from the installed packages, those of data from
the attribution file beside them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from deploy.check_image import ROOT, Place, build, read_dockerfile
from proxy import VERSION

CYCLONEDX: Final = Path(sys.executable).parent / "cyclonedx-py"
DATA: Final = ROOT / "proxy" / "adapters" / "geodata"
_ROW: Final = re.compile(r"^\| `(?P<file>[^`]+)` \| (?P<source>[^|]+) \| (?P<date>[0-9-]+) \| \[?(?P<licence>[A-Za-z0-9.-]+)", re.MULTILINE)


def packages(python: Path, target: Path) -> None:
    """The bill of `python`'s environment, the same bytes for the same packages. Raises CalledProcessError when the tool refuses."""
    command: list[str | Path] = [CYCLONEDX, "environment", "--pyproject", ROOT / "pyproject.toml", "--mc-type", "application"]
    subprocess.run([*command, "--output-reproducible", "--of", "JSON", "-o", target, python], check=True, cwd=ROOT)


def data_components() -> list[dict[str, Any]]:
    """The embedded databases and lists: name, date, digest, licence, origin."""
    return [
        {
            "type": "data",
            "bom-ref": f"data:{row['file']}",
            "name": row["file"],
            "version": row["date"],
            "description": f"from {row['source'].replace('`', '')}",
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256((DATA / row["file"]).read_bytes()).hexdigest()}],
            "licenses": [{"license": {"id": row["licence"]}}],
        }
        for row in _ROW.finditer((DATA / "ATTRIBUTION.md").read_text("utf-8"))
    ]


def completed(bill: dict[str, Any]) -> dict[str, Any]:
    """The bill with what the tool can't know: our version, which stands in the code, and the data files."""
    bill["metadata"]["component"]["version"] = VERSION
    return bill | {"components": bill["components"] + data_components()}


def main() -> int:
    """Build the environment, write its bill."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    target: Path = parser.parse_args().target.absolute()
    with tempfile.TemporaryDirectory(prefix="tos-proxy-sbom-") as folder:
        place = Place(Path(folder), dict(os.environ) | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"})
        build(read_dockerfile(ROOT / "deploy" / "Dockerfile")["build"], place)
        packages(place.root / "opt" / "tos-proxy" / "bin" / "python", target)
    bill = completed(json.loads(target.read_text("utf-8")))
    target.write_text(json.dumps(bill, indent=2) + "\n", "utf-8")
    print(f"{target}: {len(bill['components'])} components")
    return 0


if __name__ == "__main__":
    sys.exit(main())
