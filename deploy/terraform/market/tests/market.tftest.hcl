# Run with each file of environments/: deploy/check.sh.
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
  mock_data "google_kms_crypto_key_version" {
    defaults = {
      id         = "projects/p/locations/europe-west3/keyRings/market/cryptoKeys/attestor/cryptoKeyVersions/1"
      public_key = [{ pem = "pem", algorithm = "EC_SIGN_P256_SHA256" }]
    }
  }
}

run "what_holds_data_is_protected_in_prod" {
  command = plan
  assert {
    condition     = var.protected || var.environment == "dev"
    error_message = "Only dev may be lost."
  }
}

run "every_store_has_a_database_with_firestore" {
  command = plan
  assert {
    condition     = length(module.data.urls) == (var.engine == "firestore" ? length(local.stores) : 0)
    error_message = "Each store of the market has its database."
  }
}

run "prod_cannot_be_unprotected" {
  command = plan
  variables {
    environment = "prod"
    protected   = false
  }
  expect_failures = [var.protected]
}

run "an_environment_there_is" {
  command = plan
  variables { environment = "test" }
  expect_failures = [var.environment]
}
