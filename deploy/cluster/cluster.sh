#!/usr/bin/env bash
# A Kubernetes of two nodes on one machine, each in a network namespace of its own, so that no packet leaves the machine
# and no port of it is taken. In front of it, as on Google Cloud, what is not in the cluster: a registry, MongoDB, Redis.
#
#   cluster.sh up DIRECTORY TOOLS      brings it up: its state is in the first, programs of tools.sh are in the second
#   cluster.sh down DIRECTORY          stops all of it
#   cluster.sh cut DIRECTORY | mend DIRECTORY     takes the second node off the network, and puts it back
#
# Then kubectl is DIRECTORY/kubectl. Needs root, and of Debian: containerd runc etcd-server containernetworking-plugins
# iptables conntrack ipset docker-registry redis-server. Secantus (scripts/engines.sh) speaks MongoDB's protocol.
set -euo pipefail

readonly SPACE=stubmart-node
readonly FIRST=192.0.2.10 # RFC 5737: of no network
readonly API=https://$FIRST:6443
readonly SERVICES=10.96.0.0/16

usage() {
    sed -n '2,12p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//' >&2
    exit 2
}

address() { echo "192.0.2.1$(($1 - 1))"; } # NODE

# Not `ip netns exec`: that hides the control groups.
inside() { # NODE COMMAND…
    nsenter --net="/var/run/netns/$SPACE$1" "${@:2}"
}

start() { # NODE NAME COMMAND…
    local node=$1 name=$2
    shift 2
    setsid nsenter --net="/var/run/netns/$SPACE$node" "$@" >"$dir/log/$name.log" 2>&1 </dev/null &
    echo $! >"$dir/pid/$name"
}

wait_for() { # WHAT COMMAND…
    local what=$1 tries
    shift
    for ((tries = 0; tries < 600; tries++)); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    echo "$what: not within a minute; logs are in $dir/log" >&2
    return 1
}

# A certificate, and for a client its kubeconfig.
certificate() { # NAME SUBJECT USAGE [NAMES]
    local at=$dir/pki/$1
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$at.key" -subj "$2" -out "$at.csr" 2>/dev/null
    printf 'extendedKeyUsage=%s\n%s\n' "$3" "${4:+subjectAltName=$4}" >"$at.ext"
    openssl x509 -req -in "$at.csr" -CA "$dir/pki/ca.crt" -CAkey "$dir/pki/ca.key" -days 2 -extfile "$at.ext" -out "$at.crt" 2>/dev/null
    cat >"$at.conf" <<END
apiVersion: v1
kind: Config
clusters: [{name: it, cluster: {server: "$API", certificate-authority: $dir/pki/ca.crt}}]
users: [{name: it, user: {client-certificate: $at.crt, client-key: $at.key}}]
contexts: [{name: it, context: {cluster: it, user: it}}]
current-context: it
END
}

certificates() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$dir/pki/ca.key" -days 2 -subj /CN=ca \
        -out "$dir/pki/ca.crt" 2>/dev/null
    openssl genrsa -out "$dir/pki/accounts.key" 2048 2>/dev/null
    openssl rsa -in "$dir/pki/accounts.key" -pubout -out "$dir/pki/accounts.pub" 2>/dev/null
    certificate apiserver /CN=apiserver serverAuth,clientAuth \
        "DNS:kubernetes.default.svc,DNS:kubernetes.default,DNS:kubernetes,IP:$FIRST,IP:10.96.0.1"
    certificate admin /O=system:masters/CN=admin clientAuth
    certificate controller-manager /CN=system:kube-controller-manager clientAuth
    certificate scheduler /CN=system:kube-scheduler clientAuth
    certificate proxy /CN=system:kube-proxy clientAuth
    certificate front /CN=front-proxy clientAuth
    certificate metrics /CN=metrics serverAuth "DNS:metrics-server.kube-system.svc,IP:$FIRST"
    for node in 1 2; do
        certificate "node$node" "/O=system:nodes/CN=system:node:node$node" clientAuth
        certificate "node$node-server" "/CN=node$node" serverAuth "IP:$(address $node)"
    done
}

# Both nodes on one wire. Pods of a node are 10.244.NODE.0/24.
network() {
    local node
    for node in 1 2; do
        ip netns add "$SPACE$node"
        inside $node ip link set lo up
        inside $node sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.route_localnet=1
        inside $node sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null || true
    done
    inside 1 ip link add lan type bridge
    inside 1 ip address add "$FIRST/24" dev lan
    inside 1 ip link set lan up
    ip link add to-node2 netns ${SPACE}1 type veth peer name lan netns ${SPACE}2
    inside 1 ip link set to-node2 master lan up
    inside 2 ip address add "$(address 2)/24" dev lan
    inside 2 ip link set lan up
    inside 1 ip route add default dev lan
    inside 2 ip route add default via "$FIRST"
    inside 1 ip route add 10.244.2.0/24 via "$(address 2)"
    inside 2 ip route add 10.244.1.0/24 via "$FIRST"
    # Ports are used again while their last connection is remembered, and would lead to a pod that is gone.
    for node in 1 2; do inside $node sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_time_wait=1 || true; done
}

control_plane() {
    start 1 etcd etcd --data-dir "$dir/etcd" --unsafe-no-fsync --listen-client-urls http://127.0.0.1:2379 \
        --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
    start 1 apiserver "$tools/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --bind-address="$FIRST" \
        --advertise-address="$FIRST" --secure-port=6443 --client-ca-file="$dir/pki/ca.crt" \
        --tls-cert-file="$dir/pki/apiserver.crt" --tls-private-key-file="$dir/pki/apiserver.key" \
        --kubelet-client-certificate="$dir/pki/admin.crt" --kubelet-client-key="$dir/pki/admin.key" \
        --kubelet-certificate-authority="$dir/pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
        --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$dir/pki/accounts.pub" \
        --service-account-signing-key-file="$dir/pki/accounts.key" --service-cluster-ip-range=$SERVICES \
        --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
        --requestheader-client-ca-file="$dir/pki/ca.crt" --requestheader-allowed-names=front-proxy \
        --requestheader-extra-headers-prefix=X-Remote-Extra- --requestheader-group-headers=X-Remote-Group \
        --requestheader-username-headers=X-Remote-User --proxy-client-cert-file="$dir/pki/front.crt" \
        --proxy-client-key-file="$dir/pki/front.key"
    wait_for "the API server" "$dir/kubectl" get --raw /readyz
    start 1 controller-manager "$tools/kube-controller-manager" --kubeconfig="$dir/pki/controller-manager.conf" \
        --authentication-kubeconfig="$dir/pki/controller-manager.conf" --authorization-kubeconfig="$dir/pki/controller-manager.conf" \
        --root-ca-file="$dir/pki/ca.crt" --service-account-private-key-file="$dir/pki/accounts.key" \
        --use-service-account-credentials --leader-elect=false --bind-address=127.0.0.1 \
        --horizontal-pod-autoscaler-sync-period=5s --horizontal-pod-autoscaler-initial-readiness-delay=5s \
        --horizontal-pod-autoscaler-cpu-initialization-period=10s
    start 1 scheduler "$tools/kube-scheduler" --kubeconfig="$dir/pki/scheduler.conf" \
        --authentication-kubeconfig="$dir/pki/scheduler.conf" --authorization-kubeconfig="$dir/pki/scheduler.conf" \
        --leader-elect=false --bind-address=127.0.0.1
}

node() { # NODE
    local node=$1 at=$dir/node$1 root
    mkdir -p "$at"/{cni,kubelet,logs}
    cat >"$at/containerd.toml" <<END
version = 2
root = "$at/containerd"
state = "$at/run"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
address = "$at/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "$FIRST:5000/pause:1"
# Root here may not protect a process from the kernel's killer.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "$at/cni"
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."$FIRST:5000"]
endpoint = ["http://$FIRST:5000"]
END
    cat >"$at/cni/pods.conflist" <<END
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "pods", "isGateway": true, "ipMasq": false, "hairpinMode": true, "ipam": {"type": "host-local",
   "dataDir": "$at/addresses", "ranges": [[{"subnet": "10.244.$node.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
END
    : >"$at/resolv.conf"
    # One control group holds all pods of a node, and nobody else's.
    root=/stubmart-node$node
    for controller in /sys/fs/cgroup/*/; do
        if [ -e "$controller/tasks" ]; then mkdir -p "$controller$root"; fi
    done
    for file in cpuset.cpus cpuset.mems; do
        if [ -e "/sys/fs/cgroup/cpuset/$file" ]; then cat "/sys/fs/cgroup/cpuset/$file" >"/sys/fs/cgroup/cpuset$root/$file"; fi
    done
    cat >"$at/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $dir/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $dir/pki/node$node-server.crt
tlsPrivateKeyFile: $dir/pki/node$node-server.key
cgroupDriver: cgroupfs
cgroupRoot: $root
failSwapOn: false
failCgroupV1: false
clusterDomain: cluster.local
clusterDNS: [10.96.0.10]
resolvConf: $at/resolv.conf
containerRuntimeEndpoint: unix://$at/containerd.sock
podLogsDir: $at/logs
address: $(address "$node")
healthzBindAddress: 127.0.0.1
nodeStatusUpdateFrequency: 4s
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 99
imageGCLowThresholdPercent: 98
END
    cat >"$at/proxy.yaml" <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $dir/pki/proxy.conf}
mode: iptables
clusterCIDR: 10.244.0.0/16
hostnameOverride: node$node
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
conntrack: {maxPerCore: 0, min: 0, tcpCloseWaitTimeout: 0s, tcpEstablishedTimeout: 0s}
END
    start "$node" "containerd$node" containerd --config "$at/containerd.toml"
    wait_for "containerd" ctr --address "$at/containerd.sock" version
    start "$node" "kubelet$node" "$tools/kubelet" --config="$at/kubelet.yaml" --kubeconfig="$dir/pki/node$node.conf" \
        --hostname-override="node$node" --node-ip="$(address "$node")" --root-dir="$at/kubelet" \
        --node-labels="topology.kubernetes.io/zone=zone$node"
    start "$node" "proxy$node" "$tools/kube-proxy" --config="$at/proxy.yaml"
}

# What Google runs beside the cluster.
outside() {
    cat >"$dir/registry.yaml" <<END
version: 0.1
storage: {filesystem: {rootdirectory: $dir/registry}}
http: {addr: "$FIRST:5000"}
END
    start 1 registry docker-registry serve "$dir/registry.yaml"
    mkdir -p "$dir/mongodb"
    start 1 mongodb .tools/engines/secantus/bin/secantusd-py --host "$FIRST" --port 27017 --storage-path "$dir/mongodb" --sync-on-commit \
        --enable-test-commands
    start 1 redis redis-server --bind "$FIRST" --port 6379 --requirepass redis --save '' --appendonly no
    wait_for "the registry" inside 1 curl -fsS "http://$FIRST:5000/v2/"
    wait_for "MongoDB" inside 1 bash -c "exec 3<>/dev/tcp/$FIRST/27017"
    wait_for "Redis" inside 1 bash -c "exec 3<>/dev/tcp/$FIRST/6379"
}

metrics() {
    start 1 metrics "$tools/metrics-server" --kubeconfig="$dir/pki/admin.conf" --authentication-kubeconfig="$dir/pki/admin.conf" \
        --authorization-kubeconfig="$dir/pki/admin.conf" --secure-port=4443 --metric-resolution=15s \
        --kubelet-preferred-address-types=InternalIP --kubelet-certificate-authority="$dir/pki/ca.crt" \
        --tls-cert-file="$dir/pki/metrics.crt" --tls-private-key-file="$dir/pki/metrics.key" \
        --requestheader-client-ca-file="$dir/pki/ca.crt" --requestheader-allowed-names=front-proxy
    sed "s|CA|$(base64 --wrap 0 "$dir/pki/ca.crt")|" "$here/metrics.yaml" | "$dir/kubectl" apply -f - >/dev/null
}

up() { # DIRECTORY TOOLS
    tools=$(cd "$2" && pwd)
    mkdir -p "$1"
    dir=$(cd "$1" && pwd)
    mkdir -p "$dir"/{log,pid,pki}
    printf '#!/bin/sh\nexec nsenter --net=/var/run/netns/%s1 %s --kubeconfig %s "$@"\n' "$SPACE" "$tools/kubectl" "$dir/pki/admin.conf" >"$dir/kubectl"
    chmod +x "$dir/kubectl"
    # Mounts of pods have to be seen by their containers.
    mount --make-rshared / 2>/dev/null || true
    ip netns list | cut -d ' ' -f 1 >"$dir/spaces"
    certificates
    network
    outside
    control_plane
    node 1
    node 2
    for node in 1 2; do
        wait_for "node$node" "$dir/kubectl" wait --for=condition=Ready "node/node$node" --timeout=1s
        start "$node" "policies$node" "$tools/policies" "$dir/pki/admin.conf" "node$node" $SERVICES
    done
    metrics
}

down() { # DIRECTORY
    local name pid order=(metrics policies1 policies2 proxy1 proxy2)
    dir=$(cd "$1" && pwd)
    if [ -x "$dir/kubectl" ]; then
        # Pods before kubelets: what is left of a container then would stay.
        timeout 20 "$dir/kubectl" delete pods --all-namespaces --all --grace-period=0 --force >/dev/null 2>&1 || true
        sleep 3
    fi
    order+=(kubelet1 kubelet2 controller-manager scheduler apiserver etcd restored mongodb redis registry containerd1 containerd2)
    for name in "${order[@]}"; do
        if [ ! -e "$dir/pid/$name" ]; then continue; fi
        pid=$(cat "$dir/pid/$name")
        # Nothing of it is kept, so nothing has to end well.
        kill -9 "$pid" 2>/dev/null || true
        rm "$dir/pid/$name"
    done
    # Containers outlive those who started them; these control groups are this cluster's.
    find /sys/fs/cgroup/*/stubmart-node* -name cgroup.procs -exec cat {} + 2>/dev/null | sort -un |
        xargs --no-run-if-empty kill -9 2>/dev/null || true
    sleep 1
    awk -v at="$dir/" 'index($2, at) == 1 { print $2 }' /proc/mounts | sort -r | xargs --no-run-if-empty umount --lazy 2>/dev/null || true
    for node in 1 2; do ip netns delete "$SPACE$node" 2>/dev/null || true; done
    # Those of pods, made since it was brought up.
    for name in $(ip netns list | sed -n 's/^\(cni-[0-9a-f-]*\).*/\1/p'); do
        if ! grep -qx "$name" "$dir/spaces"; then ip netns delete "$name" 2>/dev/null || true; fi
    done
    find /sys/fs/cgroup/*/stubmart-node* -depth -type d -exec rmdir {} \; 2>/dev/null || true
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
cd "$here/../.."
case "${1:-} $#" in
    "up 3") up "$2" "$3" ;;
    "down 2") down "$2" ;;
    "cut 2") inside 1 ip link set to-node2 down ;;
    "mend 2") inside 1 ip link set to-node2 up ;;
    *) usage ;;
esac
