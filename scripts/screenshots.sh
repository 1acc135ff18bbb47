#!/bin/sh
# Takes the pictures in docs/screenshots anew. An argument names the directory of the TICKIT files.
# The headings look best with fonts-roboto-slab installed (Debian), which is what Android has.
set -eu
cd "$(dirname "$0")/.."

scripts/install-browser.sh
cargo run --package stubmart-browser-tests --example screenshots -- "$@"
