"""Writes what watches the market, from one source: rules.yaml for Prometheus, managed/rules.yaml for Google's, and
dashboards/*.json for Grafana.

    generate.py [DIRECTORY]

The files are in git, so that a review sees what changes; deploy/check.sh fails when they are not what this writes.
Needs PyYAML. How an objective is turned into alerts is chapter 5 of Google's SRE workbook
(https://sre.google/workbook/alerting-on-slos/): an alert needs a long window, for it to matter, and a short one, for it
to end when the trouble ends.
"""

import sys
from pathlib import Path

import yaml

import dashboards
from objectives import ALERTS_ON_BUDGET, RUNBOOK, SLOS, SYMPTOMS, WINDOWS

HEAD = "# Written by deploy/observability/generate.py.\n"


def recorded() -> list[dict]:
    """For each objective the share of requests that were bad, over each window; and what may be bad."""
    rules = []
    for slo in SLOS:
        labels = {"slo": slo.name}
        rules.append({"record": "stubmart:slo_budget:ratio", "expr": f"vector({slo.budget})", "labels": labels})
        rules.append({"record": "stubmart:slo_requests:increase1h", "expr": f"sum(increase({slo.all('1h')}))", "labels": labels})
        for window in WINDOWS:
            rules.append({"record": f"stubmart:slo_bad:ratio_rate{window}", "expr": slo.bad_ratio(window), "labels": labels})
    return rules


def alert(name: str, severity: str, expr: str, wait: str, summary: str, description: str) -> dict:
    return {
        "alert": name,
        "expr": expr,
        "for": wait,
        "labels": {"severity": severity},
        "annotations": {
            "summary": summary,
            "description": description,
            "runbook_url": f"{RUNBOOK}#{name.lower()}",
            "dashboard": "/d/stubmart-slo" if "slo" in expr else "/d/stubmart-background",
        },
    }


def main(directory: Path) -> None:
    rules = {"groups": [
        {"name": "stubmart-slo", "interval": "30s", "rules": recorded()},
        {"name": "stubmart-budget", "rules": [alert(*each) for each in ALERTS_ON_BUDGET]},
        {"name": "stubmart-symptoms", "rules": [alert(*each) for each in SYMPTOMS]},
    ]}
    directory.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(rules, sort_keys=False, width=150, allow_unicode=True)
    (directory / "rules.yaml").write_text(HEAD + text)
    # Google's alerts are Terraform's (deploy/terraform/modules/observability), made from rules.yaml; these are what they stand on.
    managed = {
        "apiVersion": "monitoring.googleapis.com/v1",
        "kind": "Rules",
        "metadata": {"name": "stubmart"},
        "spec": {"groups": [group for group in rules["groups"] if "record" in group["rules"][0]]},
    }
    (directory / "managed").mkdir(exist_ok=True)
    text = yaml.safe_dump(managed, sort_keys=False, width=150, allow_unicode=True)
    (directory / "managed" / "rules.yaml").write_text(HEAD + text)
    (directory / "dashboards").mkdir(exist_ok=True)
    for name, text in dashboards.all_of_them(SLOS).items():
        (directory / "dashboards" / f"{name}.json").write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
