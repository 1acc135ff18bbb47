mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project = "stubmart-prod"
  region  = "europe-west3"
}

run "every_key_rotates_and_one_agent_may_use_it" {
  command = plan
  assert {
    condition     = alltrue([for key in google_kms_crypto_key.this : key.rotation_period == "7776000s"])
    error_message = "Keys must rotate every 90 days."
  }
  assert {
    condition     = length(google_kms_crypto_key_iam_member.agent) == length(google_kms_crypto_key.this)
    error_message = "A key has exactly one user."
  }
  assert {
    condition     = google_kms_crypto_key_iam_member.agent["databases"].member == "serviceAccount:service-123456789012@gcp-sa-firestore.iam.gserviceaccount.com"
    error_message = "The databases' key is for Firestore's agent."
  }
}

run "a_zone_is_no_region" {
  command = plan
  variables { region = "europe-west3-a" }
  expect_failures = [var.region]
}
