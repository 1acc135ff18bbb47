mock_provider "google" {}

variables {
  project   = "stubmart-prod"
  region    = "europe-west3"
  cluster   = "projects/stubmart-prod/locations/europe-west3/clusters/market"
  namespace = "stubmart"
  key       = "projects/stubmart-prod/locations/europe-west3/keyRings/market/cryptoKeys/backups"
}

run "disks_every_hour_no_secrets" {
  command = plan
  assert {
    condition     = google_gke_backup_backup_plan.this.backup_config[0].include_volume_data && google_gke_backup_backup_plan.this.backup_config[0].include_secrets == false
    error_message = "Disks are backed up, secrets are not."
  }
  assert {
    condition     = google_gke_backup_backup_plan.this.retention_policy[0].backup_delete_lock_days == 3
    error_message = "The newest backups cannot be deleted."
  }
}

run "a_restore_overwrites_nothing" {
  command = plan
  assert {
    condition     = google_gke_backup_restore_plan.this.restore_config[0].namespaced_resource_restore_mode == "FAIL_ON_CONFLICT"
    error_message = "A restore must not overwrite what runs."
  }
}

run "a_backup_that_is_kept_for_a_day_is_locked_for_a_day" {
  command = plan
  variables { keep_days = 1 }
  assert {
    condition     = google_gke_backup_backup_plan.this.retention_policy[0].backup_delete_lock_days == 1
    error_message = "A lock is no longer than what it locks."
  }
}

run "cron_has_five_fields" {
  command = plan
  variables { schedule = "hourly" }
  expect_failures = [var.schedule]
}

run "a_backup_is_kept_for_a_day_at_least" {
  command = plan
  variables { keep_days = 0 }
  expect_failures = [var.keep_days]
}

run "a_namespace_of_kubernetes" {
  command = plan
  variables { namespace = "Stubmart" }
  expect_failures = [var.namespace]
}

run "a_zone_is_no_region" {
  command = plan
  variables { region = "europe-west3-a" }
  expect_failures = [var.region]
}
