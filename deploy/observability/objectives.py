"""What the market promises the people who use it, and what its operators want to be told."""

from dataclasses import dataclass

RUNBOOK = "https://stubmart.example/docs/runbook"
REQUESTS = "stubmart_http_request_duration_seconds"
WINDOWS = ("5m", "30m", "1h", "6h", "3d")


@dataclass(frozen=True)
class Slo:
    """An objective for the requests of one journey: how many may fail, or be slower than a bound."""

    name: str
    methods: str
    routes: tuple[str, ...]
    # The share of requests that may be bad.
    budget: float
    # The bound in seconds, which is one of the histogram's buckets; without one, 5xx answers are bad.
    slower_than: float | None = None

    @property
    def selector(self) -> str:
        return f'method=~"{self.methods}", route=~"{"|".join(self.routes)}"'

    def all(self, window: str) -> str:
        return f"{REQUESTS}_count{{{self.selector}}}[{window}]"

    def bad_ratio(self, window: str) -> str:
        if self.slower_than is None:
            # Where nothing ever failed there is no series to count: that is 0, not nothing.
            bad = f'{REQUESTS}_count{{{self.selector}, status=~"5.."}}[{window}]'
            total = f"sum(rate({self.all(window)}))"
            return f"(sum(rate({bad})) or 0 * {total}) / {total}"
        # What failed is counted by the other objective, and must not count as fast.
        fine = f'{self.selector}, status!~"5.."'
        fast = f'sum(rate({REQUESTS}_bucket{{{fine}, le="{self.slower_than:g}"}}[{window}]))'
        return f"1 - {fast} / sum(rate({REQUESTS}_count{{{fine}}}[{window}]))"


BROWSE = ("/api/events", "/api/events/{id}", "/api/events/{id}/prices", "/api/facets", "/api/tickets", "/api/tickets/{id}")
CHECKOUT = ("/api/orders", "/api/payments", "/api/payments/intents")
ACCOUNT = ("/api/auth/login", "/api/auth/signup", "/api/auth/currentuser")
SELL = ("/api/tickets", "/api/tickets/{id}")
LIVE = ("/api/events/{id}/stream", "/api/tickets/{id}/stream")

SLOS = (
    Slo("browse", "GET", BROWSE, 0.001),
    Slo("browse-latency", "GET", BROWSE, 0.01, 0.25),
    Slo("checkout", "POST", CHECKOUT, 0.001),
    # A payment takes as long as its provider.
    Slo("checkout-latency", "POST", CHECKOUT, 0.01, 2.5),
    Slo("account", "GET|POST", ACCOUNT, 0.001),
    # A password is hashed slowly on purpose.
    Slo("account-latency", "GET|POST", ACCOUNT, 0.01, 1),
    Slo("sell", "POST|PATCH|DELETE", SELL, 0.001),
    Slo("sell-latency", "POST|PATCH|DELETE", SELL, 0.01, 1),
    # Whether a stream begins; how long it lasts is its reader's choice.
    Slo("live", "GET", LIVE, 0.005),
)


def burn(factor: float, long: str, short: str) -> str:
    """More of the budget is used up than it may, over both windows; and not by one request of a quiet night."""
    return (
        f"stubmart:slo_bad:ratio_rate{long} > {factor} * stubmart:slo_budget:ratio"
        f" and stubmart:slo_bad:ratio_rate{short} > {factor} * stubmart:slo_budget:ratio"
        " and stubmart:slo_requests:increase1h > 20"
    )


def happened(selector: str, by: str, window: str) -> str:
    """A counter went up, or is there for the first time: Prometheus sees no increase in that."""
    return (
        f"sum by ({by}) (increase({selector}[{window}])) > 0"
        f" or (sum by ({by}) ({selector}) unless sum by ({by}) ({selector} offset {window})) > 0"
    )


# Name, severity, expression, for how long, summary, description. `page` wakes somebody, `ticket` waits for the morning.
ALERTS_ON_BUDGET = (
    ("StubmartErrorBudgetBurnsFast", "page", burn(14.4, "1h", "5m"), "2m",
     "{{ $labels.slo }}: the error budget of a month is gone in two days",
     "{{ $value | humanizePercentage }} of the requests of the last hour were bad."),
    ("StubmartErrorBudgetBurns", "page", burn(6, "6h", "30m"), "15m",
     "{{ $labels.slo }}: the error budget of a month is gone in five days",
     "{{ $value | humanizePercentage }} of the requests of the last six hours were bad."),
    ("StubmartErrorBudgetLeaks", "ticket", burn(1, "3d", "6h"), "1h",
     "{{ $labels.slo }}: the error budget will not last for its month",
     "{{ $value | humanizePercentage }} of the requests of the last three days were bad."),
)

SYMPTOMS = (
    ("StubmartDown", "page", 'up{job="stubmart"} == 0 or absent(up{job="stubmart"})', "2m",
     "Stubmart does not answer {{ $labels.instance }}",
     "Prometheus cannot read /metrics, or does not know of any instance."),
    ("StubmartNotReady", "page",
     f'sum by (instance) (rate({REQUESTS}_count{{route="/readyz", status!="200"}}[2m])) > 0'
     f' unless sum by (instance) (rate({REQUESTS}_count{{route="/readyz", status="200"}}[2m])) > 0', "2m",
     "{{ $labels.instance }} is not ready",
     "Every /readyz of the last two minutes failed: a store or the bus cannot be used."),
    ("StubmartRestarts", "page", f'resets({REQUESTS}_count{{route="/metrics", status="200"}}[30m]) > 2', "0m",
     "{{ $labels.instance }} starts again and again",
     "Its counters began at zero {{ $value }} times in half an hour."),
    ("StubmartInternalErrors", "ticket", happened(f'{REQUESTS}_count{{status="500"}}', "route", "10m"), "0m",
     "{{ $labels.route }} answers 500",
     "An answer of 500 is a fault of the program, or of its data. The log has the cause."),
    ("StubmartEventsPutAside", "page", happened('stubmart_events_handled_total{outcome="reject"}', "consumer", "10m"), "0m",
     "{{ $labels.consumer }} put an event aside",
     "An event can never be handled: what it says is not known to this service."),
    ("StubmartEventsRetried", "ticket",
     'sum by (consumer) (rate(stubmart_events_handled_total{outcome="retry"}[5m])) > 0', "15m",
     "{{ $labels.consumer }} tries the same events again",
     "For a quarter of an hour events could not be handled and were tried again."),
    ("StubmartWorkFails", "ticket", "sum by (worker) (increase(stubmart_worker_failures_total[10m])) > 0", "15m",
     "{{ $labels.worker }} fails again and again",
     "Background work that fails is tried again; for a quarter of an hour it has not succeeded for long."),
    ("StubmartPaymentsFail", "page",
     f'sum(rate({REQUESTS}_count{{method="POST", route="/api/payments", status="503"}}[10m]))'
     f' / sum(rate({REQUESTS}_count{{method="POST", route="/api/payments"}}[10m])) > 0.2', "5m",
     "A fifth of all payments find no provider",
     "{{ $value | humanizePercentage }} of the payments of the last ten minutes were answered 503."),
    ("StubmartManyLimited", "ticket",
     f'sum(rate({REQUESTS}_count{{status="429"}}[15m])) / sum(rate({REQUESTS}_count[15m])) > 0.05', "15m",
     "One request in twenty is refused by a limit",
     "{{ $value | humanizePercentage }} of all requests are answered 429: an attack, or a limit that is too low."),
)
