mock_provider "google" {
  mock_data "google_kms_crypto_key_version" {
    defaults = {
      id         = "projects/p/locations/europe-west3/keyRings/market/cryptoKeys/attestor/cryptoKeyVersions/1"
      public_key = [{ pem = "pem", algorithm = "EC_SIGN_P256_SHA256" }]
    }
  }
}

variables {
  releaser     = "serviceAccount:releaser@stubmart-prod.iam.gserviceaccount.com"
  project      = "stubmart-prod"
  region       = "europe-west3"
  key          = "projects/stubmart-prod/locations/europe-west3/keyRings/market/cryptoKeys/images"
  attestor_key = "projects/stubmart-prod/locations/europe-west3/keyRings/market/cryptoKeys/attestor"
}

run "a_tag_never_moves" {
  command = plan
  assert {
    condition     = google_artifact_registry_repository.market.docker_config[0].immutable_tags
    error_message = "Tags must be immutable."
  }
}

run "what_is_not_signed_is_not_run" {
  command = plan
  assert {
    condition     = google_binary_authorization_policy.this.default_admission_rule[0].evaluation_mode == "REQUIRE_ATTESTATION" && google_binary_authorization_policy.this.default_admission_rule[0].enforcement_mode == "ENFORCED_BLOCK_AND_AUDIT_LOG"
    error_message = "Images must be attested, and others blocked."
  }
  assert {
    condition     = google_binary_authorization_policy.this.admission_whitelist_patterns[0].name_pattern == "europe-west3-docker.pkg.dev/stubmart-prod/mirror/*"
    error_message = "Only the mirror is excepted."
  }
}

run "a_zone_is_no_region" {
  command = plan
  variables { region = "europe-west3-a" }
  expect_failures = [var.region]
}

run "a_releaser_is_a_member" {
  command = plan
  variables { releaser = "releaser@example.com" }
  expect_failures = [var.releaser]
}
