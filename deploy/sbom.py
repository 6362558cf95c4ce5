"""Write a CycloneDX bill of materials of what the image holds: the build stage is run, and its environment read.

Run as `python -m deploy.sbom FILE` from the project's root. Licences come from the installed packages, not from a list.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from deploy.check_image import ROOT, Place, build, read_dockerfile

CYCLONEDX: Final = Path(sys.executable).parent / "cyclonedx-py"


def write(python: Path, target: Path) -> None:
    """The bill of `python`'s environment, the same bytes for the same packages. Raises CalledProcessError when the tool refuses."""
    command: list[str | Path] = [CYCLONEDX, "environment", "--pyproject", ROOT / "pyproject.toml", "--mc-type", "application"]
    subprocess.run([*command, "--output-reproducible", "--of", "JSON", "-o", target, python], check=True, cwd=ROOT)


def main() -> int:
    """Build the environment, write its bill."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    target: Path = parser.parse_args().target.absolute()
    with tempfile.TemporaryDirectory(prefix="tos-proxy-sbom-") as folder:
        place = Place(Path(folder), dict(os.environ) | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"})
        build(read_dockerfile(ROOT / "deploy" / "Dockerfile")["build"], place)
        write(place.root / "opt" / "tos-proxy" / "bin" / "python", target)
    print(f"{target} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
