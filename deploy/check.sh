#!/usr/bin/env bash
# Checks everything in this directory: runs what can be run on one machine, validates the rest. What it needs and can
# install it puts into .tools/deploy/ (Docker comes from Debian). `./test deploy` calls it.
#
#   deploy/check.sh BINARY [CHECK…]      a stubmart, of any profile; the checks are scripts image machine rules restore
#                                        terraform manifests; and cluster, if it is named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/packages.sh
source deploy/lib.sh

readonly CHECKS=(scripts image machine rules restore terraform manifests)
readonly ACTIONLINT=v1.7.7
readonly COMPOSE_GO=v2.9.0
readonly KUBERNETES=1.34
readonly TOOLS=$PROJECT/.tools/deploy
readonly LEFT_OUT=${STUBMART_LEFT_OUT:-/dev/stderr}

# Says what is not tested here. CI must be able to test all.
left_out() { # WHAT
    echo "deploy: $1" >>"$LEFT_OUT"
    [ "${STUBMART_EFFORT:-default}" != ci ]
}

fail() {
    echo "FAULT: $*" >&2
    exit 1
}

install_python_tools() {
    if ! cmp -s deploy/requirements.txt "$TOOLS/venv/requirements.txt"; then
        mkdir -p "$TOOLS"
        python3 -m venv --clear "$TOOLS/venv"
        "$TOOLS/venv/bin/pip" install -q --disable-pip-version-check -r deploy/requirements.txt
        cp deploy/requirements.txt "$TOOLS/venv/requirements.txt"
    fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Waits for a condition, for half a minute at most.
wait_for() { # WHAT COMMAND…
    local what=$1 tries
    shift
    for ((tries = 0; tries < 300; tries++)); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    fail "$what: not within 30 s"
}

# Docker: the one that runs here, or one of our own that has no network and keeps its data in our directory.
start_docker() {
    if docker version >/dev/null 2>&1; then return; fi
    if [ "$(id -u)" != 0 ]; then return 1; fi
    if ! has dockerd; then install_packages docker.io containerd runc iptables || return 1; fi
    # A newer client elsewhere on the PATH may lack what builds images.
    if [ -x /usr/bin/docker ]; then PATH=/usr/bin:$PATH; fi
    export PATH DOCKER_HOST=unix://$work/docker.sock
    dockerd --host "$DOCKER_HOST" --data-root "$work/docker" --exec-root "$work/docker-exec" --pidfile "$work/docker.pid" \
        --bridge none --iptables=false >"$work/docker.log" 2>&1 &
    wait_for "dockerd" docker version
}

clean_up() {
    if [ -s "$work/docker.pid" ]; then
        kill "$(cat "$work/docker.pid")"
        wait
        umount "$work/docker-exec/netns/default" 2>/dev/null || true
    fi
    rm -rf "$work"
}

# Shell, YAML: every file that we wrote.
check_scripts() {
    git ls-files -co --exclude-standard 'deploy/*.sh' scripts '*.sh' test .ci/run | sort -u | grep -E '(\.sh|^test|^\.ci/run)$' |
        xargs "$TOOLS/venv/bin/shellcheck" --shell=bash --external-sources --severity=warning
    git ls-files -co --exclude-standard 'deploy/*.yaml' '.github/*.yml' |
        xargs --no-run-if-empty "$TOOLS/venv/bin/yamllint" --strict --config-file deploy/yamllint.yaml
    if ! has go; then
        left_out "the workflows: actionlint is built with Go"
        return
    fi
    if [ ! -x "$TOOLS/bin/actionlint" ]; then GOBIN=$TOOLS/bin go install "github.com/rhysd/actionlint/cmd/actionlint@$ACTIONLINT"; fi
    "$TOOLS/bin/actionlint" -shellcheck "$TOOLS/venv/bin/shellcheck"
}

# The image: lint, built twice to the same bytes, run as it will be run.
check_image() {
    local port name=stubmart-check-$$
    "$TOOLS/venv/bin/hadolint" deploy/image/Dockerfile
    if ! start_docker; then
        left_out "the image was not built: no Docker, and no root to start one"
        return
    fi
    # Tests' binaries are larger than a release; the base may have grown no more for that.
    for run in 1 2; do
        STUBMART_IMAGE_BUDGET_MB=$(($(stripped_size) / 1000000 + 10)) \
            deploy/image/build.sh --binary "$BINARY" --tag "$name" --out "$work/image$run"
    done
    diff "$work/image1/image.layers" "$work/image2/image.layers" || fail "two builds differ"
    for package in libc6 ca-certificates tzdata netbase libgcc-s1; do
        grep -q "pkg:deb/debian/$package@" "$work/image1/stubmart.cdx.json" || fail "the bill of materials lacks $package"
    done
    grep -q 'pkg:cargo/axum@' "$work/image1/stubmart.cdx.json" || fail "the bill of materials lacks axum"
    if grep -q 'pkg:cargo/proptest@' "$work/image1/stubmart.cdx.json"; then fail "the bill of materials has what tests need"; fi
    if docker run --rm --network none --entrypoint /bin/sh "$name" -c true 2>/dev/null; then fail "the image has a shell"; fi

    port=$(free_port)
    docker run --detach --name "$name" --network host --read-only --tmpfs /tmp --cap-drop ALL \
        --security-opt no-new-privileges --memory 512m --pids-limit 200 --volume "$name:/var/lib/stubmart" \
        --env "STUBMART_LISTEN=127.0.0.1:$port" "$name" >/dev/null
    wait_for "the container is ready" curl -fsS "http://127.0.0.1:$port/readyz"
    curl -fsS -o /dev/null -H 'content-type: application/json' "http://127.0.0.1:$port/api/auth/signup" \
        -d '{"email":"ada@example.com","password":"correct horse"}'
    docker exec "$name" /usr/bin/stubmart check
    docker stop --time 30 "$name" >/dev/null
    [ "$(docker inspect --format '{{.State.ExitCode}}' "$name")" = 0 ] || fail "the container did not end with 0"
    docker rm --volumes "$name" >/dev/null
    docker volume rm "$name" >/dev/null
    docker image rm "$name" >/dev/null
}

stripped_size() {
    strip -o "$work/stripped" "$BINARY"
    stat -c %s "$work/stripped"
}

# The release: made twice to the same bytes, its unit judged by systemd, its system calls within the unit's filter.
check_machine() {
    local root=$work/deb version unit exposure
    for run in 1 2; do deploy/release.sh --binary "$BINARY" --out "$work/release$run"; done
    diff -r "$work/release1" "$work/release2" || fail "two releases differ"
    (cd "$work/release1" && sha256sum --quiet --check SHA256SUMS)
    dpkg-deb -x "$work"/release1/*.deb "$root"
    version=$("$root/usr/bin/stubmart" --version)
    [ "$version" = "stubmart $(version)" ] || fail "the package has $version"
    [ "$(dpkg-deb -f "$work"/release1/*.deb Version)" = "$(version)" ] || fail "the package has another version"
    if ! has systemd-analyze; then
        left_out "the systemd unit: no systemd-analyze"
        return
    fi
    unit=$root/lib/systemd/system/stubmart.service
    # The program is not installed on this machine, so the unit that is verified names it where it was unpacked.
    mkdir -p "$work/unit"
    sed "s#^ExecStart=#&$root#" "$unit" >"$work/unit/stubmart.service"
    systemd-analyze verify "$work/unit/stubmart.service"
    # 0.2 is what a service may have that reaches the network; 2 and less is "OK" in systemd's words.
    exposure=$(systemd-analyze security --offline=true "$unit" | sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p')
    echo "systemd-analyze security: $exposure"
    [ "${exposure%.*}" -lt 2 ] || fail "the unit is exposed: $exposure"
    if ! has strace && ! install_packages strace; then
        left_out "the unit's filter of system calls: no strace"
        return
    fi
    python3 deploy/checks/syscalls.py "$unit" "$root"
}

# Prometheus and promtool, from Debian's package, without installing it: that would start a server.
install_prometheus() {
    if [ -x "$TOOLS/prometheus/usr/bin/promtool" ]; then return; fi
    has apt-get || return 1
    mkdir -p "$work/packages"
    (cd "$work/packages" && apt-get download -q prometheus >/dev/null 2>&1) || return 1
    dpkg-deb -x "$work"/packages/prometheus_*.deb "$TOOLS/prometheus"
}

# Rules and dashboards: as their source has them, tested, and asked of a market that runs.
check_rules() {
    local written=deploy/observability bin=$TOOLS/prometheus/usr/bin
    "$TOOLS/venv/bin/python" deploy/observability/generate.py "$work/observability"
    for file in rules.yaml managed/rules.yaml dashboards; do
        diff -r "$written/$file" "$work/observability/$file" || fail "run deploy/observability/generate.py"
    done
    if ! install_prometheus; then
        left_out "rules and dashboards: Prometheus cannot be installed"
        return
    fi
    "$bin/promtool" check rules "$written/rules.yaml" >/dev/null
    "$bin/promtool" test rules "$written/rules_test.yaml"
    "$TOOLS/venv/bin/python" deploy/checks/watch.py "$BINARY" "$bin/prometheus"
}

# What Google Cloud is asked for: against the schema of its provider, with tests, and by a scanner's rules.
check_terraform() {
    "$TOOLS/venv/bin/checkov" --directory deploy/terraform --framework terraform --skip-download --compact --quiet
    if ! has terraform || ! has go || ! has npm; then
        left_out "Terraform: it needs terraform, and go and npm for the schema of its provider"
        return
    fi
    deploy/terraform/schema/install.sh "$TOOLS/terraform"
    deploy/terraform/check.sh "$TOOLS/terraform"
}

# What runs in a cluster, or in containers on one machine: rendered as git has it, against schemas and rules of our own.
check_manifests() {
    local digest schema python=$TOOLS/venv/bin/python
    if ! has go; then
        left_out "the manifests: kubectl is built with Go"
        return
    fi
    deploy/cluster/tools.sh "$TOOLS/cluster" kubectl
    deploy/kubernetes/render.sh "$TOOLS/cluster/kubectl" "$work/rendered"
    diff -r deploy/kubernetes/rendered "$work/rendered" || fail "run deploy/kubernetes/render.sh .tools/deploy/cluster/kubectl"
    "$python" deploy/checks/manifests.py $KUBERNETES deploy/kubernetes/rendered/*.yaml
    # A release names the images by digest. CKV_K8S_11: a limit of CPU makes a service slow that the machine has time for.
    digest=sha256:$(printf %064d 0)
    sed -E "s/image: (stubmart|nats)$/image: \1@$digest/" deploy/kubernetes/rendered/prod.yaml >"$work/prod.yaml"
    "$TOOLS/venv/bin/checkov" --file "$work/prod.yaml" --framework kubernetes --skip-download --compact --quiet --skip-check CKV_K8S_11
    schema=$(go mod download -json "github.com/compose-spec/compose-go/v2@$COMPOSE_GO" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')/schema/compose-spec.json
    "$python" -c '
import json, sys, jsonschema, yaml
jsonschema.validate(yaml.safe_load(open(sys.argv[1])), json.load(open(sys.argv[2])))
' deploy/compose.yaml "$schema"
}

# Restoring a market from a copy of its file, and from a snapshot of its databases.
check_restore() {
    if ! scripts/engines.sh install; then
        left_out "restoring a market: an engine cannot be installed here"
        return
    fi
    "$TOOLS/venv/bin/python" deploy/checks/restore.py "$BINARY"
}

# The market in services on a Kubernetes of two nodes, while people buy.
check_cluster() {
    local needed=(containerd runc etcd-server containernetworking-plugins iptables conntrack ipset docker-registry redis-server wrk jq)
    if [ "$(id -u)" != 0 ] || ! has go || ! has apt-get; then
        left_out "the cluster: it needs root, Go and Debian"
        return
    fi
    if ! dpkg --status "${needed[@]}" >/dev/null 2>&1 && ! install_packages "${needed[@]}"; then
        left_out "the cluster: ${needed[*]} cannot be installed"
        return
    fi
    if ! start_docker; then
        left_out "the cluster: no Docker to build its images"
        return
    fi
    scripts/engines.sh install secantus nats
    deploy/cluster/tools.sh "$TOOLS/cluster"
    deploy/cluster/check.sh "$BINARY" "$work/cluster"
}

main() {
    if [ $# = 0 ]; then sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; return 2; fi
    BINARY=$(realpath "$1")
    readonly BINARY
    shift
    if [ $# = 0 ]; then
        set -- "${CHECKS[@]}"
        echo "the market on a real Kubernetes: deploy/check.sh BINARY cluster, on a machine that does nothing else" >>"$LEFT_OUT"
    fi
    work=$(mktemp -d)
    # The market runs as somebody else in one check, and has to reach its binary.
    chmod 711 "$work"
    trap clean_up EXIT
    install_python_tools
    for check in "$@"; do
        echo "--- deploy: $check"
        "check_$check"
    done
}

main "$@"
