# NATS runs in the cluster, one server a zone, on regional disks (deploy/kubernetes/base/nats). Its stream can be filled
# again from the services' histories; the backup is there to have the cluster's objects and the stream back at once.

resource "google_gke_backup_backup_plan" "this" {
  project  = var.project
  name     = "market"
  location = var.region
  cluster  = var.cluster
  backup_config {
    include_volume_data = true
    include_secrets     = false # they come from Secret Manager
    selected_namespaces { namespaces = [var.namespace] }
    encryption_key { gcp_kms_encryption_key = var.key }
  }
  backup_schedule { cron_schedule = var.schedule }
  retention_policy {
    backup_retain_days      = var.keep_days
    backup_delete_lock_days = min(var.keep_days, 3) # nobody deletes the newest, whatever they may
  }
}

# Into a cluster that has lost the namespace. What is there already stays as it is.
resource "google_gke_backup_restore_plan" "this" {
  project     = var.project
  name        = "market"
  location    = var.region
  backup_plan = google_gke_backup_backup_plan.this.id
  cluster     = var.cluster
  restore_config {
    selected_namespaces { namespaces = [var.namespace] }
    namespaced_resource_restore_mode = "FAIL_ON_CONFLICT"
    volume_data_restore_policy       = "RESTORE_VOLUME_DATA_FROM_BACKUP"
    cluster_resource_restore_scope { no_group_kinds = true }
  }
}
