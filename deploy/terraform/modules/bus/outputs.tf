output "backup_plan" {
  description = "The id of the plan: gcloud beta container backup-restore backups create."
  value       = google_gke_backup_backup_plan.this.id
}

output "restore_plan" {
  description = "The id of the plan: gcloud beta container backup-restore restores create."
  value       = google_gke_backup_restore_plan.this.id
}
