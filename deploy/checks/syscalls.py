"""Runs a market under strace and fails when it makes a system call that the unit's filter refuses.

    syscalls.py UNIT ROOT

A refused call may show only on the day that it is made; systemd itself does not have to run here.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from socket import socket

# The user that owns nothing.
NOBODY = 65534


def group(name: str) -> set[str]:
    """The calls of a group such as @system-service, with those of the groups in it."""
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, stdout=subprocess.PIPE, text=True).stdout
    words = {line.strip() for line in text.splitlines()[1:] if line.strip() and not line.strip().startswith("#")}
    return {call for word in words for call in (group(word) if word.startswith("@") else {word})}


def allowed(unit: Path) -> set[str]:
    """What the lines SystemCallFilter= leave, one after the other (systemd.exec(5))."""
    calls: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit.read_text(), re.MULTILINE):
        named = {call for word in line.removeprefix("~").split() for call in (group(word) if word.startswith("@") else {word})}
        calls = calls - named if line.startswith("~") else calls | named
    return calls


def ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def made(root: Path) -> set[str]:
    """The calls of a market that starts with the package's settings, takes a signup, serves a page, and ends."""
    with tempfile.TemporaryDirectory() as directory, socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        trace = Path(directory) / "trace"
        market = [root / "usr/bin/stubmart", "serve", "--config", root / "etc/stubmart/stubmart.toml"]
        command = ["strace", "-f", "-qq", "-o", trace, *market, "--listen", address, "--data", Path(directory) / "data"]
        # Never as root, for whom SQLite does more (it gives files to their directory's owner).
        user = NOBODY if os.geteuid() == 0 else None
        if user is not None:
            os.chown(directory, user, user)
        process = subprocess.Popen(
            command, stderr=subprocess.DEVNULL, cwd=directory, user=user, group=user, extra_groups=[] if user else None
        )
        until = time.monotonic() + 60
        while not ready(address):
            if process.poll() is not None or time.monotonic() > until:
                sys.exit("the market did not start under strace")
            time.sleep(0.1)
        body = b'{"email":"ada@example.com","password":"correct horse"}'
        signup = urllib.request.Request(f"http://{address}/api/auth/signup", body, {"content-type": "application/json"})
        urllib.request.urlopen(signup, timeout=30).close()
        urllib.request.urlopen(f"http://{address}/", timeout=30).close()
        # strace passes SIGTERM on to nobody: the market is its child.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            subprocess.run(["kill", f"-{signal.SIGTERM.value}", child], check=True)
        process.wait(timeout=60)
        return set(re.findall(r"^\d+\s+(\w+)\(", trace.read_text(), re.MULTILINE))


unit, root = map(Path, sys.argv[1:])
calls = made(root)
if len(calls) < 20:
    sys.exit(f"only {len(calls)} system calls were seen: the trace is not one")
refused = calls - allowed(unit)
if refused:
    sys.exit(f"the unit refuses what the market calls: {' '.join(sorted(refused))}")
print(f"{len(calls)} system calls, all within the unit's filter")
