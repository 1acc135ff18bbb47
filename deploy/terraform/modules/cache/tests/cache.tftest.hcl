mock_provider "google" {}

variables {
  project      = "stubmart-prod"
  region       = "europe-west3"
  network      = "projects/stubmart-prod/global/networks/market"
  peered_range = "google-services"
  key          = "projects/stubmart-prod/locations/europe-west3/keyRings/market/cryptoKeys/cache"
}

run "it_asks_for_a_password_over_tls_and_has_a_replica" {
  command = plan
  assert {
    condition     = google_redis_instance.this.auth_enabled && google_redis_instance.this.transit_encryption_mode == "SERVER_AUTHENTICATION"
    error_message = "It must ask for a password, over TLS."
  }
  assert {
    condition     = google_redis_instance.this.tier == "STANDARD_HA"
    error_message = "A replica takes over unless somebody says otherwise."
  }
  assert {
    condition     = google_redis_instance.this.redis_configs["maxmemory-policy"] == "noeviction"
    error_message = "No timer may be put out."
  }
}

run "one_zone_where_it_may_be_cheap" {
  command = plan
  variables { highly_available = false }
  assert {
    condition     = google_redis_instance.this.tier == "BASIC"
    error_message = "One zone was asked for."
  }
}

run "half_a_gigabyte_is_not_sold" {
  command = plan
  variables { memory_gb = 0.5 }
  expect_failures = [var.memory_gb]
}

run "a_zone_is_no_region" {
  command = plan
  variables { region = "europe-west3-a" }
  expect_failures = [var.region]
}
