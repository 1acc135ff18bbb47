#!/usr/bin/env bash
# Generates clients of the public API from the document that a market serves, compiles them, and buys a ticket with
# each: in Go, Python and strict TypeScript. With `--all` those in Java and Rust are generated and compiled too.
# Needs Go, Python, Node, a JDK and Maven; `./test clients` installs what is missing.
#
#   scripts/clients.sh BINARY [--all]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly GENERATOR_VERSION=7.25.0
readonly GENERATOR=$PWD/.tools/clients/openapi-generator-cli-$GENERATOR_VERSION.jar
BINARY=$(realpath "$1")
readonly BINARY
readonly SOURCES=$PWD/scripts/clients
readonly VENV=$PWD/.tools/clients/venv

install_tools() {
    if [ ! -e "$GENERATOR" ]; then
        mvn -q dependency:copy -DoutputDirectory="$(dirname "$GENERATOR")" \
            -Dartifact="org.openapitools:openapi-generator-cli:$GENERATOR_VERSION"
    fi
    if ! cmp -s "$SOURCES/python/requirements.txt" "$VENV/requirements.txt"; then
        python3 -m venv --clear "$VENV"
        "$VENV/bin/pip" install -q --disable-pip-version-check -r "$SOURCES/python/requirements.txt"
        cp "$SOURCES/python/requirements.txt" "$VENV/requirements.txt"
    fi
}

# Starts a market on a free port and sets $base.
serve() {
    "$BINARY" serve --data "$work/data" --listen 127.0.0.1:0 >"$work/server.log" 2>&1 &
    server=$!
    until base=$(grep -oE 'http://127\.0\.0\.1:[0-9]+' "$work/server.log" | head -n 1) && [ -n "$base" ]; do
        if ! kill -0 "$server" 2>/dev/null; then cat "$work/server.log" >&2; return 1; fi
        sleep 0.1
    done
    until curl -fs "$base/readyz" >/dev/null; do sleep 0.1; done
}

generate() { # LANGUAGE DIRECTORY [OPTION…]
    local language=$1 directory=$2
    shift 2
    echo "generating a client: $language"
    if ! java -jar "$GENERATOR" generate -i "$work/openapi.json" -g "$language" -o "$directory" "$@" >"$work/generator.log" 2>&1
    then
        cat "$work/generator.log" >&2
        return 1
    fi
}

in_go() {
    cp -r "$SOURCES/go" "$work/go"
    generate go "$work/go/stubmart" --additional-properties=packageName=stubmart,withGoMod=false,enumClassPrefix=true
    rm -rf "$work/go/stubmart/test"
    (cd "$work/go" && go mod tidy && go vet ./... && go run . "$base")
}

in_python() {
    cp -r "$SOURCES/python" "$work/python"
    generate python "$work/python" --additional-properties=packageName=stubmart
    (cd "$work/python" && "$VENV/bin/mypy" --strict --follow-imports silent purchase.py && "$VENV/bin/python" purchase.py "$base")
}

in_typescript() {
    cp -r "$SOURCES/typescript" "$work/typescript"
    generate typescript-fetch "$work/typescript/stubmart" --additional-properties=importFileExtension=.js
    (cd "$work/typescript" && npm install --silent --no-audit --no-fund && npx tsc && node built/purchase.js "$base")
}

in_java() {
    generate java "$work/java"
    (cd "$work/java" && mvn -q -DskipTests compile)
}

in_rust() {
    generate rust "$work/rust" --additional-properties=packageName=stubmart-generated
    (cd "$work/rust" && CARGO_TARGET_DIR=$PWD/target cargo check -q)
}

install_tools
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true; fi; rm -rf "$work"' EXIT
serve
curl -fs "$base/api/openapi.json" >"$work/openapi.json"
in_go
in_python
in_typescript
if [ "${2:-}" = --all ]; then
    in_java
    in_rust
fi
echo "generated clients bought a ticket in Go, Python and TypeScript"
