#!/usr/bin/env bash
# The market in services on a real Kubernetes of two nodes (cluster.sh), through what happens to it in production: people
# buy tickets the whole time, on kept and on new connections and on a stream, and nothing may fail. Each such test has a
# control, in which something has to fail. `stubmart check` audits the market after each.
#
#   check.sh BINARY DIRECTORY [SCENE…]     the scenes are steady rollout drain pods policies scaling restore loss
#
# Programs of tools.sh are in .tools/deploy/cluster. Needs root, Docker, and what cluster.sh needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly SCENES=(steady rollout drain pods policies scaling restore loss)
readonly TOOLS=$PWD/.tools/deploy/cluster
readonly HERE=$PWD/deploy/cluster
readonly REGISTRY=192.0.2.10:5000

binary=$(realpath "$1")
dir=$(mkdir -p "$2" && cd "$2" && pwd)
shift 2
scenes=("${@:-${SCENES[@]}}")
space=stubmart

say() { printf '[%4d s] %s\n' "$SECONDS" "$*"; }

fail() {
    say "FAULT: $*" >&2
    kubectl get pods --all-namespaces --output wide >"$dir/log/pods.txt" 2>&1 || true
    kubectl get events --all-namespaces >"$dir/log/events.txt" 2>&1 || true
    for service in $(deployments); do
        here logs --selector "app.kubernetes.io/name=${service#*/}" --tail 200 --prefix 2>/dev/null | grep -E '"level":"(WARN|ERROR)"' | tail -n 4 | cut -c 1-600 || true
    done >&2
    exit 1
}

kubectl() { "$dir/kubectl" "$@"; }
here() { kubectl --namespace "$space" "$@"; }
outside() { nsenter --net=/var/run/netns/stubmart-node1 "$@"; }

# Builds an image of files, and pushes it; prints it by digest.
push() { # NAME ARCHIVE
    local image=$REGISTRY/$1:1 sock=$dir/node1/containerd.sock found
    found=$(ctr --address "$sock" --namespace k8s.io images import "$2" | sed -n 's/^unpacking \([^ ]*\) .*/\1/p' | head -n 1)
    ctr --address "$sock" --namespace k8s.io images tag --force "$found" "$image" >/dev/null
    outside ctr --address "$sock" --namespace k8s.io images push --plain-http "$image" >/dev/null
    echo "$REGISTRY/$1@$(outside curl -fsSI -H 'accept: application/vnd.docker.distribution.manifest.v2+json' \
        -H 'accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/$1/manifests/1" |
        tr -d '\r' | sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: //p')"
}

# An image of one program, with nothing beside it.
of_program() { # NAME PROGRAM
    local context=$dir/context
    rm -rf "$context" && mkdir -p "$context"
    cp "$2" "$context/$1"
    printf 'FROM scratch\nCOPY %s /usr/bin/\nENV PATH=/usr/bin\nENTRYPOINT ["/usr/bin/%s"]\n' "$1" "$1" >"$context/Dockerfile"
    DOCKER_BUILDKIT=1 docker build --quiet --network none --tag "cluster-$1" "$context" >/dev/null
    docker save "cluster-$1" >"$dir/$1.tar"
    docker image rm "cluster-$1" >/dev/null
}

images() {
    of_program pause "$TOOLS/pause"
    of_program dns "$TOOLS/dns"
    of_program nats-server .tools/engines/bin/nats-server
    STUBMART_IMAGE_BUDGET_MB=200 deploy/image/build.sh --binary "$binary" --tag cluster-stubmart --out "$dir/image"
    docker save cluster-stubmart >"$dir/stubmart.tar"
    docker image rm cluster-stubmart >/dev/null
    push pause "$dir/pause.tar" >/dev/null
    push dns "$dir/dns.tar" >/dev/null
    nats=$(push nats "$dir/nats-server.tar")
    stubmart=$(push stubmart "$dir/stubmart.tar")
    rm "$dir"/*.tar
}

# The overlay with images by digest, in a namespace, with what a scene changes.
rendered() { # [CHANGE OF SETTINGS]
    local copy=$dir/rendered
    rm -rf "$copy" && mkdir -p "$copy"
    cp -r deploy/kubernetes deploy/observability deploy/cluster "$copy"
    (
        cd "$copy/cluster/overlay"
        printf 'images:\n'
        printf -- '- {name: %s, newName: %s, digest: "%s"}\n' stubmart "${stubmart%@*}" "${stubmart#*@}" nats "${nats%@*}" "${nats#*@}"
    ) >>"$copy/cluster/overlay/kustomization.yaml"
    sed -i "s/^namespace: .*/namespace: $space/" "$copy/cluster/overlay/kustomization.yaml"
    sed -i "${1:-}" "$copy/cluster/overlay/settings.toml"
    "$TOOLS/kubectl" kustomize "$copy/cluster/overlay"
}

apply() {
    rendered | kubectl apply --server-side --force-conflicts --filename - >/dev/null
}

settled() {
    local workload
    for workload in $(here get deployments,statefulsets --output name); do
        here rollout status "$workload" --timeout 300s >/dev/null || fail "$workload is not rolled out"
    done
}

volumes() { # [FROM]
    local number node
    for number in $(seq "${1:-0}" $((${1:-0} + 2))); do
        node=$((number % 2 + 1))
        mkdir -p "$dir/disk$number"
        chown 65532:65532 "$dir/disk$number"
        cat <<END
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk$number}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOncePod]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: stubmart-nats
  local: {path: $dir/disk$number}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node$node]}]}]}}
---
END
    done | kubectl apply --filename - >/dev/null
}

# The one address that people reach.
market() { here get service market --output jsonpath='{.spec.clusterIP}:80'; }

begin_load() { # [BUYERS]
    nsenter --net=/var/run/netns/stubmart-node1 python3 "$HERE/load.py" "$(market)" "${1:-4}" >"$dir/load.json" 2>"$dir/log/load.log" &
    load=$!
    sleep 4
}

end_load() { # WHAT
    sleep 4
    kill "$load"
    wait "$load" || fail "$1: the load broke: $(tail -n 3 "$dir/log/load.log")"
    # shellcheck disable=SC2016 # Python's
    python3 -c '
import json, sys
it = json.load(open(sys.argv[1]))
print("{requests} requests, {purchases} purchases, slowest {slowest} s, stream resumed {resumed} times, ".format(**it) + str(len(it["failures"])) + " failures")
print("\n".join("    " + one for one in it["failures"][:5]))
' "$dir/load.json" | sed '/^$/d' >"$dir/load.txt"
    say "$1: $(cat "$dir/load.txt")"
    failures=$(jq '.failures | length' "$dir/load.json")
    [ "$(jq .purchases "$dir/load.json")" -gt 0 ] || fail "$1: nothing was bought"
}

nothing_failed() { [ "$failures" = 0 ] || fail "$1: $failures requests failed"; }
something_failed() { [ "$failures" != 0 ] || fail "$1: the control failed nothing: this test sees nothing"; }

audit() {
    local job=audit-$SECONDS
    here create job "$job" --from=cronjob/check >/dev/null
    for _ in $(seq 240); do
        case $(here get job "$job" --output jsonpath='{.status.succeeded}/{.status.failed}') in
            1/*) say "stubmart check: $(here logs "job/$job" | tail -n 1)"; return ;;
            /1) fail "stubmart check: $(here logs "job/$job" | tail -n 20)" ;;
        esac
        sleep 0.5
    done
    fail "stubmart check did not end"
}

deployments() { here get deployments --output name; }

# Nothing happens: what fails now would fail anyway.
scene_steady() {
    begin_load
    sleep 15
    end_load "nothing happens"
    nothing_failed "a market that is left alone"
}

scene_rollout() {
    begin_load
    deployments | xargs "$dir/kubectl" --namespace "$space" rollout restart >/dev/null
    settled
    end_load "rolling update of every service"
    nothing_failed "rolling update"
    audit
    # Without a drain and without the wait before it.
    here patch deployment gateway --type json --patch '[{"op": "remove", "path": "/spec/template/spec/containers/0/lifecycle"},
        {"op": "add", "path": "/spec/template/spec/containers/0/env", "value": [{"name": "STUBMART_DRAIN", "value": "0s"}]}]' >/dev/null
    settled
    begin_load
    for _ in 1 2; do
        here rollout restart deployment/gateway >/dev/null
        settled
    done
    end_load "control: a gateway that does not drain"
    something_failed "rolling update"
    apply
    settled
}

scene_drain() {
    begin_load
    kubectl drain node2 --ignore-daemonsets --delete-emptydir-data --force --timeout 180s >/dev/null 2>&1 || fail "node2 cannot be drained"
    end_load "drain of a node"
    nothing_failed "drain"
    kubectl uncordon node2 >/dev/null
    settled
    audit
}

scene_pods() {
    local service
    begin_load
    for service in $(deployments); do
        here delete pod --wait=false "$(here get pods --selector "app.kubernetes.io/name=${service#*/}" --output name | head -n 1 | cut -d / -f 2)" >/dev/null
        sleep 2
    done
    settled
    end_load "a pod of every service is deleted"
    nothing_failed "pods"
    audit
    begin_load
    for service in auth tickets catalogue orders payments delivery; do
        here delete pod --grace-period=0 --force --wait=false \
            "$(here get pods --selector "app.kubernetes.io/name=$service" --output name | head -n 1 | cut -d / -f 2)" >/dev/null 2>&1
        sleep 2
    done
    settled
    end_load "control: a pod of every service is killed where it stands"
    audit
}

# A pod of each workload, with its address and a process of it.
pods_with_processes() {
    local name pod node id address
    for name in auth tickets catalogue orders expiration payments delivery notify web gateway nats; do
        read -r pod node address id < <(here get pods --selector "app.kubernetes.io/name=$name" --field-selector status.phase=Running \
            --output jsonpath='{range .items[0]}{.metadata.name} {.spec.nodeName} {.status.podIP} {.status.containerStatuses[0].containerID}{"\n"}{end}')
        [ -n "$pod" ] || fail "no pod of $name"
        echo "$name $address $(ctr --address "$dir/$node/containerd.sock" --namespace k8s.io tasks list | awk -v id="${id#containerd://}" '$1 == id { print $2 }')"
    done
}

scene_policies() {
    pods_with_processes >"$dir/pods"
    .tools/deploy/venv/bin/python "$HERE/matrix.py" closed <"$dir/pods" >"$dir/matrix" 2>&1 || fail "network policies: $(cat "$dir/matrix")"
    say "network policies: $(cat "$dir/matrix")"
    here delete networkpolicies --all >/dev/null
    for _ in $(seq 60); do
        if .tools/deploy/venv/bin/python "$HERE/matrix.py" open <"$dir/pods" >"$dir/matrix" 2>&1; then break; fi
        sleep 1
    done
    say "control: without policies $(head -n 1 "$dir/matrix")"
    .tools/deploy/venv/bin/python "$HERE/matrix.py" open <"$dir/pods" >"$dir/matrix" 2>&1 || fail "control: $(cat "$dir/matrix")"
    apply
}

scene_scaling() {
    local replicas=0
    here patch horizontalpodautoscaler gateway --type merge --patch '{"spec": {"maxReplicas": 6}}' >/dev/null
    nsenter --net=/var/run/netns/stubmart-node1 wrk --threads 1 --connections 16 --duration 120s "http://$(market)/api/events" >"$dir/log/wrk.log" 2>&1 &
    load=$!
    for _ in $(seq 120); do
        replicas=$(here get deployment gateway --output jsonpath='{.status.readyReplicas}')
        if [ "${replicas:-0}" -gt 3 ]; then break; fi
        sleep 1
    done
    kill "$load" 2>/dev/null || true
    wait "$load" || true
    [ "${replicas:-0}" -gt 3 ] || fail "autoscaling: $(here get horizontalpodautoscalers)"
    say "autoscaling: the gateway grew from 3 to $replicas, at $(here get horizontalpodautoscaler gateway --output \
        jsonpath='{.status.currentMetrics[0].resource.current.averageUtilization}') % of its request"
    apply
    here scale deployment gateway --replicas 3 >/dev/null
    settled
}

# The databases as they are on their disk at one moment, as a snapshot of the disk has them, into a namespace that has nothing:
# an empty bus, an empty Redis.
scene_restore() {
    local pid ticket before after
    begin_load
    end_load "before the backup"
    ticket=$(outside curl -fsS "http://$(market)/api/tickets?limit=1&status=sold" | jq -r '.items[0].id')
    before=$(outside curl -fsS "http://$(market)/api/tickets/$ticket" | jq -S .)
    pid=$(cat "$dir/pid/mongodb")
    kill -STOP "$pid"
    cp -r "$dir/mongodb" "$dir/restored"
    kill -CONT "$pid"
    setsid nsenter --net=/var/run/netns/stubmart-node1 .tools/engines/secantus/bin/secantusd-py --host 192.0.2.10 --port 27018 \
        --storage-path "$dir/restored" --sync-on-commit --enable-test-commands >"$dir/log/restored.log" 2>&1 </dev/null &
    echo $! >"$dir/pid/restored"
    space=restored
    volumes 3
    sed 's/name: stubmart$/name: restored/' deploy/kubernetes/base/namespace.yaml | kubectl apply --filename - >/dev/null
    rendered "s/27017/27018/; s/:6379/:6379\\/1/" | sed 's/port: 27017/port: 27018/; s/minReplicas: [23]/minReplicas: 1/' |
        kubectl apply --server-side --force-conflicts --filename - >/dev/null
    settled
    after=$(outside curl -fsS "http://$(market)/api/tickets/$ticket" | jq -S .)
    [ "$before" = "$after" ] || fail "a restored ticket differs: $before, $after"
    say "restored into a fresh namespace: the last ticket sold is as it was"
    audit
    begin_load 2
    end_load "purchases in the restored market"
    nothing_failed "restore"
    kubectl delete namespace restored --wait=false >/dev/null
    space=stubmart
}

# A node that is cut off: nobody says so, and the cluster has to find out.
scene_loss() {
    local began gone
    "$HERE/cluster.sh" cut "$dir"
    began=$SECONDS gone=0
    for _ in $(seq 240); do
        if ! outside curl -fsS --max-time 2 --output /dev/null "http://$(market)/api/events?limit=1"; then gone=$SECONDS; fi
        if [ $((SECONDS - began)) -gt 90 ]; then break; fi
        sleep 0.3
    done
    say "a node was cut off: the last request failed $((gone > began ? gone - began : 0)) s after it"
    "$HERE/cluster.sh" mend "$dir"
    kubectl wait --for=condition=Ready node/node2 --timeout 120s >/dev/null
    settled
    audit
}

main() {
    local scene
    trap '"$HERE/cluster.sh" down "$dir" || true' EXIT
    "$HERE/cluster.sh" up "$dir" "$TOOLS"
    say "two nodes are ready"
    images
    say "$stubmart"
    kubectl apply --filename "$HERE/dns.yaml" >/dev/null
    volumes
    kubectl apply --filename deploy/kubernetes/base/namespace.yaml >/dev/null
    apply
    settled
    say "the market is rolled out: $(here get pods --no-headers | wc -l) pods"
    audit
    for scene in "${scenes[@]}"; do "scene_$scene"; done
}

main
