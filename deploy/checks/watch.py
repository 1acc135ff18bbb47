"""Runs a market under a real Prometheus and asks it everything that rules and dashboards ask.

    watch.py BINARY PROMETHEUS

Fails when an expression is refused, when a panel is empty that should not be, when an alert fires over a market that is
well, when a metric is named that the server does not have, and when an alert lacks its runbook or its tests.
"""

import http.cookiejar
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[2]
OBSERVABILITY = PROJECT / "deploy/observability"
# What the server counts from the first failure on, and has no series of before.
ONLY_ON_FAILURE = {"stubmart_worker_failures_total"}
METRIC = re.compile(r"\bstubmart_[a-z_]+\b(?!:)")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(url: str) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > until:
                sys.exit(f"{url} does not answer")
            time.sleep(0.1)


class Person:
    """Somebody with a session of their own."""

    def __init__(self, address: str, email: str) -> None:
        self.address = address
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        account = {"email": email, "password": "correct horse battery"}
        self.post("/api/auth/signup", account)
        self.post("/api/auth/login", account)

    def ask(self, path: str, method: str = "GET", body: object = None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"http://{self.address}{path}", data, headers, method=method)
        with self.opener.open(request, timeout=30) as answer:
            return json.loads(answer.read() or b"{}")

    def post(self, path: str, body: object) -> dict:
        return self.ask(path, "POST", body)

    def begin_stream(self, path: str) -> None:
        """Reads the first bytes of a stream and leaves."""
        with self.opener.open(f"http://{self.address}{path}", timeout=30) as answer:
            answer.readline()


def trade(seller: Person, buyer: Person) -> None:
    """A purchase, and what leads up to it."""
    listing = {"title": "Hamlet, stalls", "price": 12550, "quantity": 2}
    ticket = seller.post("/api/tickets", listing)["id"]
    seller.ask(f"/api/tickets/{ticket}", "PATCH", {"price": 11550})
    for path in ("/api/events", "/api/facets", "/api/tickets", f"/api/tickets/{ticket}", "/api/auth/currentuser"):
        buyer.ask(path)
    buyer.begin_stream(f"/api/tickets/{ticket}/stream")
    order = buyer.post("/api/orders", {"ticketId": ticket})["id"]
    buyer.post("/api/payments", {"orderId": order, "paymentMethod": "pm_card_visa"})


class Prometheus:
    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, **query: str) -> dict:
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.loads(answer.read())["data"]
        except urllib.error.HTTPError as error:
            sys.exit(f"{query}: {error.read().decode()}")

    def series(self, expr: str) -> list:
        return self.get("query", query=expr)["result"]


def alerts() -> list[dict]:
    groups = yaml.safe_load((OBSERVABILITY / "rules.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def questions() -> dict[str, str]:
    """Every expression of the dashboards, by where it stands, with Grafana's variables as it would fill them in."""
    found = {}
    for file in sorted((OBSERVABILITY / "dashboards").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                expr = target["expr"].replace("$__rate_interval", "30s").replace("$route", ".*")
                found[f"{file.stem}: {panel['title']}: {target['legendFormat']}"] = expr
    return found


def check_documents() -> list[str]:
    """Each alert has its section of the runbook, a test in which it fires and one in which it is silent."""
    runbook = set(re.findall(r"^## (\w+)$", (PROJECT / "docs/runbook.md").read_text(), re.MULTILINE))
    tests = yaml.safe_load((OBSERVABILITY / "rules_test.yaml").read_text())["tests"]
    faults = []
    names = {rule["alert"] for rule in alerts()}
    for name in sorted(names):
        fires = [t for t in tests if t["name"].startswith(f"{name} fires: ")]
        silent = [t for t in tests if t["name"].startswith(f"{name} is silent: ")]
        said = [str(t["promql_expr_test"]) for t in fires]
        if not fires or any(f'alertname="{name}"' not in text for text in said):
            faults.append(f"{name}: no test in which it fires")
        if not silent or any(f'alertname="{name}"' in str(t["promql_expr_test"]) for t in silent):
            faults.append(f"{name}: no test in which it is silent")
        if name not in runbook:
            faults.append(f"{name}: no section in docs/runbook.md")
    faults += [f"docs/runbook.md: there is no alert {name}" for name in sorted(runbook - names) if name.startswith("Stubmart")]
    return faults


def check_metrics(exprs: list[str], scrape: str) -> list[str]:
    """Each metric is in a scrape, or is one that begins with a failure and stands in the source."""
    source = subprocess.run(["git", "grep", "-ohE", r'(counter|gauge|histogram)!\("stubmart_[a-z_]+"', "--", "crates"],
                            cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True).stdout
    faults = []
    for name in sorted({name for expr in exprs for name in METRIC.findall(expr)}):
        scraped = re.search(rf"^{name}[{{ ]", scrape, re.MULTILINE)
        if not scraped and not (name in ONLY_ON_FAILURE and f'"{name}"' in source):
            faults.append(f"the server has no metric {name}")
    return faults


def check_live(server: Prometheus) -> list[str]:
    faults = []
    for where, expr in questions().items():
        if not server.series(expr):
            faults.append(f"{where}: empty: {expr}")
    for group in server.get("rules")["groups"]:
        for rule in group["rules"]:
            if rule["health"] != "ok":
                faults.append(f"{rule['name']}: {rule['health']}: {rule.get('lastError')}")
            # What waits for longer than this runs has its tests; here it must not even wait.
            if rule["type"] == "alerting" and rule["alerts"]:
                faults.append(f"{rule['name']} goes off over a market that is well: {rule['alerts']}")
    return faults


def main(binary: str, prometheus: str) -> None:
    market, watcher = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    processes = []
    with tempfile.TemporaryDirectory() as directory:
        # The objectives are recorded every half minute; here there is no time for that.
        rules = (OBSERVABILITY / "rules.yaml").read_text().replace("interval: 30s", "interval: 1s")
        (Path(directory) / "rules.yaml").write_text(rules)
        settings = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{"job_name": "stubmart", "static_configs": [{"targets": [market]}]}],
        }
        (Path(directory) / "prometheus.yaml").write_text(yaml.safe_dump(settings))
        try:
            processes.append(subprocess.Popen(
                [binary, "serve", "--listen", market, "--data", f"{directory}/market"], stderr=subprocess.DEVNULL))
            wait_for(f"http://{market}/readyz")
            processes.append(subprocess.Popen(
                [prometheus, f"--config.file={directory}/prometheus.yaml", f"--storage.tsdb.path={directory}/series",
                 f"--web.listen-address={watcher}"], stderr=subprocess.DEVNULL))
            wait_for(f"http://{watcher}/-/ready")
            seller, buyer = Person(market, "ada@example.com"), Person(market, "bob@example.com")
            server, until = Prometheus(watcher), time.monotonic() + 60
            # Until everything was recorded twice: rates need two points in time.
            while True:
                trade(seller, buyer)
                wait_for(f"http://{market}/readyz")
                faults = check_live(server)
                if not faults or time.monotonic() > until:
                    break
                time.sleep(1)
            with urllib.request.urlopen(f"http://{market}/metrics", timeout=30) as answer:
                scrape = answer.read().decode()
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=60)
    exprs = [*questions().values(), *(rule["expr"] for rule in alerts())]
    faults += check_metrics(exprs, scrape) + check_documents()
    if faults:
        sys.exit("\n".join(faults))
    print(f"{len(questions())} questions of dashboards and {len(alerts())} alerts: every one asked of a market that runs")


if __name__ == "__main__":
    main(*sys.argv[1:])
