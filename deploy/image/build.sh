#!/usr/bin/env bash
# Builds the image, by one command: here, and in Cloud Build (deploy/cloudbuild.yaml).
#
#   deploy/image/build.sh [--base IMAGE@sha256:…] [--tag NAME] [--out DIRECTORY] [--binary FILE]
#
# Without --base it stands on Debian's packages of this machine's release; without --binary a release is built
# first. In the directory (dist by default): stubmart and stubmart.debug (its symbols), stubmart.cdx.json (all that is
# inside, as CycloneDX), and image.layers, the digests of its layers. Built twice of the same sources, the layers are
# the same. Needs Docker, binutils, and syft (`.tools/deploy/venv/bin/syft` or on the PATH).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# What the image may weigh, in MB. It had 41 when this was set; a base that grows unseen is a fault.
readonly BUDGET=${STUBMART_IMAGE_BUDGET_MB:-45}
readonly HERE=$PROJECT/deploy/image

base=scratch tag=stubmart:$(version) out=$PROJECT/dist binary=
while [ $# != 0 ]; do
    case $1 in
        --base) base=$2 ;;
        --tag) tag=$2 ;;
        --out) out=$2 ;;
        --binary) binary=$2 ;;
        *) sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
    esac
    shift 2
done
if [ "$base" != scratch ] && [[ ! $base =~ @sha256:[0-9a-f]{64}$ ]]; then
    echo "the base must be named by its digest: $base" >&2
    exit 2
fi

binary=$(binary_or_build "$binary")
mkdir -p "$out"
out=$(cd "$out" && pwd)
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
strip_apart "$binary" "$out"

# The same files with the same owners, modes, order and times, whoever builds.
pack() { # DIRECTORY ARCHIVE
    tar --create --directory="$1" --file="$2" --sort=name --mtime="@$(epoch)" --numeric-owner --owner=0 --group=0 \
        --mode=u=rwX,go=rX "${@:3}" .
}

mkdir -p "$context/base" "$context/market"/usr/{bin,share/doc/stubmart,share/sbom}
if [ "$base" = scratch ]; then "$HERE/base.sh" "$context/base"; fi
syft=$PROJECT/.tools/deploy/venv/bin/syft
if [ ! -x "$syft" ]; then syft=$(command -v syft); fi
python3 "$HERE/sbom.py" "$syft" "$context/base" "$(epoch)" >"$out/stubmart.cdx.json"
cp "$out/stubmart" "$context/market/usr/bin/"
cp "$PROJECT"/LICENSE-* "$context/market/usr/share/doc/stubmart/"
cp "$out/stubmart.cdx.json" "$context/market/usr/share/sbom/"
pack "$context/base" "$context/base.tar"
pack "$context/market" "$context/market.tar"
# The one directory that is the market's own: a new volume that is mounted there takes its owner over.
mkdir -p "$context/own/var/lib/stubmart"
tar --append --directory="$context/own" --file="$context/market.tar" --mtime="@$(epoch)" --owner=65532 --group=65532 \
    --mode=0700 --numeric-owner ./var/lib/stubmart
rm -rf "$context/base" "$context/market" "$context/own"

DOCKER_BUILDKIT=1 docker build --quiet --network none --file "$HERE/Dockerfile" --tag "$tag" \
    --build-arg BASE="$base" --build-arg VERSION="$(version)" --build-arg REVISION="$(revision)" \
    --build-arg CREATED="$(date --utc --date="@$(epoch)" +%Y-%m-%dT%H:%M:%SZ)" \
    --build-arg SOURCE="${STUBMART_SOURCE:-https://stubmart.example}" "$context" >/dev/null
docker image inspect --format '{{range .RootFS.Layers}}{{println .}}{{end}}' "$tag" | sed '/^$/d' >"$out/image.layers"

size=$(($(docker image inspect --format '{{.Size}}' "$tag") / 1000000))
echo "$tag: $size MB of at most $BUDGET"
if [ "$size" -gt "$BUDGET" ]; then
    echo "the image is over its budget" >&2
    exit 1
fi
