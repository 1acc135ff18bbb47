#!/usr/bin/env bash
# Runs the whole market as it runs on several machines, on loopback: MongoDB, NATS JetStream and Redis
# (scripts/engines.sh), each service in processes of its own, and a gateway in front. What is missing it installs.
#
#   scripts/market.sh up [--instances N] [--port PORT] [DIR]   starts it, and prints where
#   scripts/market.sh status [DIR]            what runs, and whether it is ready
#   scripts/market.sh logs [DIR]              the logs of all processes, as they come
#   scripts/market.sh down [DIR]              stops it; its data stay in DIR for the next up
#   scripts/market.sh kill [DIR]              kills it where it stands
#   scripts/market.sh check [DIR]             audits it
#   scripts/market.sh stop NAME [DIR]         stops one process, such as tickets-2; nats and redis are processes, too
#   scripts/market.sh signal NAME SIGNAL [DIR]    sends one a signal, such as KILL, STOP or CONT
#   scripts/market.sh lose nats|redis [DIR]   has an engine lose what it keeps: the stream of events, or all keys
#   scripts/market.sh mend [DIR]              starts again what has stopped, and waits until all is ready
#
# DIR is .market when left out. Settings in the environment (STUBMART_CHECKOUT_HOLD=5m) are for all processes.
# STUBMART_BINARY is run where it is set; otherwise the binary is built first. Where STUBMART_MONGODB_URL,
# STUBMART_NATS_URL and STUBMART_REDIS_URL are set, it runs on those, and no engine is started.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/processes.sh

readonly SERVICES=(auth tickets catalogue orders expiration payments delivery notify web)

binary() {
    if [ -n "${STUBMART_BINARY:-}" ]; then realpath "$STUBMART_BINARY"; return; fi
    cargo build --release --locked >&2
    realpath "${CARGO_TARGET_DIR:-target}/release/stubmart"
}

# The URLs of ports, with commas between them.
urls() { # PORT…
    local urls
    urls=$(printf ',http://127.0.0.1:%s' "$@")
    echo "${urls#,}"
}

up() {
    local instances=1 port='' dir
    while [ $# != 0 ]; do
        case $1 in
            --instances) instances=$2; shift 2 ;;
            --port) port=$2; shift 2 ;;
            *) break ;;
        esac
    done
    dir=$(directory "${1:-}")
    if [ -n "$(running "$dir")" ]; then
        echo "it runs already in $dir: scripts/market.sh down" >&2
        return 1
    fi
    rm -f "$dir"/*.run
    local binary settings name number inner=() outer=() all=()
    binary=$(binary)
    echo "$binary" >"$dir/binary"
    if [ -z "${STUBMART_MONGODB_URL:-}" ]; then
        scripts/engines.sh install >&2
        mapfile -t settings < <(scripts/engines.sh up "$dir/engines")
    else
        settings=("STUBMART_MONGODB_URL=$STUBMART_MONGODB_URL" "STUBMART_NATS_URL=$STUBMART_NATS_URL"
            "STUBMART_REDIS_URL=$STUBMART_REDIS_URL")
    fi
    # Mails wait for their tokens, calls for their secret: it stays the same from one up to the next.
    if [ ! -e "$dir/secret" ]; then (umask 077 && python3 -c 'import secrets; print(secrets.token_hex(32))' >"$dir/secret"); fi
    "$binary" keys create --files-dir "$dir/files" --keys-file "$dir/keys.json" >&2
    # shellcheck disable=SC2207 # ports are words
    all=($(free_ports $((2 + 2 * instances * ${#SERVICES[@]}))))
    if [ -z "$port" ]; then port=${all[0]}; fi
    settings+=(
        "STUBMART_INTERNAL_SECRET_FILE=$dir/secret" "STUBMART_DATA=$dir/data"
        "STUBMART_FILES_DIR=$dir/files" "STUBMART_KEYS_FILE=$dir/keys.json"
        "STUBMART_API_URL=$(urls "${all[1]}")" "STUBMART_PUBLIC_URL=${STUBMART_PUBLIC_URL:-http://127.0.0.1:$port}"
        "STUBMART_DRAIN=${STUBMART_DRAIN:-2s}"
    )
    local next=2 of_service=$instances
    for name in "${SERVICES[@]}"; do
        inner=("${all[@]:next:of_service}") outer=("${all[@]:next+of_service:of_service}")
        next=$((next + 2 * of_service))
        if [ "$name" = web ]; then
            settings+=("STUBMART_WEB_URL=$(urls "${outer[@]}")")
        else
            settings+=("STUBMART_${name^^}_URL=$(urls "${inner[@]}")" "STUBMART_${name^^}_API_URL=$(urls "${outer[@]}")")
        fi
    done
    (umask 077 && printf '%s\n' "${settings[@]}" >"$dir/settings")
    next=2
    for name in "${SERVICES[@]}"; do
        for ((number = 0; number < instances; number++)); do
            launch "$dir" "$name-$((number + 1))" "${all[next + instances + number]}" \
                env "${settings[@]}" STUBMART_TRUST_PROXY=on "$binary" serve --only "$name" \
                --internal-listen "127.0.0.1:${all[next + number]}" \
                --listen "127.0.0.1:${all[next + instances + number]}"
        done
        next=$((next + 2 * instances))
    done
    launch "$dir" gateway-1 "$port" env "${settings[@]}" "$binary" serve --only gateway \
        --internal-listen "127.0.0.1:${all[1]}" --listen "127.0.0.1:$port"
    wait_until_ready "$dir"
    echo "http://127.0.0.1:$port"
}

# The status of an answer; 000 where there is none.
answer_of() { # PORT PATH
    local status=000
    {
        exec 3<>"/dev/tcp/127.0.0.1/$1" &&
            printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$2" >&3 &&
            read -r -t 5 _ status _ <&3
    } 2>/dev/null || true
    exec 3<&- 3>&- || true
    echo "${status:-000}"
}

port_of() { # DIR NAME
    sed -n 's/^# port //p' "$1/$2.run"
}

wait_until_ready() { # DIR
    local name
    for name in $(servers_of "$1"); do
        until [ "$(answer_of "$(port_of "$1" "$name")" /readyz)" = 200 ]; do
            if ! is_running "$1" "$name"; then
                echo "$name has ended; its output:" >&2
                tail -n 20 "$1/$name.log" >&2
                return 1
            fi
            sleep 0.2
        done
    done
}

# The processes that run, those of the engines too.
running() { # DIR
    local at name
    for at in "$1" "$1/engines"; do
        for name in $(servers_of "$at"); do
            if is_running "$at" "$name"; then echo "$name"; fi
        done
    done
}

status() { # DIR
    local name
    for name in $(servers_of "$1/engines"); do
        if is_running "$1/engines" "$name"; then echo "$name runs"; else echo "$name is stopped"; fi
    done
    for name in $(servers_of "$1"); do
        if ! is_running "$1" "$name"; then
            echo "$name is stopped"
        elif [ "$(answer_of "$(port_of "$1" "$name")" /readyz)" = 200 ]; then
            echo "$name is ready at http://127.0.0.1:$(port_of "$1" "$name")"
        else
            echo "$name runs, and is not ready"
        fi
    done
}

down() { # DIR
    # shellcheck disable=SC2046 # each name is a word of its own
    stop "$1" $(servers_of "$1")
    scripts/engines.sh down "$1/engines"
}

# Where the files of a process are.
home_of() { # DIR NAME
    if [ -e "$1/engines/$2.run" ]; then echo "$1/engines"; return; fi
    if [ -e "$1/$2.run" ]; then echo "$1"; return; fi
    echo "there is no $2; there are $(servers_of "$1/engines" | xargs) $(servers_of "$1" | xargs)" >&2
    return 1
}

directory() { # [DIR]
    local dir=${1:-.market}
    mkdir -p "$dir"
    (cd "$dir" && pwd)
}

check() { # DIR
    local settings
    mapfile -t settings <"$1/settings"
    env "${settings[@]}" "$(cat "$1/binary")" check
}

# Speaks the engine's own protocol, and waits for its last answer. One that does not run has lost nothing.
lose() { # ENGINE DIR
    local answer='' port namespace=${STUBMART_NAMESPACE:-stubmart}
    if ! is_running "$2/engines" "$1"; then return; fi
    port=$(port_of "$2/engines" "$1")
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    case $1 in
        nats)
            printf 'CONNECT {"verbose":false}\r\nSUB lost 1\r\n' >&3
            # shellcheck disable=SC2016 # $JS is NATS's own
            printf 'PUB $JS.API.STREAM.DELETE.%s lost 0\r\n\r\n' "$namespace" >&3
            until [[ $answer == *'"success":true'* || $answer == *'"error"'* ]]; do read -r -t 10 answer <&3; done
            ;;
        redis)
            printf 'FLUSHALL\r\n' >&3
            read -r -t 10 answer <&3
            [[ $answer == +OK* ]]
            ;;
        *) echo "only nats and redis can lose anything without harm" >&2; return 2 ;;
    esac
    exec 3<&- 3>&-
}

mend() { # DIR
    local at name
    for at in "$1/engines" "$1"; do
        for name in $(servers_of "$at"); do
            if ! is_running "$at" "$name"; then start_again "$at" "$name"; fi
        done
    done
    wait_until_ready "$1"
}

all_killed() { # DIR
    local at name
    for at in "$1" "$1/engines"; do
        for name in $(servers_of "$at"); do
            if is_running "$at" "$name"; then kill -KILL "$(cat "$at/$name.pid")"; fi
        done
    done
}

main() {
    local command=${1:-} dir
    shift || true
    case $command in
        up) up "$@" ;;
        down) down "$(directory "${1:-}")" ;;
        status) status "$(directory "${1:-}")" ;;
        logs) dir=$(directory "${1:-}"); tail -n 20 -F "$dir"/*.log "$dir"/engines/*.log ;;
        kill) all_killed "$(directory "${1:-}")" ;;
        running) running "$(directory "${1:-}")" ;;
        check) check "$(directory "${1:-}")" ;;
        stop) dir=$(home_of "$(directory "${2:-}")" "$1"); stop "$dir" "$1" ;;
        signal) dir=$(home_of "$(directory "${3:-}")" "$1"); kill -s "$2" "$(cat "$dir/$1.pid")" ;;
        lose) lose "$1" "$(directory "${2:-}")" ;;
        mend) mend "$(directory "${1:-}")" ;;
        *) sed -n '2,21s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; return 2 ;;
    esac
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then main "$@"; fi
