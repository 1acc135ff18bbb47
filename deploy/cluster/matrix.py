"""Connects from the network of a pod of each workload to every other one, and compares with who may reach whom.

    matrix.py open|closed         reads lines NAME IP PID of a pod each

`closed`: exactly what may be reached is. `open` is the control: without policies everything that listens is.
"""

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "checks"))
from manifests import may_reach  # noqa: E402

SERVICES = ["auth", "tickets", "catalogue", "orders", "expiration", "payments", "delivery", "notify", "web", "gateway"]
USERS = {"auth", "tickets", "catalogue", "orders", "expiration", "payments", "delivery", "notify"}
ENGINES = {"mongodb": 27017, "redis": 6379}
OUTSIDE = "192.0.2.10"
CONNECT = f"""
import socket, sys
with socket.socket() as it:
    it.settimeout(2)
    sys.exit(0 if it.connect_ex((sys.argv[1], int(sys.argv[2]))) == 0 else 1)
"""


def reaches(pid: str, address: str, port: int) -> bool:
    command = ["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, "-c", CONNECT, address, str(port)]
    return subprocess.run(command, check=False).returncode == 0


def main(mode: str) -> None:
    pods = {name: (address, pid) for name, address, pid in (line.split() for line in sys.stdin)}
    allowed = may_reach(USERS)
    places = [(name, pods[name][0], port) for name in SERVICES for port in (8080, 8081)]
    places += [("nats", pods["nats"][0], port) for port in (4222, 6222, 8222)]
    places += [(name, OUTSIDE, port) for name, port in ENGINES.items()] + [("kubernetes", "10.96.0.1", 443)]
    # Only those that others call listen there: the rest would refuse whoever is let through.
    listens = {(name, 8080) for name in SERVICES} | {("nats", port) for port in (4222, 6222, 8222)} | {(name, port) for name, port in ENGINES.items()}
    listens |= {(callee, port) for _, callee, port in allowed} | {("kubernetes", 443)}
    asked = [(pod, *place) for pod, place in product(pods, places) if pod != place[0] and (place[0], place[2]) in listens]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda it: reaches(pods[it[0]][1], it[2], it[3]), asked))
    faults = []
    for (pod, name, _, port), is_reached in zip(asked, found, strict=True):
        may = (pod, name, port) in allowed or (name in ENGINES and pod in USERS)
        if is_reached != (may or mode == "open"):
            faults.append(f"{pod} {'reaches' if is_reached else 'does not reach'} {name} at {port}")
    print(f"{len(asked)} ways, {sum(found)} open")
    if faults:
        sys.exit("\n".join(faults))


main(sys.argv[1])
