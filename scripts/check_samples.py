"""Check every Python sample of the documents with mypy --strict and pyright, as one who copies it would.

A sample that awaits is the body of a coroutine; what a page says is the reader's own stands in a module beside it.
"""

import ast
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)

# "`app`, `greet` and `Handler` are yours."
_YOURS = """
from asyncio import StreamReader, StreamWriter
from http.server import BaseHTTPRequestHandler
from socketserver import StreamRequestHandler
from typing import Any

class Handler(BaseHTTPRequestHandler): ...
class Greeting(StreamRequestHandler): ...
async def app(scope: Any, receive: Any, send: Any) -> None: ...
async def greet(reader: StreamReader, writer: StreamWriter) -> None: ...
"""
_PYRIGHT = '{"typeCheckingMode": "standard", "pythonVersion": "3.11", "reportMissingModuleSource": false}'


def samples() -> Iterator[tuple[str, str]]:
    """Each sample, by the page and the line where it stands."""
    for page in PAGES:
        text = page.read_text()
        for found in _BLOCK.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            name = re.sub(r"\W+", "_", f"{page.relative_to(ROOT).with_suffix('')}_{line}")
            yield name, re.sub(rf"^{found[1]}", "", found[2], flags=re.MULTILINE)


def as_module(code: str) -> str:
    """The sample as it stands, or in a coroutine where it awaits."""
    try:
        compile(code, "sample", "exec")
    except SyntaxError:
        compile(code, "sample", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        return "async def sample() -> None:\n" + re.sub(r"^(?=.)", "    ", code, flags=re.MULTILINE)
    return code


def main() -> int:
    """Write the samples to a folder, and have both programs read it."""
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        for name, code in samples():
            (there / f"{name}.py").write_text(as_module(code))
        (there / "hello.py").write_text(_YOURS)
        (there / "pyrightconfig.json").write_text(_PYRIGHT)
        cache = ["--cache-dir", str(ROOT / ".mypy_cache" / "samples")]
        checks = (
            [sys.executable, "-m", "mypy", "--strict", "--config-file", "", *cache, "."],
            [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "."],
        )
        return max(subprocess.run(check, cwd=there, check=False).returncode for check in checks)


if __name__ == "__main__":
    sys.exit(main())
