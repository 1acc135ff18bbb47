"""Checks rendered manifests: their schema, and what every workload of the market must have.

    manifests.py KUBERNETES_VERSION FILE…

What is allowed between services is compared with the calls that ARCHITECTURE.md lists.
"""

import re
import sys
from itertools import product
from pathlib import Path

import kubernetes_validate
import yaml

PROJECT = Path(__file__).resolve().parents[2]
CLUSTER_WIDE = {"Namespace", "PriorityClass", "StorageClass", "PersistentVolume"}
# Kinds of Google's and of Gateway API: their schemas are in no package of Python's.
FOREIGN = {"Gateway", "HTTPRoute", "GCPBackendPolicy", "HealthCheckPolicy", "GCPGatewayPolicy", "PodMonitoring", "Rules", "SecretProviderClass"}
# Who passes requests of the public on, and to whom.
GATEWAY = ["auth", "tickets", "catalogue", "orders", "payments", "delivery", "notify", "web"]

faults: list[str] = []


def fault(where: str, what: str) -> None:
    faults.append(f"{where}: {what}")


def name_of(thing: dict) -> str:
    return f"{thing['kind']}/{thing['metadata']['name']}"


def pod_of(workload: dict) -> dict:
    spec = workload["spec"]
    return (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]


def selects(selector: dict, labels: dict) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for it in selector.get("matchExpressions", []):
        if it["operator"] != "In":
            raise ValueError(it)
        if labels.get(it["key"]) not in it["values"]:
            return False
    return True


def declared_calls() -> set[tuple[str, str]]:
    """Which service calls which."""
    text = (PROJECT / "ARCHITECTURE.md").read_text()
    listed = re.search(r"\*\*internal calls\*\*.*?(any service → .*?)\.\n", text, re.S)[1]
    calls = set(re.findall(r"(\w+) →\s+(\w+)", listed))
    # Every service with routes asks whose token a request carries.
    asking = {file.parents[1].name for file in PROJECT.glob("crates/*/src/http.rs")} & {"tickets", "catalogue", "orders", "payments", "delivery", "notify"}
    return {call for call in calls if call[0] != "service"} | {(caller, callee) for caller in asking for who, callee in calls if who == "service"}


def may_reach(users_of_engines: set[str]) -> set[tuple[str, str, int]]:
    """Who may reach whom, at which port; nobody else may."""
    return (
        {(caller, callee, 8081) for caller, callee in declared_calls()}
        | {("gateway", service, 8080) for service in GATEWAY}
        | {("web", "gateway", 8081), ("nats", "nats", 6222)}
        | {(name, "nats", 4222) for name in users_of_engines}
    )


def check_pod(where: str, pod: dict, kind: str) -> None:
    spec, labels = pod["spec"], pod["metadata"]["labels"]
    if spec.get("automountServiceAccountToken") is not False or spec.get("serviceAccountName") in (None, "default"):
        fault(where, "needs a service account of its own, whose token is not mounted")
    if spec.get("enableServiceLinks") is not False:
        fault(where, "enableServiceLinks must be false")
    context = spec.get("securityContext", {})
    if not context.get("runAsNonRoot") or context.get("seccompProfile", {}).get("type") != "RuntimeDefault" or "fsGroup" not in context:
        fault(where, "the pod must not run as root, with a seccomp profile and fsGroup")
    for container in spec["containers"] + spec.get("initContainers", []):
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False or not own.get("readOnlyRootFilesystem") or own.get("capabilities") != {"drop": ["ALL"]}:
            fault(where, "a container must have a read-only root and no capability")
        requests, limits = (container.get("resources", {}).get(key, {}) for key in ("requests", "limits"))
        if {"cpu", "memory", "ephemeral-storage"} - requests.keys():
            fault(where, "needs requests of cpu, memory and ephemeral-storage: Autopilot takes 0.5 vCPU and 2 GiB otherwise")
        if limits.get("memory") != requests.get("memory") or "cpu" in limits:
            fault(where, "the memory's limit is its request, and cpu has none")
        if kind != "CronJob":
            probes = [container.get(probe) for probe in ("startupProbe", "readinessProbe", "livenessProbe")]
            if None in probes or len({str(probe) for probe in probes}) != 3:
                fault(where, "needs three probes that differ")
            elif any(probe.get("timeoutSeconds", 1) <= 1 for probe in probes):
                fault(where, "a probe must wait for more than a second")
            if not container.get("lifecycle", {}).get("preStop"):
                fault(where, "needs a preStop hook")
    if kind == "CronJob":
        return
    if "priorityClassName" not in spec:
        fault(where, "needs a priority class")
    spread = spec.get("topologySpreadConstraints", [])
    if [(it["topologyKey"], it["whenUnsatisfiable"]) for it in spread] != [
        ("topology.kubernetes.io/zone", "DoNotSchedule"), ("kubernetes.io/hostname", "ScheduleAnyway"),
    ]:
        fault(where, "must spread over zones, and over nodes where it can")
    for it in spread:
        keys = [key for key in it.get("matchLabelKeys", []) if key != "pod-template-hash"]
        if any(key not in labels for key in keys) or not selects(it.get("labelSelector", {}), labels):
            fault(where, "is spread by labels that it does not have")


def check_network(where: str, things: list[dict]) -> None:
    policies = [thing["spec"] for thing in things if thing["kind"] == "NetworkPolicy"]
    pods = {pod["metadata"]["labels"]["app.kubernetes.io/name"]: pod["metadata"]["labels"] for pod in
            (pod_of(thing) for thing in things if thing["kind"] in ("Deployment", "StatefulSet", "CronJob"))}
    if not any(policy["podSelector"] == {} and set(policy["policyTypes"]) == {"Ingress", "Egress"}
               and "ingress" not in policy and "egress" not in policy for policy in policies):
        fault(where, "needs a policy that denies everything")

    def allows(way: str, word: str, own: dict, other: dict, port: int) -> bool:
        return any(
            selects(policy["podSelector"], own)
            and any(selects(peer["podSelector"], other) for peer in rule.get(word, []) if "podSelector" in peer and "namespaceSelector" not in peer)
            and port in [it["port"] for it in rule.get("ports", [])]
            for policy in policies for rule in policy.get(way, [])
        )

    wanted = may_reach({name for name, labels in pods.items() if "stubmart/uses-engines" in labels})
    found = {
        (a, b, port) for (a, own), (b, other), port in product(pods.items(), pods.items(), (8080, 8081, 4222, 6222, 8222))
        if allows("egress", "to", own, other, port) and allows("ingress", "from", other, own, port)
    }
    for extra in sorted(found - wanted):
        fault(where, "{} may reach {} at {}, and never calls it".format(*extra))
    for missing in sorted(wanted - found):
        fault(where, "{} cannot reach {} at {}".format(*missing))


def check_file(version: str, path: Path) -> None:
    things = [thing for thing in yaml.safe_load_all(path.read_text()) if thing]
    where = path.name
    for thing in things:
        it = f"{where}: {name_of(thing)}"
        if thing["kind"] not in FOREIGN:
            try:
                kubernetes_validate.validate(thing, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                fault(it, error.message)
        if (thing["kind"] in CLUSTER_WIDE) == ("namespace" in thing["metadata"]):
            fault(it, "needs a namespace, unless it is the cluster's")
        if thing["kind"] == "Secret":
            fault(it, "no secret is in git")
    spaces = [thing for thing in things if thing["kind"] == "Namespace"]
    if not spaces or any(it["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted" for it in spaces):
        fault(where, "the namespace must enforce restricted pods")
    workloads = [thing for thing in things if thing["kind"] in ("Deployment", "StatefulSet", "CronJob")]
    budgets = [thing for thing in things if thing["kind"] == "PodDisruptionBudget"]
    scaled = {thing["spec"]["scaleTargetRef"]["name"]: thing["spec"] for thing in things if thing["kind"] == "HorizontalPodAutoscaler"}
    for workload in workloads:
        it, kind, pod = f"{where}: {name_of(workload)}", workload["kind"], pod_of(workload)
        check_pod(it, pod, kind)
        if kind == "CronJob":
            continue
        if sum(selects(budget["spec"]["selector"], pod["metadata"]["labels"]) for budget in budgets) != 1:
            fault(it, "needs one PodDisruptionBudget")
        if kind == "Deployment":
            if workload["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable") != 0:
                fault(it, "no instance may go before the next is there")
            if "replicas" in workload["spec"] or workload["metadata"]["name"] not in scaled:
                fault(it, "is scaled by an autoscaler, which alone says how many there are")
            elif scaled[workload["metadata"]["name"]]["minReplicas"] < (1 if path.stem == "dev" else 2):
                fault(it, "needs two instances at least")
    for budget in budgets:
        if not any(selects(budget["spec"]["selector"], pod_of(it)["metadata"]["labels"]) for it in workloads):
            fault(f"{where}: {name_of(budget)}", "is of no workload")
    check_network(where, things)


def main(version: str, *paths: str) -> None:
    for path in paths:
        check_file(version, Path(path))
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main(*sys.argv[1:])
