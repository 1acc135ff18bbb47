"""Buys tickets without a pause, until it is told to stop (SIGTERM); then prints as JSON what it asked and what failed.

    load.py HOST:PORT [BUYERS]

Of the buyers half keep their connection and half make a new one for each request; one more follows a stream, whose
ticket changes its price all the time. A failure is an answer that was not expected, one that did not come, and a stream
that does not tell of the last price, goes back, or does not go on after its end.
"""

import http.client
import json
import signal
import sys
import threading
import time
import uuid

HOST = sys.argv[1]
BUYERS = int(sys.argv[2]) if len(sys.argv) > 2 else 4
TIMEOUT = 20
PAUSE = 0.02

stop = threading.Event()
lock = threading.Lock()
told = {"requests": 0, "purchases": 0, "slowest": 0.0, "resumed": 0, "changes": 0, "failures": []}


def count(**more: float) -> None:
    with lock:
        for name, value in more.items():
            told[name] += value


def fail(what: str) -> None:
    with lock:
        told["failures"].append(f"{time.strftime('%H:%M:%S')} {what}")


class Person:
    """Somebody with a session, on one connection or on a new one each time."""

    def __init__(self, keeps: bool) -> None:
        self.keeps = keeps
        self.cookie = ""
        self.connection: http.client.HTTPConnection | None = None
        account = {"email": f"{uuid.uuid4().hex[:12]}@example.com", "password": "correct horse battery"}
        # Tests begin with a market that answers; what fails here is no failure of what is tested.
        self.ask("POST", "/api/auth/signup", account, (201,))
        self.ask("POST", "/api/auth/login", account, (200, 201))

    def ask(self, method: str, path: str, body: object = None, wanted: tuple[int, ...] = (200,)) -> dict | None:
        begun = time.monotonic()
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(HOST, timeout=TIMEOUT)
                self.connection.connect()
            headers = {"Content-Type": "application/json", "Cookie": self.cookie}
            if not self.keeps:
                headers["Connection"] = "close"
            self.connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = self.connection.getresponse()
            text = answer.read()
            for cookie in answer.headers.get_all("Set-Cookie") or []:
                self.cookie = cookie.split(";")[0]
            if answer.will_close:
                self.connection.close()
                self.connection = None
        except (OSError, http.client.HTTPException) as error:
            fail(f"{'kept' if self.keeps else 'new'} {method} {path}: {type(error).__name__} {error}")
            self.connection = None
            return None
        finally:
            took = time.monotonic() - begun
            with lock:
                told["requests"] += 1
                told["slowest"] = max(told["slowest"], round(took, 2))
        if answer.status not in wanted:
            fail(f"{'kept' if self.keeps else 'new'} {method} {path}: {answer.status} {text[:200]!r}")
            return None
        return json.loads(text or b"{}")


def buy(keeps: bool) -> None:
    seller, buyer = Person(keeps), Person(keeps)
    while not stop.is_set():
        listing = seller.ask("POST", "/api/tickets", {"title": "Hamlet", "price": 12550, "quantity": 1}, (201,))
        order = listing and buyer.ask("POST", "/api/orders", {"ticketId": listing["id"]}, (201,))
        paid = order and buyer.ask("POST", "/api/payments", {"orderId": order["id"], "paymentMethod": "pm_card_visa"}, (201,))
        if paid:
            bought = buyer.ask("GET", f"/api/orders/{order['id']}")
            if bought and bought["status"] == "completed":
                count(purchases=1)
            elif bought:
                fail(f"an order that was paid is {bought['status']}")
        buyer.ask("GET", "/api/tickets?limit=5")
        time.sleep(PAUSE)


def follow() -> None:
    seller = Person(True)
    ticket = seller.ask("POST", "/api/tickets", {"title": "Lear", "price": 1000, "quantity": 1}, (201,))
    if ticket is None:
        return
    path = f"/api/tickets/{ticket['id']}"
    seen = {"version": 0, "last": ""}

    def read() -> None:
        is_first = True
        while not stop.is_set():
            try:
                connection = http.client.HTTPConnection(HOST, timeout=60)
                connection.request("GET", f"{path}/stream", headers={"Last-Event-ID": seen["last"]} if seen["last"] else {})
                answer = connection.getresponse()
                if answer.status != 200:
                    fail(f"stream: {answer.status}")
                    time.sleep(1)
                    continue
                if not is_first:
                    count(resumed=1)
                is_first = False
                for line in answer:
                    if line.startswith(b"id:"):
                        seen["last"] = line[3:].strip().decode()
                    if line.startswith(b"data:"):
                        version = json.loads(line[5:])["version"]
                        if version < seen["version"]:
                            fail(f"stream: version {version} after {seen['version']}")
                        seen["version"] = version
            except (OSError, http.client.HTTPException) as error:
                fail(f"stream: {type(error).__name__} {error}")
            time.sleep(0.2)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    price, version = 1000, ticket["version"]
    while not stop.is_set():
        price += 1
        changed = seller.ask("PATCH", path, {"price": price})
        if changed:
            version = changed["version"]
        time.sleep(0.25)
    until = time.monotonic() + 10
    while seen["version"] < version and time.monotonic() < until:
        time.sleep(0.05)
    told["changes"] = version
    if seen["version"] < version:
        fail(f"stream: the last change was {version}, it told of {seen['version']}")


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threads = [threading.Thread(target=buy, args=(number % 2 == 0,)) for number in range(BUYERS)]
    threads.append(threading.Thread(target=follow))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(told))


main()
