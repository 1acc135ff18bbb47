# Servers that outlive the script which starts them, each with its files in a directory: NAME.run is how it is
# started, NAME.pid its process, NAME.log its output. To be sourced by bash.

# So many ports of loopback that are free, all of them different.
free_ports() { # COUNT
    python3 - "$1" <<'PYTHON'
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for it in sockets:
    it.bind(("127.0.0.1", 0))
print(*(it.getsockname()[1] for it in sockets), sep="\n")
PYTHON
}

# Starts a server that listens on a port, and waits until the port is open or the server has ended.
launch() { # DIR NAME PORT COMMAND…
    local dir=$1 name=$2 port=$3
    shift 3
    # It may hold secrets.
    (umask 077 && printf '#!/bin/sh\n# port %s\nexec %s\n' "$port" "$(printf '%q ' "$@")" >"$dir/$name.run")
    start_again "$dir" "$name"
}

# Starts a server that was launched before, as it was.
start_again() { # DIR NAME
    local run=$1/$2.run log=$1/$2.log pid port
    port=$(sed -n 's/^# port //p' "$run")
    setsid sh "$run" >>"$log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$1/$2.pid"
    until is_open "$port"; do
        if ! kill -0 "$pid" 2>/dev/null; then
            echo "$2 has ended; its output:" >&2
            tail -n 20 "$log" >&2
            return 1
        fi
        sleep 0.1
    done
}

is_open() { # PORT
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

is_running() { # DIR NAME
    [ -e "$1/$2.pid" ] && kill -0 "$(cat "$1/$2.pid")" 2>/dev/null
}

# Asks servers to stop, all at once, and waits for them.
stop() { # DIR NAME…
    local dir=$1 name pid
    shift
    for name in "$@"; do
        if is_running "$dir" "$name"; then kill "$(cat "$dir/$name.pid")" 2>/dev/null || true; fi
    done
    for name in "$@"; do
        [ -e "$dir/$name.pid" ] || continue
        pid=$(cat "$dir/$name.pid")
        while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
        rm -f "$dir/$name.pid"
    done
}

# The names of the servers of a directory, in the order of their start.
servers_of() { # DIR
    local file
    # shellcheck disable=SC2012 # the names are ours
    ls -tr "$1"/*.run 2>/dev/null | while read -r file; do basename "$file" .run; done
}
