# Who a workload is, and its secrets: an account for each, which only the service account of this name in this
# namespace of this cluster can be, and a secret that this account alone may read. No key exists.
#
# Accounts of Google's and not principals of the pool: Firestore is shown an identity token, which the metadata server
# gives out for such an account alone.

resource "google_service_account" "this" {
  for_each     = var.workloads
  project      = var.project
  account_id   = "stubmart-${each.key}"
  display_name = "Stubmart's ${each.key}"
}

resource "google_service_account_iam_member" "workload" {
  for_each           = google_service_account.this
  service_account_id = each.value.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.workload_pool}[${var.namespace}/${each.key}]"
}

resource "google_secret_manager_secret" "settings" {
  for_each            = var.workloads
  project             = var.project
  secret_id           = "stubmart-${each.key}"
  version_destroy_ttl = "604800s" # a version that was destroyed by mistake can be had back for 7 days
  replication {
    user_managed {
      replicas {
        location = var.region
        customer_managed_encryption { kms_key_name = var.key }
      }
    }
  }
}

resource "google_secret_manager_secret_iam_member" "own" {
  for_each  = google_secret_manager_secret.settings
  project   = var.project
  secret_id = each.value.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.this[each.key].member
}

resource "google_secret_manager_secret_version" "settings" {
  for_each               = var.settings_version > 0 ? google_secret_manager_secret.settings : {}
  secret                 = each.value.id
  secret_data_wo         = lookup(var.settings, each.key, "# nothing is secret\n")
  secret_data_wo_version = var.settings_version
  deletion_policy        = "DISABLE" # going back is enabling the old one
}
