#!/usr/bin/env bash
# Checks the configuration against the schema of the provider, and runs its tests, without an account of Google Cloud.
#
#   check.sh DIRECTORY        where install.sh put the provider, and where Terraform may keep its own
set -euo pipefail
mirror=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"
export TF_CLI_CONFIG_FILE=$mirror/terraform.rc TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1

terraform fmt -check -recursive -diff
for module in bootstrap market modules/*; do
    echo "terraform: $module"
    export TF_DATA_DIR=$mirror/data/$module
    # The lock that a first run against Google's own provider writes has its checksums; this one's would be another's.
    copy=$mirror/copy
    rm -rf "$copy" && mkdir -p "$copy"
    cp -r ../observability ../terraform "$copy"
    find "$copy" -name .terraform.lock.hcl -delete
    cd "$copy/terraform/$module"
    terraform init -backend=false -input=false -no-color >"$mirror/init.log" 2>&1 || { cat "$mirror/init.log" >&2; exit 1; }
    terraform validate -no-color >/dev/null
    if [ "$module" = market ]; then
        for file in environments/*.tfvars; do terraform test -no-color -var-file="$file" | tail -n 1; done
    else
        terraform test -no-color | tail -n 1
    fi
    cd - >/dev/null
done
