#!/usr/bin/env bash
# Makes everything that a release consists of, in dist/ or the directory that is named:
#
#   stubmart-VERSION-TARGET.tar.gz          binary, licences, documents, unit
#   stubmart-VERSION-TARGET.debug.tar.gz    its symbols
#   stubmart_VERSION_ARCHITECTURE.deb       the same as a package
#   SHA256SUMS                              of all of them
#
#   deploy/release.sh [--out DIRECTORY] [--binary FILE]
#
# Without --binary a release is built first. The image is built by deploy/image/build.sh.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

out=$PROJECT/dist binary=
while [ $# != 0 ]; do
    case $1 in
        --out) out=$2 ;;
        --binary) binary=$2 ;;
        *) sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
    esac
    shift 2
done
binary=$(binary_or_build "$binary")
mkdir -p "$out"
out=$(cd "$out" && pwd)
name=stubmart-$(version)-$(uname -m)-linux-gnu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

archive() { # NAME: of a directory with that name
    tar --create --directory="$work" --sort=name --mtime="@$(epoch)" --owner=0 --group=0 --numeric-owner \
        --mode=u=rwX,go=rX "$1" | gzip -n >"$out/$1.tar.gz"
}

strip_apart "$binary" "$work/parts"
mkdir "$work/$name" "$work/$name.debug"
install -m 755 "$work/parts/stubmart" "$work/$name/"
install -m 644 "$PROJECT"/LICENSE-* "$PROJECT"/{README,CHANGELOG}.md "$PROJECT"/docs/{operations,payments,security}.md \
    "$PROJECT"/deploy/machine/stubmart.{service,toml} "$work/$name/"
install -m 644 "$work/parts/stubmart.debug" "$work/$name.debug/"
archive "$name"
archive "$name.debug"
package=$("$PROJECT/deploy/machine/deb.sh" "$work/parts/stubmart" "$out")
(cd "$out" && sha256sum "$name.tar.gz" "$name.debug.tar.gz" "$(basename "$package")" >SHA256SUMS)
cat "$out/SHA256SUMS"
