"""Print the requirements of a group of pyproject.toml, `dev` by default, for a pip that cannot read such groups."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
# One a line: the words of a marker stay together.
print("\n".join(project["dependency-groups"][sys.argv[1] if len(sys.argv) > 1 else "dev"]))
