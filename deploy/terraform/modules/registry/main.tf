# Where images come from: our own, built and signed by Cloud Build; those of others through a mirror that keeps them.
# The cluster runs an image of ours only if it is signed.

resource "google_artifact_registry_repository" "market" {
  project       = var.project
  location      = var.region
  repository_id = "market"
  description   = "The market's own images"
  format        = "DOCKER"
  kms_key_name  = var.key
  docker_config { immutable_tags = true }
  vulnerability_scanning_config { enablement_config = "INHERITED" }
  cleanup_policy_dry_run = false
  cleanup_policies {
    id     = "keep-releases"
    action = "KEEP"
    most_recent_versions { keep_count = 50 }
  }
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition { older_than = "15552000s" } # 180 days
  }
}

resource "google_artifact_registry_repository" "mirror" {
  project       = var.project
  location      = var.region
  repository_id = "mirror"
  description   = "What Docker Hub has, kept here: no rolling update waits for it, or is refused by its limits"
  format        = "DOCKER"
  mode          = "REMOTE_REPOSITORY"
  kms_key_name  = var.key
  remote_repository_config {
    docker_repository { public_repository = "DOCKER_HUB" }
  }
}

resource "google_service_account" "builder" {
  project      = var.project
  account_id   = "builder"
  display_name = "Builds and signs images in Cloud Build"
}

resource "google_artifact_registry_repository_iam_member" "builder" {
  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.market.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.builder.member
}

resource "google_project_iam_member" "builder" {
  for_each = toset(["roles/logging.logWriter", "roles/binaryauthorization.attestorsViewer", "roles/containeranalysis.occurrences.editor"])
  project  = var.project
  role     = each.key
  member   = google_service_account.builder.member
}

resource "google_kms_crypto_key_iam_member" "builder" {
  crypto_key_id = var.attestor_key
  role          = "roles/cloudkms.signerVerifier"
  member        = google_service_account.builder.member
}

resource "google_container_analysis_note" "built" {
  project = var.project
  name    = "built-by-us"
  attestation_authority {
    hint { human_readable_name = "Built by Cloud Build from the main branch" }
  }
}

resource "google_container_analysis_note_iam_member" "builder" {
  project = var.project
  note    = google_container_analysis_note.built.name
  role    = "roles/containeranalysis.notes.attacher"
  member  = google_service_account.builder.member
}

data "google_kms_crypto_key_version" "attestor" {
  crypto_key = var.attestor_key
}

resource "google_binary_authorization_attestor" "built" {
  project = var.project
  name    = "built-by-us"
  attestation_authority_note {
    note_reference = google_container_analysis_note.built.name
    public_keys {
      id = data.google_kms_crypto_key_version.attestor.id
      pkix_public_key {
        public_key_pem      = data.google_kms_crypto_key_version.attestor.public_key[0].pem
        signature_algorithm = data.google_kms_crypto_key_version.attestor.public_key[0].algorithm
      }
    }
  }
}

resource "google_binary_authorization_policy" "this" {
  project                       = var.project
  global_policy_evaluation_mode = "ENABLE" # what GKE itself runs
  default_admission_rule {
    evaluation_mode         = "REQUIRE_ATTESTATION"
    enforcement_mode        = "ENFORCED_BLOCK_AND_AUDIT_LOG"
    require_attestations_by = [google_binary_authorization_attestor.built.name]
  }
  # The mirror's images are named by digest in the manifests, which are reviewed.
  admission_whitelist_patterns {
    name_pattern = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.mirror.repository_id}/*"
  }
}

# Whoever starts a build has to be let act as the one who builds.
resource "google_service_account_iam_member" "releaser" {
  service_account_id = google_service_account.builder.name
  role               = "roles/iam.serviceAccountUser"
  member             = var.releaser
}
