#!/usr/bin/env bash
# Puts in place what the browser tests need and the project does not carry: Chromium and ChromeDriver (packages
# of Debian), and axe-core, by npm, in .tools/. Says what to do where it cannot.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/packages.sh

# shellcheck disable=SC2207 # each package is a word of its own
missing=($(missing_for_browser))
if [ ${#missing[@]} != 0 ] && ! install_packages "${missing[@]}"; then
    echo "Chromium and a ChromeDriver of the same version, with chromedriver on the PATH, are elsewhere:" >&2
    echo "  Fedora: dnf install chromium chromedriver npm" >&2
    echo "  macOS:  brew install --cask chromium chromedriver; brew install node" >&2
    exit 1
fi
if ! has_axe; then
    mkdir -p .tools
    npm install --prefix .tools --no-save --no-audit --no-fund --silent "axe-core@$AXE_VERSION"
fi
