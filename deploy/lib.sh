# What the scripts of this directory share. To be sourced by bash.

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly PROJECT

has() { command -v "$1" >/dev/null 2>&1; }

# The version of the binary, as Cargo.toml has it.
version() { sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$PROJECT/Cargo.toml"; }

revision() { git -C "$PROJECT" rev-parse HEAD 2>/dev/null || echo unknown; }

# When what is built was committed. Files carry this time, so that building twice gives the same bytes.
epoch() { git -C "$PROJECT" log -1 --format=%ct 2>/dev/null || echo 0; }

# Puts the binary without its symbols into a directory, and the symbols beside it. A debugger finds them by the
# link, and by the build id (https://sourceware.org/gdb/current/onlinedocs/gdb.html/Separate-Debug-Files.html).
strip_apart() { # BINARY DIRECTORY
    mkdir -p "$2"
    objcopy --only-keep-debug --compress-debug-sections=zlib "$1" "$2/stubmart.debug"
    objcopy --strip-all "$1" "$2/stubmart"
    (cd "$2" && objcopy --add-gnu-debuglink=stubmart.debug stubmart)
    chmod 755 "$2/stubmart"
    chmod 644 "$2/stubmart.debug"
}

# The binary that is asked for, or a release that is built now.
binary_or_build() { # [BINARY]
    if [ -n "${1:-}" ]; then
        realpath "$1"
    else
        (cd "$PROJECT" && cargo build --release --locked --package stubmart >&2)
        realpath "${CARGO_TARGET_DIR:-$PROJECT/target}/release/stubmart"
    fi
}
