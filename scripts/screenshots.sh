#!/bin/sh
# Takes the pictures in docs/screenshots again, or with --every DIRECTORY all pages in all looks into that directory.
# A last argument names the directory of the TICKIT files.
# The pages look as on Android with fonts-roboto-unhinted installed (Debian).
set -eu
cd "$(dirname "$0")/.."

scripts/install-browser.sh
# The choice of crates that ./test builds, of which most is there already.
cargo build --locked --workspace --exclude stubmart-sim --bins --example screenshots
built="${CARGO_TARGET_DIR:-target}/debug"
STUBMART_BINARY=$(realpath "$built/stubmart") "$built/examples/screenshots" "$@"
