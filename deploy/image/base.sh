#!/usr/bin/env bash
# Unpacks the packages of Debian that the binary stands on, as the root of an image: the C library, certificates,
# time zones, names of services and protocols. No shell and no package manager. Scanners read which packages they
# are, and in which version, from var/lib/dpkg/status.d, as in distroless images.
#
#   base.sh DIRECTORY
#
# Needs Debian's apt-get and dpkg-deb; no root.
set -euo pipefail

# gcc-NN-base has the licence of libgcc-s1.
readonly PACKAGES=(libc6 libgcc-s1 ca-certificates tzdata netbase
    "$(apt-cache depends libgcc-s1 | sed -n 's/.*Depends: \(gcc-.*-base\)$/\1/p')")
root=$1
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT

mkdir -p "$root"
root=$(cd "$root" && pwd)
mkdir -p "$root/var/lib/dpkg/status.d" "$root/etc/ssl/certs" "$root/home/stubmart"
(cd "$packages" && apt-get download -q "${PACKAGES[@]}" base-files >/dev/null 2>&1) || {
    echo "apt-get cannot download ${PACKAGES[*]}: is there a network, and was apt-get update run?" >&2
    exit 1
}
for name in "${PACKAGES[@]}"; do
    package=$(echo "$packages/$name"_*.deb)
    dpkg-deb -x "$package" "$root"
    dpkg-deb -f "$package" >"$root/var/lib/dpkg/status.d/$name"
done
# Of base-files only what says which release this is: by it scanners choose their database.
dpkg-deb --fsys-tarfile "$packages"/base-files_*.deb | tar -x -C "$root" ./usr/lib/os-release ./etc/debian_version
ln -sf ../usr/lib/os-release "$root/etc/os-release"

# What the scripts of the packages do when they are installed.
cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
rm -rf "$root/usr/share/ca-certificates" "$root/etc/ca-certificates"
printf 'root:x:0:0:root:/root:/sbin/nologin\nstubmart:x:65532:65532:stubmart:/home/stubmart:/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nstubmart:x:65532:\n' >"$root/etc/group"
printf 'hosts: files dns\nservices: files\nprotocols: files\n' >"$root/etc/nsswitch.conf"
echo Etc/UTC >"$root/etc/timezone"
ln -sf /usr/share/zoneinfo/Etc/UTC "$root/etc/localtime"

# What nothing reads. Licences stay.
find "$root/usr/share/doc" -type f ! -name copyright -delete
rm -rf "$root/usr/share/man" "$root/usr/share/lintian" "$root/usr/share/zoneinfo/right" \
    "$root/usr/share/zoneinfo/posix" "$root/usr/sbin" "$root/sbin" "$root/usr/lib/x86_64-linux-gnu/gconv" \
    "$root/usr/lib/x86_64-linux-gnu/audit"
# Programs of packages: scripts in shell and Perl that find no interpreter here, and ldd.
rm -rf "${root:?}/usr/bin"
