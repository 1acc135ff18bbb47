#!/usr/bin/env bash
# Builds what a cluster on one machine is made of, from Go's module proxy: Kubernetes and what stands around it, in the
# versions of tools/go.mod. The first time takes some minutes of processor time; what is built is kept.
#
#   tools.sh DIRECTORY [PROGRAM…]       kubectl alone, or all of them by default
set -euo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd)
shift
cd "$(dirname "${BASH_SOURCE[0]}")/tools"

declare -rA PACKAGES=(
    [kubectl]=k8s.io/kubernetes/cmd/kubectl
    [kube-apiserver]=k8s.io/kubernetes/cmd/kube-apiserver
    [kube-controller-manager]=k8s.io/kubernetes/cmd/kube-controller-manager
    [kube-scheduler]=k8s.io/kubernetes/cmd/kube-scheduler
    [kubelet]=k8s.io/kubernetes/cmd/kubelet
    [kube-proxy]=k8s.io/kubernetes/cmd/kube-proxy
    [dns]=./dns
    [pause]=./pause
    [policies]=./policies
    [metrics-server]=sigs.k8s.io/metrics-server/cmd/metrics-server
)
readonly ORDER=(kubectl kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy dns pause policies metrics-server)

version=$(sed -n 's#.*k8s.io/kubernetes \(v[0-9.]*\).*#\1#p' go.mod | head -n 1)
flags="-s -w"
# Programs that do not know their version refuse each other.
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$(echo "$version" | cut -d . -f 2)"
    flags+=" -X $package.gitTreeState=clean -X $package.gitCommit=unknown"
done
if [ $# = 0 ]; then set -- "${ORDER[@]}"; fi
for program in "$@"; do
    if [ -x "$out/$program" ] && [ "$out/$program" -nt go.mod ]; then continue; fi
    CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "$flags" -o "$out/$program" "${PACKAGES[$program]}"
done
