# Keys of our own for everything that keeps data. Whoever may use a key is the agent of one service, and nobody else.

data "google_project" "this" {
  project_id = var.project
}

locals {
  number = data.google_project.this.number
  agents = {
    cluster   = "service-${local.number}@container-engine-robot.iam.gserviceaccount.com"
    disks     = "service-${local.number}@compute-system.iam.gserviceaccount.com"
    databases = "service-${local.number}@gcp-sa-firestore.iam.gserviceaccount.com"
    cache     = "service-${local.number}@cloud-redis.iam.gserviceaccount.com"
    secrets   = "service-${local.number}@gcp-sa-secretmanager.iam.gserviceaccount.com"
    images    = "service-${local.number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    backups   = "service-${local.number}@gcp-sa-gkebackup.iam.gserviceaccount.com"
  }
}

resource "google_kms_key_ring" "this" {
  project  = var.project
  name     = "market"
  location = var.region
}

resource "google_kms_crypto_key" "this" {
  for_each        = local.agents
  name            = each.key
  key_ring        = google_kms_key_ring.this.id
  rotation_period = "7776000s" # 90 days
  # Data whose key is gone is gone: a mistake can be taken back for 30 days.
  destroy_scheduled_duration = "2592000s"
  lifecycle { prevent_destroy = true }
}

resource "google_kms_crypto_key_iam_member" "agent" {
  for_each      = local.agents
  crypto_key_id = google_kms_crypto_key.this[each.key].id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${each.value}"
}

# Signs what was built here; the cluster admits nothing else.
resource "google_kms_crypto_key" "attestor" {
  name     = "attestor"
  key_ring = google_kms_key_ring.this.id
  purpose  = "ASYMMETRIC_SIGN"
  version_template {
    algorithm        = "EC_SIGN_P256_SHA256"
    protection_level = "HSM"
  }
  lifecycle { prevent_destroy = true }
}
