mock_provider "google" {}

variables {
  project           = "stubmart-prod"
  region            = "europe-west3"
  github_repository = "example/stubmart"
}

run "state_is_versioned_encrypted_and_private" {
  command = plan
  assert {
    condition     = google_storage_bucket.state.versioning[0].enabled && google_storage_bucket.state.public_access_prevention == "enforced" && google_storage_bucket.state.uniform_bucket_level_access
    error_message = "The state must be versioned, and never public."
  }
  assert {
    condition     = google_kms_crypto_key.state.rotation_period == "7776000s"
    error_message = "The key of the state must rotate every 90 days."
  }
}

run "github_is_one_repository_on_its_main_branch" {
  command = plan
  assert {
    condition     = google_iam_workload_identity_pool_provider.github[0].attribute_condition == "assertion.sub == 'repo:example/stubmart:environment:production' && assertion.ref == 'refs/heads/main'"
    error_message = "Another repository, branch or environment could act as the releaser."
  }
}

run "no_repository_no_federation" {
  command = plan
  variables { github_repository = null }
  assert {
    condition     = length(google_iam_workload_identity_pool.github) == 0 && length(google_service_account_iam_member.github) == 0
    error_message = "Nobody asked for federation."
  }
}

run "the_releaser_has_no_basic_role_and_is_nobody_else" {
  command = plan
  assert {
    condition     = !contains(local.releaser_roles, "roles/owner") && !contains(local.releaser_roles, "roles/editor") && !contains(local.releaser_roles, "roles/iam.serviceAccountUser")
    error_message = "The releaser must not have a basic role."
  }
}

run "a_zone_is_no_region" {
  command = plan
  variables { region = "europe-west3-a" }
  expect_failures = [var.region]
}

run "a_repository_needs_its_owner" {
  command = plan
  variables { github_repository = "stubmart" }
  expect_failures = [var.github_repository]
}

run "a_project_is_an_id" {
  command = plan
  variables { project = "Stubmart Prod" }
  expect_failures = [var.project]
}
