#!/usr/bin/env bash
# Makes a package for Debian and Ubuntu: the binary, its unit, a user of its own, settings that upgrades keep.
#
#   deploy/machine/deb.sh BINARY DIRECTORY
#
# BINARY is stripped already. Prints the package's path. Needs dpkg-deb.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

readonly HERE=$PROJECT/deploy/machine
binary=$1 out=$2
architecture=$(dpkg --print-architecture)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

install -D -m 755 "$binary" "$root/usr/bin/stubmart"
install -D -m 644 "$HERE/stubmart.service" "$root/lib/systemd/system/stubmart.service"
install -D -m 644 "$HERE/stubmart.toml" "$root/etc/stubmart/stubmart.toml"
install -d "$root/usr/lib/sysusers.d" "$root/usr/share/doc/stubmart" "$root/DEBIAN"
echo 'u stubmart - "Stubmart" /var/lib/stubmart' >"$root/usr/lib/sysusers.d/stubmart.conf"
install -m 644 "$PROJECT"/docs/{operations,payments,security}.md "$PROJECT/README.md" "$root/usr/share/doc/stubmart/"
gzip -9n <"$PROJECT/CHANGELOG.md" >"$root/usr/share/doc/stubmart/changelog.gz"
{
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\n'
    printf 'Copyright: 2026 The Stubmart contributors\nLicense: Expat or Apache-2.0\n'
    # An empty line of a licence is a lone dot here.
    sed 's/^$/./; s/^/ /' "$PROJECT/LICENSE-MIT" "$PROJECT/LICENSE-APACHE"
} >"$root/usr/share/doc/stubmart/copyright"

libc=$(objdump -T "$binary" | sed -n 's/.*(\{0,1\}GLIBC_\(2\.[0-9.]*\)).*/\1/p' | sort -uV | tail -n 1)
cat >"$root/DEBIAN/control" <<END
Package: stubmart
Version: $(version)
Architecture: $architecture
Maintainer: The Stubmart contributors <maintainers@stubmart.example>
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f 1)
Depends: libc6 (>= $libc), libgcc-s1, ca-certificates, systemd
Section: web
Priority: optional
Description: marketplace for event tickets
 Anyone lists event tickets, anyone buys them. A ticket is locked for the one
 buyer who is in checkout, so it is never sold twice. One process and one file.
END
echo /etc/stubmart/stubmart.toml >"$root/DEBIAN/conffiles"
cat >"$root/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    systemd-sysusers stubmart.conf
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        systemctl enable stubmart.service
        # An upgrade drains the old process and starts the new one; the first start brings the file to its schema.
        systemctl restart stubmart.service
    fi
fi
END
cat >"$root/DEBIAN/prerm" <<'END'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl disable --now stubmart.service
fi
END
cat >"$root/DEBIAN/postrm" <<'END'
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
if [ "$1" = purge ]; then
    # Accounts and money are in it: nobody loses them by a command that is meant for settings.
    if [ -d /var/lib/stubmart ]; then echo "the market itself is left in /var/lib/stubmart"; fi
fi
END
chmod 755 "$root"/DEBIAN/{postinst,prerm,postrm}
chmod 755 "$root"
find "$root" -exec touch --no-dereference --date="@$(epoch)" {} +

mkdir -p "$out"
package=$(cd "$out" && pwd)/stubmart_$(version)_$architecture.deb
SOURCE_DATE_EPOCH=$(epoch) dpkg-deb --build --root-owner-group -Zzstd "$root" "$package" >/dev/null
echo "$package"
