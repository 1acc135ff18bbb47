#!/usr/bin/env bash
# Installs and runs the engines of a market on several machines, on free ports of loopback, for tests and for
# trying it out. What it installs is in .tools/engines/ (Redis and a JVM come from Debian).
#
#   scripts/engines.sh install [ENGINE…]     secantus nats redis (the default), mongo-java
#   scripts/engines.sh up DIR [ENGINE…]      starts them, with their data in DIR; prints how to reach them
#   scripts/engines.sh down DIR              stops what was started in DIR
#   scripts/engines.sh with [ENGINE…] -- COMMAND…    runs a command between an up and a down
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/packages.sh
source scripts/processes.sh

readonly ENGINES=$PWD/.tools/engines
readonly SECANTUS_VERSION=0.7.0b3
readonly NATS_VERSION=v2.15.3
readonly USUAL=(secantus nats redis)
# What the names of the settings begin with that say how to reach the engines.
readonly PREFIX=${STUBMART_ENGINES_PREFIX:-STUBMART_}

# MongoDB's protocol over WiredTiger, with the error texts of MongoDB. GPL: run, never linked.
install_secantus() {
    if [ -x "$ENGINES/secantus/bin/secantusd-py" ]; then return; fi
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then install_packages python3 python3-venv; fi
    python3 -m venv "$ENGINES/secantus"
    "$ENGINES/secantus/bin/pip" install -q --disable-pip-version-check "secantusdb==$SECANTUS_VERSION"
}

# A server of MongoDB's protocol with neither transactions nor sessions: the least that the adapter may meet.
install_mongo_java() {
    if [ -e "$ENGINES/mongo-java/out/DurableServer.class" ]; then return; fi
    if ! has javac || ! has mvn; then install_packages default-jdk-headless maven; fi
    mkdir -p "$ENGINES/mongo-java/out"
    mvn -q -f scripts/engines/pom.xml dependency:copy-dependencies -DoutputDirectory="$ENGINES/mongo-java/lib"
    javac -cp "$ENGINES/mongo-java/lib/*" -d "$ENGINES/mongo-java/out" scripts/engines/DurableServer.java
}

install_nats() {
    if [ -x "$ENGINES/bin/nats-server" ]; then return; fi
    if ! has go; then install_packages golang-go; fi
    # Without C: in an image it has nothing beside it.
    CGO_ENABLED=0 GOBIN=$ENGINES/bin go install "github.com/nats-io/nats-server/v2@$NATS_VERSION"
}

install_redis() {
    if ! has redis-server; then install_packages redis-server; fi
}

install() { # ENGINE…
    local engine
    for engine in "$@"; do "install_${engine//-/_}"; done
}

start_secantus() {
    local port
    port=$(free_ports 1)
    mkdir -p "$dir/secantus"
    launch "$dir" secantus "$port" "$ENGINES/secantus/bin/secantusd-py" --host 127.0.0.1 --port "$port" \
        --storage-path "$dir/secantus" --sync-on-commit --enable-test-commands
    echo "${PREFIX}MONGODB_URL=mongodb://127.0.0.1:$port/?directConnection=true"
}

start_mongo_java() {
    local port
    port=$(free_ports 1)
    launch "$dir" mongo-java "$port" java -Xmx1g -cp "$ENGINES/mongo-java/lib/*:$ENGINES/mongo-java/out" \
        DurableServer "$port" "$dir/mongo-java.mv"
    echo "${PREFIX}MONGODB_URL=mongodb://127.0.0.1:$port/?directConnection=true"
}

start_nats() {
    local port
    port=$(free_ports 1)
    mkdir -p "$dir/nats"
    launch "$dir" nats "$port" "$ENGINES/bin/nats-server" --addr 127.0.0.1 --port "$port" --jetstream --store_dir "$dir/nats" \
        --user stubmart --pass 'not/guessed'
    echo "${PREFIX}NATS_URL=nats://stubmart:not%2Fguessed@127.0.0.1:$port"
}

start_redis() {
    local port
    port=$(free_ports 1)
    mkdir -p "$dir/redis"
    launch "$dir" redis "$port" redis-server --bind 127.0.0.1 --port "$port" --dir "$dir/redis" \
        --appendonly yes --appendfsync everysec --save ''
    echo "${PREFIX}REDIS_URL=redis://127.0.0.1:$port"
}

up() { # DIR ENGINE…
    local engine
    mkdir -p "$1"
    dir=$(cd "$1" && pwd)
    shift
    if [ $# = 0 ]; then set -- "${USUAL[@]}"; fi
    for engine in "$@"; do "start_${engine//-/_}"; done
}

down() { # DIR
    # shellcheck disable=SC2046 # each name is a word of its own
    stop "$1" $(servers_of "$1")
}

with() { # [ENGINE…] -- COMMAND…
    local engines=() dir settings status=0
    while [ "$1" != -- ]; do engines+=("$1"); shift; done
    shift
    dir=$(mktemp -d)
    # shellcheck disable=SC2064 # the directory of now
    trap "down '$dir'; rm -rf '$dir'" EXIT
    settings=$(up "$dir" "${engines[@]}")
    # shellcheck disable=SC2086 # each setting is a word of its own
    env $settings "$@" || status=$?
    return $status
}

main() {
    local command=${1:-}
    shift || true
    case $command in
        install) install "${@:-${USUAL[@]}}" ;;
        up) up "$1" "${@:2}" ;;
        down) down "$1" ;;
        with) with "$@" ;;
        *) sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; return 2 ;;
    esac
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then main "$@"; fi
