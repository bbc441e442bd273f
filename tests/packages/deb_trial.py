"""The Debian package on a copy of this system that is thrown away: `deb_trial.py OLDER NEWER PLACE`, as root.

Installed, edited by a line, started as its unit would, upgraded while clients call, purged; what it saw is JSON.
It runs in mount, network and process namespaces of its own; nothing of this system is touched.
"""

import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

EVERY_S = 1 / 200
SERVER = """
import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 9080), Answer)
print("ready", flush=True)
server.serve_forever()
"""


class Copy:
    """This system with a layer above that takes all changes."""

    def __init__(self, place: Path) -> None:
        self.upper, work, self.root = (place / name for name in ("upper", "work", "root"))
        run("mount", "-t", "tmpfs", "tmpfs", str(place))
        for each in (self.upper, work, self.root):
            each.mkdir()
        run(
            "mount",
            "-t",
            "overlay",
            "overlay",
            "-o",
            f"lowerdir=/,upperdir={self.upper},workdir={work}",
            str(self.root),
        )
        run("mount", "-t", "proc", "proc", str(self.root / "proc"))
        run("mount", "--rbind", "/dev", str(self.root / "dev"))
        run("mount", "-t", "tmpfs", "tmpfs", str(self.root / "run"))
        run("mount", "-t", "tmpfs", "tmpfs", str(self.root / "tmp"))

    def run(self, *argv: str) -> str:
        return run(
            "chroot",
            str(self.root),
            "/usr/bin/env",
            "-i",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "DEBIAN_FRONTEND=noninteractive",
            *argv,
        )

    def start(self, *argv: str) -> subprocess.Popen[str]:
        return subprocess.Popen(["chroot", str(self.root), *argv], stdout=subprocess.PIPE, text=True)


class Clients:
    """Two hundred a second, over each family in turn."""

    def __init__(self) -> None:
        self.served, self.failed = 0, []
        self._over = threading.Event()
        self._callers = [threading.Thread(target=self._call, args=(number,)) for number in range(8)]
        self._begun = time.monotonic()
        for each in self._callers:
            each.start()

    def _call(self, first: int) -> None:
        number = first
        while not self._over.wait(max(0, self._begun + number * EVERY_S - time.monotonic())):
            try:
                get("[::1]" if number % 2 else "127.0.0.1")
                self.served += 1
            except OSError as error:
                self.failed.append(str(error))
            number += len(self._callers)

    def wait_for(self, more: int) -> None:
        wanted = self.served + more
        while self.served < wanted and not self.failed:
            time.sleep(EVERY_S)

    def end(self) -> None:
        self._over.set()
        for each in self._callers:
            each.join()


def get(host: str) -> bytes:
    with urllib.request.urlopen(f"http://{host}:9443/", timeout=20) as answer:
        return answer.read()


def run(*argv: str) -> str:
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"{' '.join(argv)}: {ran.returncode}\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def main(older: str, newer: str, place: str) -> None:
    run("ip", "link", "set", "lo", "up")
    copy = Copy(Path(place))
    for number, package in enumerate((older, newer)):
        (copy.root / f"{number}.deb").write_bytes(Path(package).read_bytes())
    seen: dict[str, object] = {}
    copy.run("apt-get", "install", "-y", "/0.deb")
    seen["version"] = copy.run("dualstack", "--version").split()[-1]
    seen["selftest"] = [each["passed"] for each in json.loads(copy.run("dualstack", "selftest", "--json"))["checks"]]
    seen["page"] = copy.run("man", "-w", "dualstack-gateway").strip()
    seen["listening"] = len(run("ss", "-Hltn").splitlines())
    config = copy.root / "etc/dualstack/gateway.toml"
    config.write_text(config.read_text().replace('"127.0.0.1:80"', '"127.0.0.1:9080"').replace("*:8080", "*:9443"))
    seen["check"] = copy.run("dualstack", "gateway", "--check", "--json")[:1]

    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    server.stdout.readline()
    unit = (copy.root / "usr/lib/systemd/system/dualstack.service").read_text()
    command = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)[1].split()
    user = re.search(r"^User=(.*)$", unit, re.MULTILINE)[1]
    copy.run("install", "-d", "-o", user, "/run/dualstack")
    as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs"]
    gateway = copy.start(*as_user, *command, "--json", "--quiet")
    assert gateway.stdout is not None
    gateway.stdout.readline()
    seen["families"] = [get(host).decode() for host in ("127.0.0.1", "[::1]")]

    clients = Clients()
    clients.wait_for(50)
    copy.run("apt-get", "install", "-y", "/1.deb")
    gateway.send_signal(signal.SIGUSR2)
    code = gateway.wait(60)
    clients.wait_for(100)
    seen["upgraded"] = (code, copy.run("dpkg-query", "-W", "-f", "${Version}", "dualstack"))
    clients.end()
    seen["clients"] = {"enough": clients.served > 150, "failed": clients.failed}
    seen["kept"] = "9443" in config.read_text()
    (pid,) = re.findall(r"pid=(\d+)", run("ss", "-Hltnp", "sport = :9443").splitlines()[0])
    run("kill", pid)
    while run("ss", "-Hltn", "sport = :9443"):
        time.sleep(EVERY_S)
    copy.run("apt-get", "purge", "-y", "dualstack")
    seen["left"] = sorted(
        str(path.relative_to(copy.upper))
        for path in copy.upper.rglob("*")
        if "dualstack" in path.name and not path.is_char_device()
    )
    seen["user"] = "_dualstack" in (copy.root / "etc/passwd").read_text()
    server.kill()
    sys.stdout.write(json.dumps(seen))


main(*sys.argv[1:])
