#!/usr/bin/env bash
# Makes a mirror of Terraform providers that has one: google, as a schema alone (main.go). Terraform looks for it there
# with TF_CLI_CONFIG_FILE=DIRECTORY/terraform.rc.
#
#   install.sh DIRECTORY
#
# Needs go, npm, python3.
set -euo pipefail
readonly PACKAGE=@cdktf/provider-google@16.12.1 # the schema of google 6.50.0, its last
readonly VERSION=6.50.0
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"
# Of Google's 1,096 resources those that the configuration names.
mapfile -t used < <(grep -rhoE --include='*.tf' '^(resource|data) "google_[a-z0-9_]+"' .. | cut -d '"' -f 2 | sort -u)
made_of="$VERSION $(cat schema.py main.go go.sum | sha256sum) ${used[*]}"
if [ -e "$out/terraform.rc" ] && [ "$(cat "$out/made-of")" = "$made_of" ]; then exit; fi

fetched=$(mktemp -d)
trap 'rm -rf "$fetched"' EXIT
(cd "$fetched" && npm pack --silent "$PACKAGE" >/dev/null && tar -xzf ./*.tgz package/.jsii)
place=$out/registry.terraform.io/hashicorp/google/$VERSION/$(go env GOOS)_$(go env GOARCH)
mkdir -p "$place"
python3 schema.py "$fetched/package/.jsii" "$place/schema.json" "${used[@]}"
CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$place/terraform-provider-google_v$VERSION" .
cat >"$out/terraform.rc" <<END
provider_installation {
  filesystem_mirror { path = "$out" }
}
disable_checkpoint = true
END
echo "$made_of" >"$out/made-of"
