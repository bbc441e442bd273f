"""A directory in which every module that anybody could import is somebody else's, and tells that it was run."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["COMMAND", "HostileDirectory"]

COMMAND = str(Path(sys.executable).with_name("dualstack"))
"""The command as it is installed; `python -m dualstack` takes what lies in the working directory by itself."""

_OURS = (
    *("dualstack", "click", "rich", "msgspec", "dns", "h11", "jinja2", "markupsafe", "starlette", "uvicorn"),
    *("prometheus_client", "pyroute2"),
)


class HostileDirectory:
    """Files for all of the standard library, of us and of what we need; `ran` are those that somebody has imported."""

    def __init__(self, place: Path) -> None:
        self.place, self._told = place / "hostile", place / "ran"
        self.place.mkdir()
        self._told.mkdir()
        for name in (*sys.stdlib_module_names, *_OURS):
            marker = str(self._told / name)
            text = f"open({marker!r}, 'w').close()\nraise SystemExit('{name} of the working directory was run')\n"
            (self.place / f"{name}.py").write_text(text, encoding="ascii")

    @property
    def ran(self) -> list[str]:
        return sorted(path.name for path in self._told.iterdir())

    def run(self, *words: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command there to its end."""
        return subprocess.run(
            words, cwd=self.place, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
