"""Drills of restoring a market: from a copy of its file, and from a snapshot of its databases' disk.

    restore.py BINARY

The copy is taken while people buy. Then everything is killed, and a market of nothing but the copy goes on: what was
answered before the copy is still true, its audit finds nothing, and people buy again. On servers the bus and Redis are
empty then: the bus is filled from the histories, and timers are set from the tickets.
"""

import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

from watch import PROJECT, Person, free_port, trade, wait_for

ENGINES = PROJECT / "scripts/engines.sh"


class Market:
    """A process that serves, and who trades in it."""

    def __init__(self, binary: str, directory: Path, *settings: str) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.log = (directory / "log").open("a")
        command = [binary, "serve", "--listen", self.address, "--data", str(directory), "--rate-limits", "off", *settings]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        wait_for(f"http://{self.address}/readyz")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()


def bought(person: Person) -> list[tuple[str, str]]:
    return sorted((order["id"], order["status"]) for order in person.ask("/api/orders")["items"])


def take(market: Market, seller: Person, buyer: Person, copy) -> float:
    """Copies while somebody else buys; how long that took."""
    ended = threading.Event()

    def go_on() -> None:
        others = Person(market.address, "sue@example.com"), Person(market.address, "tom@example.com")
        while not ended.is_set():
            trade(*others)

    trader = threading.Thread(target=go_on)
    trader.start()
    time.sleep(1)
    begun = time.monotonic()
    copy()
    took = time.monotonic() - begun
    ended.set()
    trader.join()
    return took


def compare(before: list, market: Market, seller: Person, buyer: Person) -> None:
    for person in (seller, buyer):
        person.address = market.address
    after = bought(buyer)
    if before != after or not before:
        sys.exit(f"the buyer had {before}, and has {after}")
    trade(seller, buyer)
    if len(bought(buyer)) != len(before) + 1:
        sys.exit("nobody can buy in the restored market")


def a_file(binary: str, work: Path) -> None:
    old, new = work / "old", work / "new"
    old.mkdir()
    new.mkdir()
    market = Market(binary, old)
    seller, buyer = Person(market.address, "ada@example.com"), Person(market.address, "bob@example.com")
    for _ in range(3):
        trade(seller, buyer)
    before = bought(buyer)

    def copy() -> None:
        # In this order: events move from the first to the second.
        for name in ("stubmart.db", "stubmart.archive.db"):
            if (old / name).exists():
                with closing(sqlite3.connect(old / name)) as source, closing(sqlite3.connect(new / name)) as target:
                    source.backup(target)

    took = take(market, seller, buyer, copy)
    market.kill()
    begun = time.monotonic()
    subprocess.run([binary, "check", "--data", str(new)], check=True, stdout=subprocess.PIPE)
    market = Market(binary, new)
    compare(before, market, seller, buyer)
    print(f"a file: copied in {took:.1f} s while people bought; audited, served and bought in {time.monotonic() - begun:.1f} s")
    market.kill()


def servers(binary: str, work: Path) -> None:
    def up(directory: Path) -> list[str]:
        out = subprocess.run([ENGINES, "up", directory], check=True, stdout=subprocess.PIPE, text=True).stdout
        urls = dict(line.split("=", 1) for line in out.splitlines())
        return [word for name in ("mongodb", "nats", "redis") for word in (f"--{name}-url", urls[f"STUBMART_{name.upper()}_URL"])]

    old, new = work / "engines", work / "restored"
    (work / "mail").mkdir()
    try:
        market = Market(binary, work / "mail", *up(old))
        seller, buyer = Person(market.address, "ada@example.com"), Person(market.address, "bob@example.com")
        for _ in range(3):
            trade(seller, buyer)
        before = bought(buyer)
        database = int((old / "secantus.pid").read_text())

        def copy() -> None:
            # As a snapshot of its disk: what it has there at one moment.
            subprocess.run(["kill", "-STOP", str(database)], check=True)
            shutil.copytree(old / "secantus", new / "secantus")
            subprocess.run(["kill", "-CONT", str(database)], check=True)

        took = take(market, seller, buyer, copy)
        market.kill()
        subprocess.run([ENGINES, "down", old], check=True)
        begun = time.monotonic()
        market = Market(binary, work / "mail", *up(new))
        compare(before, market, seller, buyer)
        print(f"servers: a snapshot in {took:.1f} s while people bought; with an empty bus and an empty Redis, served and bought in "
              f"{time.monotonic() - begun:.1f} s")
        market.process.send_signal(signal.SIGTERM)
        market.process.wait()
    finally:
        for directory in (old, new):
            subprocess.run([ENGINES, "down", directory], check=False)


def main(binary: str) -> None:
    for drill in (a_file, servers):
        with tempfile.TemporaryDirectory() as work:
            drill(binary, Path(work))


main(sys.argv[1])
