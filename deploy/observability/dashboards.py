"""Grafana's dashboards: which panels there are, and what they ask."""

import json

from objectives import REQUESTS, Slo

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
ERRORS = f'{REQUESTS}_count{{status=~"5.."}}'


def panel(title: str, exprs: dict[str, str], unit: str = "reqps", kind: str = "timeseries", text: str = "") -> dict:
    """A panel with a line for each expression; `exprs` are by legend."""
    targets = [
        {"datasource": DATASOURCE, "expr": expr, "legendFormat": legend, "refId": chr(ord("A") + index), "range": True}
        for index, (legend, expr) in enumerate(exprs.items())
    ]
    return {
        "title": title,
        "description": text,
        "type": kind,
        "datasource": DATASOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"tooltip": {"mode": "multi"}} if kind == "timeseries" else {},
    }


def variable(name: str, query: str) -> dict:
    return {"name": name, "type": "query", "datasource": DATASOURCE, "query": query, "refresh": 2, "includeAll": True,
            "multi": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}}


def dashboard(uid: str, title: str, panels: list[dict], variables: tuple[dict, ...] = ()) -> str:
    """Two panels a row, in the order they are given."""
    placed = [
        {"id": index + 1, "gridPos": {"h": 8, "w": 12, "x": index % 2 * 12, "y": index // 2 * 8}, **each}
        for index, each in enumerate(panels)
    ]
    source = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    document = {
        "uid": uid,
        "title": title,
        "tags": ["stubmart"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": [source, *variables]},
        "links": [{"title": "Stubmart", "type": "dashboards", "tags": ["stubmart"], "asDropdown": True}],
        "panels": placed,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def answered(method: str, route: str, status: str) -> str:
    """How many requests a second were answered so; 0 where none ever was."""
    selector = f'method="{method}", route="{route}", status=~"{status}"'
    return f"sum(rate({REQUESTS}_count{{{selector}}}[$__rate_interval])) or vector(0)"


def quantile(q: float, by: str, selector: str) -> str:
    return f"histogram_quantile({q}, sum by (le, {by}) (rate({REQUESTS}_bucket{{{selector}}}[$__rate_interval])))"


def slo(slos: tuple[Slo, ...]) -> str:
    panels = [
        panel("Budget left over three days", {"{{slo}}": "1 - stubmart:slo_bad:ratio_rate3d / stubmart:slo_budget:ratio"},
              "percentunit", "stat", "Of what may go wrong; below 0 more went wrong than was promised."),
        panel("How fast the budget is used up", {"{{slo}}": "stubmart:slo_bad:ratio_rate1h / stubmart:slo_budget:ratio"}, "none",
              text="1 uses it up exactly in its month. Above 14.4 somebody is woken."),
    ]
    for each in slos:
        promise = f"at most {each.budget:.1%} slower than {each.slower_than:g} s" if each.slower_than else f"at most {each.budget:.1%} fail"
        bad = {window: f'stubmart:slo_bad:ratio_rate{window}{{slo="{each.name}"}}' for window in ("5m", "1h", "3d")}
        bad["allowed"] = f'stubmart:slo_budget:ratio{{slo="{each.name}"}}'
        panels.append(panel(f"{each.name}: {promise}", bad, "percentunit"))
    return dashboard("stubmart-slo", "Stubmart: objectives", panels)


def market() -> str:
    return dashboard("stubmart-market", "Stubmart: the market", [
        panel("Purchases", {"paid": answered("POST", "/api/payments", "201"), "not paid": answered("POST", "/api/payments", "4..")}),
        panel("Checkouts", {"begun": answered("POST", "/api/orders", "201"), "ticket gone": answered("POST", "/api/orders", "409"),
                            "refused": answered("POST", "/api/orders", "429")}),
        panel("Listings", {"listed": answered("POST", "/api/tickets", "201"), "changed": answered("PATCH", "/api/tickets/{id}", "200")}),
        panel("Accounts", {"signed up": answered("POST", "/api/auth/signup", "201"), "logged in": answered("POST", "/api/auth/login", "200"),
                           "wrong password": answered("POST", "/api/auth/login", "400|401")}),
        panel("Looking around", {"events": answered("GET", "/api/events", "200"), "tickets": answered("GET", "/api/tickets", "200")}),
        panel("Live streams begun", {"events": answered("GET", "/api/events/{id}/stream", "200"),
                                     "tickets": answered("GET", "/api/tickets/{id}/stream", "200")}),
    ])


def http() -> str:
    chosen = 'route=~"$route"'
    return dashboard("stubmart-http", "Stubmart: requests", [
        panel("Requests by status", {"{{status}}": f"sum by (status) (rate({REQUESTS}_count{{{chosen}}}[$__rate_interval]))"}),
        panel("Share that failed", {"5xx": f'(sum(rate({REQUESTS}_count{{{chosen}, status=~"5.."}}[$__rate_interval])) or vector(0))'
                                           f" / sum(rate({REQUESTS}_count{{{chosen}}}[$__rate_interval]))"}, "percentunit"),
        panel("Median, 99 of 100", {"p50 {{route}}": quantile(0.5, "route", chosen), "p99 {{route}}": quantile(0.99, "route", chosen)}, "s"),
        panel("Requests by route", {"{{method}} {{route}}": f"sum by (method, route) (rate({REQUESTS}_count{{{chosen}}}[$__rate_interval]))"}),
    ], (variable("route", f"label_values({REQUESTS}_count, route)"),))


def background() -> str:
    return dashboard("stubmart-background", "Stubmart: events and background work", [
        panel("Events handled", {"{{consumer}}": 'sum by (consumer) (rate(stubmart_events_handled_total{outcome="done"}[$__rate_interval]))'}, "ops"),
        panel("Events tried again, or put aside",
              {"tried again": 'sum(rate(stubmart_events_handled_total{outcome="retry"}[$__rate_interval])) or vector(0)',
               "put aside": 'sum(rate(stubmart_events_handled_total{outcome="reject"}[$__rate_interval])) or vector(0)'}, "ops"),
        panel("Background work that failed", {"failures": "sum(rate(stubmart_worker_failures_total[$__rate_interval])) or vector(0)"}, "ops"),
        panel("Saves in one commit (SQLite)",
              {"mean": "rate(stubmart_sqlite_group_size_sum[$__rate_interval]) / rate(stubmart_sqlite_group_size_count[$__rate_interval])"},
              "none", text="One machine: how many saves wait for the same disk write. Empty on servers."),
        panel("Instances", {"answering": 'sum(up{job="stubmart"})', "known": 'count(up{job="stubmart"})'}, "none"),
        panel("Ready", {"{{instance}} {{status}}": f'sum by (instance, status) (rate({REQUESTS}_count{{route="/readyz"}}[$__rate_interval]))'}),
    ])


def all_of_them(slos: tuple[Slo, ...]) -> dict[str, str]:
    """The dashboards by the names of their files."""
    return {"slo": slo(slos), "market": market(), "http": http(), "background": background()}
