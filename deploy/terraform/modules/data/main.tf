# The market's documents: a database for each service, which its service alone may use, without a password. With
# another engine than Firestore there is nothing here to make, and its own backups are to be switched on.

locals {
  databases = var.engine == "firestore" ? var.services : toset([])
}

resource "google_firestore_database" "this" {
  for_each                          = local.databases
  project                           = var.project
  name                              = "stubmart-${each.key}"
  location_id                       = var.location
  type                              = "FIRESTORE_NATIVE"
  database_edition                  = "ENTERPRISE" # the one that speaks MongoDB's protocol
  concurrency_mode                  = "OPTIMISTIC"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED" # 7 days, to the minute
  delete_protection_state           = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = var.deletion_protection ? "ABANDON" : "DELETE"
  dynamic "cmek_config" {
    for_each = var.key[*]
    content { kms_key_name = cmek_config.value }
  }
}

resource "google_firestore_backup_schedule" "daily" {
  for_each  = google_firestore_database.this
  project   = var.project
  database  = each.value.name
  retention = "${var.daily_backups_days * 86400}s"
  daily_recurrence {}
}

resource "google_firestore_backup_schedule" "weekly" {
  for_each  = google_firestore_database.this
  project   = var.project
  database  = each.value.name
  retention = "8467200s" # 14 weeks, the longest that Firestore keeps one
  weekly_recurrence { day = "SUNDAY" }
}

resource "google_project_iam_member" "service" {
  for_each = google_firestore_database.this
  project  = var.project
  role     = "roles/datastore.user"
  member   = var.identities[each.key]
  condition {
    title      = "the database of ${each.key} alone"
    expression = "resource.name == \"projects/${var.project}/databases/${each.value.name}\""
  }
}

# stubmart check reads them all; what waits in documents it moves into their history, as services do.
resource "google_project_iam_member" "audit" {
  count   = var.engine == "firestore" && contains(keys(var.identities), "check") ? 1 : 0
  project = var.project
  role    = "roles/datastore.user"
  member  = var.identities["check"]
}
