#!/usr/bin/env bash
# Installs stripe-mock and Stripe's specification, which it brings along, into .tools/go: the tests of the Stripe
# adapter have them judge what is sent and answered. Needs Go; without it, or without a network, says so.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly VERSION=v0.203.0
readonly GO_HOME=$PWD/.tools/go

if [ -x "$GO_HOME/bin/stripe-mock" ]; then exit 0; fi
if ! command -v go >/dev/null; then
    echo "stripe-mock is not installed: that takes Go (https://go.dev/dl)" >&2
    exit 0
fi
mkdir -p "$GO_HOME"
if ! GOPATH=$GO_HOME GOBIN=$GO_HOME/bin GOFLAGS=-modcacherw go install "github.com/stripe/stripe-mock@$VERSION"; then
    echo "stripe-mock could not be installed" >&2
fi
