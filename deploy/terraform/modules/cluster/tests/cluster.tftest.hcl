mock_provider "google" {}

variables {
  project    = "stubmart-prod"
  region     = "europe-west3"
  name       = "market"
  network    = "projects/stubmart-prod/global/networks/market"
  subnetwork = "projects/stubmart-prod/regions/europe-west3/subnetworks/nodes"
  key        = "projects/stubmart-prod/locations/europe-west3/keyRings/market/cryptoKeys/cluster"
}

run "the_control_plane_is_private" {
  command = plan
  assert {
    condition     = google_container_cluster.this.private_cluster_config[0].enable_private_nodes && google_container_cluster.this.private_cluster_config[0].enable_private_endpoint
    error_message = "Nodes and control plane must have no public address."
  }
  assert {
    condition     = google_container_cluster.this.control_plane_endpoints_config[0].ip_endpoints_config[0].enabled == false
    error_message = "The control plane must be reached by its DNS endpoint alone."
  }
  assert {
    condition     = google_container_cluster.this.rbac_binding_config[0].enable_insecure_binding_system_unauthenticated == false
    error_message = "Nobody unauthenticated may have a role."
  }
}

run "it_is_autopilot_encrypted_and_admits_what_is_signed" {
  command = plan
  assert {
    condition     = google_container_cluster.this.enable_autopilot && google_container_cluster.this.database_encryption[0].state == "ENCRYPTED"
    error_message = "Secrets must be encrypted with our key."
  }
  assert {
    condition     = google_container_cluster.this.binary_authorization[0].evaluation_mode == "PROJECT_SINGLETON_POLICY_ENFORCE"
    error_message = "Images must be attested."
  }
  assert {
    condition     = google_container_cluster.this.deletion_protection
    error_message = "Clusters are protected unless somebody says otherwise."
  }
}

run "an_on_sale_keeps_its_version" {
  command = plan
  variables {
    exclusions = { finals = { start = "2027-06-01T00:00:00Z", end = "2027-06-08T00:00:00Z" } }
  }
  assert {
    condition     = one(google_container_cluster.this.maintenance_policy[0].maintenance_exclusion).exclusion_options[0].scope == "NO_MINOR_UPGRADES"
    error_message = "An exclusion keeps the minor version."
  }
}

run "an_exclusion_ends_after_it_begins" {
  command = plan
  variables {
    exclusions = { finals = { start = "2027-06-08T00:00:00Z", end = "2027-06-01T00:00:00Z" } }
  }
  expect_failures = [var.exclusions]
}

run "gke_knows_one_group" {
  command = plan
  variables { admins_group = "admins@example.com" }
  expect_failures = [var.admins_group]
}

run "a_name_of_kubernetes" {
  command = plan
  variables { name = "Market" }
  expect_failures = [var.name]
}
