mock_provider "google" {}

variables {
  project       = "stubmart-prod"
  region        = "europe-west3"
  key           = "projects/stubmart-prod/locations/europe-west3/keyRings/market/cryptoKeys/secrets"
  workload_pool = "stubmart-prod.svc.id.goog"
  namespace     = "stubmart"
  workloads     = ["orders", "payments"]
}

run "a_workload_is_one_account_of_one_namespace" {
  command = plan
  assert {
    condition     = google_service_account_iam_member.workload["orders"].member == "serviceAccount:stubmart-prod.svc.id.goog[stubmart/orders]"
    error_message = "Only the namespace's own service account may be orders."
  }
}

run "nothing_secret_is_written_unless_asked" {
  command = plan
  assert {
    condition     = length(google_secret_manager_secret_version.settings) == 0
    error_message = "Version 0 writes nothing."
  }
}

run "settings_are_written_and_not_kept" {
  command = plan
  variables {
    settings         = { payments = "stripe_secret_key = \"sk_test_1\"" }
    settings_version = 3
  }
  assert {
    condition     = google_secret_manager_secret_version.settings["payments"].secret_data_wo == null && google_secret_manager_secret_version.settings["payments"].secret_data_wo_version == 3
    error_message = "A secret must not be in the plan."
  }
}

run "an_account_has_a_short_name" {
  command = plan
  variables { workloads = ["a-name-that-is-far-too-long-for-google"] }
  expect_failures = [var.workloads]
}

run "a_pool_of_a_cluster" {
  command = plan
  variables { workload_pool = "stubmart-prod" }
  expect_failures = [var.workload_pool]
}

run "versions_go_up" {
  command = plan
  variables { settings_version = -1 }
  expect_failures = [var.settings_version]
}

run "a_zone_is_no_region" {
  command = plan
  variables { region = "europe-west3-a" }
  expect_failures = [var.region]
}
