#!/usr/bin/env bash
# Writes what each overlay is, whole, for reviews: rendered/ENV.yaml. deploy/check.sh fails when they are not current.
#
#   render.sh KUBECTL [DIRECTORY]
set -euo pipefail
kubectl=$(realpath "$1")
out=${2:-$(dirname "${BASH_SOURCE[0]}")/rendered}
mkdir -p "$out"
for overlay in "$(dirname "${BASH_SOURCE[0]}")"/overlays/*/; do
    "$kubectl" kustomize "$overlay" >"$out/$(basename "$overlay").yaml"
done
