# What must be there before a state can be kept: run once for each project, by somebody who owns it. Its own state is
# moved into the bucket it makes (docs/deploy-gke.md).

locals {
  services = [
    "artifactregistry", "binaryauthorization", "certificatemanager", "cloudbuild", "cloudkms", "cloudresourcemanager",
    "compute", "container", "containeranalysis", "dns", "firestore", "gkebackup", "iam", "iamcredentials", "logging", "monitoring",
    "redis", "secretmanager", "servicenetworking", "sts", "storage", "billingbudgets",
  ]
  # What a release needs: to build, to push by Cloud Build, to apply manifests. What the project is made of is changed by
  # people, with their own accounts.
  releaser_roles = [
    "roles/artifactregistry.reader", "roles/cloudbuild.builds.editor", "roles/container.developer", "roles/serviceusage.serviceUsageConsumer",
  ]
}

resource "google_project_service" "api" {
  for_each           = toset(local.services)
  project            = var.project
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

# Who read and changed what, for the services that hold data of people or decide about access.
resource "google_project_iam_audit_config" "all" {
  project = var.project
  service = "allServices"
  audit_log_config { log_type = "ADMIN_READ" }
  audit_log_config { log_type = "DATA_WRITE" }
}

resource "google_project_iam_audit_config" "secrets" {
  for_each = toset(["secretmanager.googleapis.com", "cloudkms.googleapis.com", "iam.googleapis.com"])
  project  = var.project
  service  = each.key
  audit_log_config { log_type = "ADMIN_READ" }
  audit_log_config { log_type = "DATA_READ" }
  audit_log_config { log_type = "DATA_WRITE" }
}

data "google_storage_project_service_account" "this" {
  project    = var.project
  depends_on = [google_project_service.api]
}

resource "google_kms_key_ring" "state" {
  project    = var.project
  name       = "state"
  location   = var.region
  depends_on = [google_project_service.api]
}

resource "google_kms_crypto_key" "state" {
  name            = "state"
  key_ring        = google_kms_key_ring.state.id
  rotation_period = "7776000s" # 90 days
  lifecycle { prevent_destroy = true }
}

resource "google_kms_crypto_key_iam_member" "state" {
  crypto_key_id = google_kms_crypto_key.state.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${data.google_storage_project_service_account.this.email_address}"
}

resource "google_storage_bucket" "log" {
  # checkov:skip=CKV_GCP_62: it is the log
  project                     = var.project
  name                        = "${var.project}-state-log"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  versioning { enabled = true }
  encryption { default_kms_key_name = google_kms_crypto_key.state.id }
  lifecycle_rule {
    action { type = "Delete" }
    condition { age = 400 }
  }
  depends_on = [google_kms_crypto_key_iam_member.state]
}

resource "google_storage_bucket" "state" {
  project                     = var.project
  name                        = "${var.project}-state"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  versioning { enabled = true }
  encryption { default_kms_key_name = google_kms_crypto_key.state.id }
  logging { log_bucket = google_storage_bucket.log.name }
  lifecycle_rule {
    action { type = "Delete" }
    condition {
      num_newer_versions         = 50
      days_since_noncurrent_time = 90
    }
  }
  lifecycle { prevent_destroy = true }
  depends_on = [google_kms_crypto_key_iam_member.state]
}

# Continuous integration has no key: GitHub's token is exchanged for one of Google's, for runs of one repository in one
# of its environments alone.
resource "google_service_account" "releaser" {
  project      = var.project
  account_id   = "releaser"
  display_name = "Builds and releases the market"
  depends_on   = [google_project_service.api]
}

resource "google_project_iam_member" "releaser" {
  # checkov:skip=CKV_GCP_49: starting a build is what it is for; the build runs as the builder, which may push and sign
  for_each = toset(local.releaser_roles)
  project  = var.project
  role     = each.key
  member   = google_service_account.releaser.member
}

# What Cloud Build is handed the sources in.
resource "google_storage_bucket" "sources" {
  project                     = var.project
  name                        = "${var.project}-sources"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  versioning { enabled = true }
  encryption { default_kms_key_name = google_kms_crypto_key.state.id }
  logging { log_bucket = google_storage_bucket.log.name }
  lifecycle_rule {
    action { type = "Delete" }
    condition { age = 30 }
  }
  depends_on = [google_kms_crypto_key_iam_member.state]
}

resource "google_storage_bucket_iam_member" "releaser" {
  bucket = google_storage_bucket.sources.name
  role   = "roles/storage.objectUser"
  member = google_service_account.releaser.member
}

resource "google_iam_workload_identity_pool" "github" {
  count                     = var.github_repository == null ? 0 : 1
  project                   = var.project
  workload_identity_pool_id = "github"
  display_name              = "GitHub Actions"
  depends_on                = [google_project_service.api]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  # checkov:skip=CKV_GCP_125: the condition names one repository and one environment, by variables whose form is checked
  count                              = var.github_repository == null ? 0 : 1
  project                            = var.project
  workload_identity_pool_id          = google_iam_workload_identity_pool.github[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "actions"
  attribute_mapping = {
    "google.subject" = "assertion.sub"
  }
  attribute_condition = "assertion.sub == 'repo:${var.github_repository}:environment:${var.github_environment}' && assertion.ref == 'refs/heads/main'"
  oidc { issuer_uri = "https://token.actions.githubusercontent.com" }
}

resource "google_service_account_iam_member" "github" {
  count              = var.github_repository == null ? 0 : 1
  service_account_id = google_service_account.releaser.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.github[0].name}/subject/repo:${var.github_repository}:environment:${var.github_environment}"
}
