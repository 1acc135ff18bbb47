"""Runs schemathesis against the OpenAPI document of a fresh server.

Usage: fuzz_api.py SERVER SCHEMATHESIS [MAX_EXAMPLES [SEED]]

SERVER is the stubmart binary, SCHEMATHESIS the program of that name. Besides schemathesis's own checks,
the server must not log an error or a panic, the session the run is made with must live to the end, and
the market that is left behind must pass `stubmart check`.
"""

import json
import os
import pathlib
import re
import string
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ORDERS = 8
READY_WITHIN = 30.0
STOPPED_WITHIN = 30.0


def call(base, method, path, body=None, token=None):
    """The JSON that the route answers, and its headers. Raises on an error status."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data=data, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        text = response.read()
        return (json.loads(text) if text else None), response.headers


def wait_until_ready(log, server):
    """Where the server serves, as its log tells; it took a free port."""
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise SystemExit(f"the server ended with exit code {server.returncode}:\n{log.read_text()}")
        served = re.search(r"serves at (http://\S+)", log.read_text(errors="replace"))
        try:
            if served:
                with urllib.request.urlopen(served[1] + "/readyz", timeout=2):
                    return served[1]
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.05)
    raise SystemExit(f"the server was not ready within {READY_WITHIN:.0f} s:\n{log.read_text()}")


def stop(server):
    """Asks the server to end, and sees to it that it has. Whether it did so by itself and with success."""
    server.terminate()
    try:
        return server.wait(timeout=STOPPED_WITHIN) == 0
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
        return False


def sign_up(base, name):
    """Signs up and makes an access token; returns the token."""
    account = {"email": f"{name}@example.com", "password": "correct horse battery"}
    _, headers = call(base, "POST", "/api/auth/signup", account)
    session = headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
    made, _ = call(base, "POST", "/api/auth/tokens", {"name": "fuzz"}, session)
    return made["token"]


def furnish(base):
    """Two users, an event, tickets of both and orders, so that generated requests meet something.

    Several orders, for the first generated DELETE of an order leaves nothing of it to pay.
    """
    token, seller = sign_up(base, "fuzz"), sign_up(base, "seller")
    event, _ = call(base, "POST", "/api/events", {
        "name": "Hamlet", "category": "Plays", "venue": {"name": "Old Globe", "city": "San Diego"},
        "startsAt": "2030-01-01T19:30:00Z"}, seller)
    ticket = {"title": "Stalls", "price": 12550, "eventId": event["id"]}
    own, _ = call(base, "POST", "/api/tickets", ticket, token)
    foreign, _ = call(base, "POST", "/api/tickets", ticket, seller)
    orders = []
    for _ in range(ORDERS):
        ordered, _ = call(base, "POST", "/api/tickets", ticket, seller)
        order, _ = call(base, "POST", "/api/orders", {"ticketId": ordered["id"]}, token)
        orders.append(order["id"])
    return {
        "STUBMART_FUZZ_TOKEN": token,
        "STUBMART_FUZZ_TICKET": own["id"],
        "STUBMART_FUZZ_FOREIGN_TICKET": foreign["id"],
        "STUBMART_FUZZ_ORDERS": '", "'.join(orders),
        "STUBMART_FUZZ_EVENT": event["id"],
    }


def faults_in(log):
    """The lines of the log that tell of a fault of ours."""
    lines = log.read_text(errors="replace").splitlines()
    return [line for line in lines if " ERROR " in line or "panic" in line]


def run(binary, schemathesis, options, directory):
    log = directory / "server.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STUBMART_")}
    data = ["--data", str(directory / "data")]
    serve = [binary, "serve", "--listen", "127.0.0.1:0", "--rate-limits", "off", *data]
    with log.open("w") as out:
        server = subprocess.Popen(serve, stdout=out, stderr=out, env=environment)
    try:
        base = wait_until_ready(log, server)
        known = furnish(base)
        config = directory / "schemathesis.toml"
        template = string.Template((HERE / "schemathesis.toml").read_text())
        config.write_text(template.substitute(known))
        command = [schemathesis, "--config-file", str(config), "run", base + "/api/openapi.json", *options]
        # Away from the sources: schemathesis and hypothesis leave caches where they run.
        failed = subprocess.run(command, cwd=directory, env=environment).returncode != 0
        alive, _ = call(base, "GET", "/api/auth/currentuser", token=known["STUBMART_FUZZ_TOKEN"])
        if alive["currentUser"] is None:
            print("the session of the run ended before the run did: what came after it proved nothing")
            failed = True
    finally:
        stopped = stop(server)
    if not stopped:
        print("the server did not end as it should when it was asked to")
        failed = True
    for line in faults_in(log):
        print(f"the server logged: {line}")
        failed = True
    checked = subprocess.run([binary, "check", *data], env=environment, capture_output=True, text=True)
    if checked.returncode != 0:
        print("the market that was left behind breaks an invariant:", checked.stdout, checked.stderr)
        failed = True
    return failed


def main():
    if len(sys.argv) not in (3, 4, 5):
        raise SystemExit(__doc__)
    binary, schemathesis = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
    options = [f"--max-examples={sys.argv[3]}"] if len(sys.argv) > 3 else []
    options += [f"--seed={sys.argv[4]}"] if len(sys.argv) > 4 else []
    with tempfile.TemporaryDirectory(prefix="stubmart-fuzz-") as directory:
        raise SystemExit(1 if run(binary, schemathesis, options, pathlib.Path(directory)) else 0)


if __name__ == "__main__":
    main()
