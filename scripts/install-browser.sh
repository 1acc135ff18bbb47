#!/bin/sh
# Puts in place what the browser tests need and the project does not carry: Chromium and ChromeDriver
# (Debian and Ubuntu packages), and axe-core from npm, in .tools/. Says what to do where it cannot.
set -eu
cd "$(dirname "$0")/.."

AXE_VERSION=4.14.1

have() { command -v "$1" >/dev/null 2>&1; }

if ! have chromedriver || ! { have chromium || have google-chrome || have chrome; }; then
    if have apt-get && [ "$(id -u)" -eq 0 ]; then
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends chromium chromium-driver
    elif have apt-get && have sudo; then
        sudo apt-get update -qq
        sudo apt-get install -y -qq --no-install-recommends chromium chromium-driver
    else
        echo "Install Chromium and a ChromeDriver of the same version, with chromedriver on the PATH:" >&2
        echo "  Fedora: dnf install chromium chromedriver" >&2
        echo "  macOS:  brew install --cask chromium chromedriver" >&2
        exit 1
    fi
fi

if [ ! -f .tools/node_modules/axe-core/axe.min.js ]; then
    if ! have npm; then
        echo "Install Node.js with npm, which axe-core is fetched with, and run this again." >&2
        exit 1
    fi
    mkdir -p .tools
    npm install --prefix .tools --no-save --no-audit --no-fund --silent "axe-core@$AXE_VERSION"
fi

echo "The browser tests can run: cargo test -p stubmart-browser-tests"
