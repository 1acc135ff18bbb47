#!/usr/bin/env bash
# A market on Google Cloud: up by one command, down by one. docs/deploy-gke.md says what each step does and costs.
#
#   deploy/gcp.sh bootstrap ENV    once for each project: APIs, the bucket of the state, who may release
#   deploy/gcp.sh up ENV           what the project is made of, then a release
#   deploy/gcp.sh release ENV      builds an image, signs it, rolls the market over to it; back again if it does not get ready
#   deploy/gcp.sh rollback ENV     rolls back to the release before
#   deploy/gcp.sh down ENV         deletes all of it; what is protected refuses
#
# ENV is dev, staging or prod: its values are in deploy/terraform/market/environments/ENV.tfvars and
# deploy/kubernetes/overlays/ENV. Needs gcloud (signed in), terraform and kubectl. Where PROJECT_ID and REGION are set they win over
# the file.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly TERRAFORM=$PROJECT/deploy/terraform
readonly OVERLAYS=$PROJECT/deploy/kubernetes/overlays

usage() {
    sed -n '2,13p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//' >&2
    exit 2
}

# A value of the environment's file.
value() { # NAME
    sed -n "s/^$1 *= *\"\(.*\)\".*/\1/p" "$TERRAFORM/market/environments/$environment.tfvars"
}

terraform_in() { # DIRECTORY ARGUMENT…
    terraform -chdir="$TERRAFORM/$1" "${@:2}"
}

init() {
    terraform_in market init -input=false -reconfigure -backend-config="bucket=$project-state"
}

connect() {
    gcloud container clusters get-credentials market --project "$project" --location "$region" --dns-endpoint
}

# The image of this commit, by digest; built unless it is there already.
image() {
    local name tag digest
    name=$region-docker.pkg.dev/$project/market/stubmart
    tag=$(version)-$(revision | cut -c 1-12)
    digest=$(gcloud artifacts docker images describe "$name:$tag" --format='value(image_summary.digest)' 2>/dev/null || true)
    if [ -z "$digest" ]; then
        gcloud builds submit "$PROJECT" --project "$project" --region "$region" --config "$PROJECT/deploy/cloudbuild.yaml" \
            --service-account "projects/$project/serviceAccounts/builder@$project.iam.gserviceaccount.com" \
            --gcs-source-staging-dir "gs://$project-sources/source" \
            --substitutions "_IMAGE=$name:$tag,_BASE=$BASE,_RUST=$RUST,_GCLOUD=$GCLOUD,_ATTESTOR=projects/$project/attestors/built-by-us,_KEY=projects/$project/locations/$region/keyRings/market/cryptoKeys/attestor" >&2
        digest=$(gcloud artifacts docker images describe "$name:$tag" --format='value(image_summary.digest)')
    fi
    echo "$name@$digest"
}

image_of() { # NAME IMAGE@DIGEST
    printf -- '- {name: %s, newName: %s, digest: "%s"}' "$1" "${2%@*}" "${2#*@}"
}

# The overlay with this image in it, in a directory of its own: what is in git stays as it is.
rendered() { # IMAGE
    local copy
    copy=$(mktemp -d)
    cp -r "$PROJECT/deploy/kubernetes" "$PROJECT/deploy/observability" "$copy"
    (cd "$copy/kubernetes/overlays/$environment" && printf 'images:\n%s\n%s\n' "$(image_of stubmart "$1")" "$(image_of nats "$region-docker.pkg.dev/$project/mirror/library/nats@$NATS")" >>kustomization.yaml)
    kubectl kustomize "$copy/kubernetes/overlays/$environment"
    rm -rf "$copy"
}

rolled_out() {
    local workload
    for workload in $(kubectl --namespace stubmart get deployments,statefulsets --output name); do
        kubectl --namespace stubmart rollout status "$workload" --timeout 15m || return 1
    done
}

rollback() {
    local workload
    for workload in $(kubectl --namespace stubmart get deployments --output name); do
        kubectl --namespace stubmart rollout undo "$workload"
    done
    rolled_out
}

release() {
    local image
    # shellcheck source=/dev/null
    source "$PROJECT/deploy/images.env"
    image=$(image)
    connect
    kubectl apply --server-side --force-conflicts --filename "$PROJECT/deploy/kubernetes/base/namespace.yaml"
    rendered "$image" | kubectl apply --server-side --force-conflicts --filename -
    if ! rolled_out; then
        echo "the release does not get ready: the one before is put back" >&2
        rollback
        return 1
    fi
    echo "$environment runs $image"
}

main() {
    if [ $# != 2 ] || [ ! -d "$OVERLAYS/$2" ]; then usage; fi
    environment=$2
    project=${PROJECT_ID:-$(value project)}
    region=${REGION:-$(value region)}
    case $1 in
        bootstrap)
            terraform_in bootstrap init -input=false
            terraform_in bootstrap apply -var "project=$project" -var "region=$region" ${GITHUB_REPOSITORY:+-var "github_repository=$GITHUB_REPOSITORY"}
            ;;
        up)
            init
            terraform_in market apply -var-file="environments/$environment.tfvars"
            terraform_in market output -json platform | python3 -c \
                'import json, sys; [print(f"{key}={value}") for key, value in sorted(json.load(sys.stdin).items())]' \
                >"$OVERLAYS/$environment/platform.env"
            terraform_in market output -raw redis_certificates >"$OVERLAYS/$environment/redis-ca.pem"
            release
            ;;
        release) release ;;
        rollback)
            connect
            rollback
            ;;
        down)
            init
            # The balancer is GKE's: it goes with the Gateway, and the network cannot go before it.
            if connect; then kubectl --namespace stubmart delete gateways --all --wait --timeout 10m; fi
            terraform_in market destroy -var-file="environments/$environment.tfvars"
            ;;
        *) usage ;;
    esac
}

main "$@"
