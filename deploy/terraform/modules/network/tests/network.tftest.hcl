mock_provider "google" {}

variables {
  project = "stubmart-prod"
  region  = "europe-west3"
}

run "nothing_default_everything_logged" {
  command = plan
  assert {
    condition     = google_compute_network.this.auto_create_subnetworks == false
    error_message = "Subnetworks must be our own."
  }
  assert {
    condition     = google_compute_subnetwork.nodes.private_ip_google_access && google_compute_subnetwork.nodes.log_config[0].metadata == "INCLUDE_ALL_METADATA"
    error_message = "Nodes need Google's APIs without a public address, and flow logs."
  }
  assert {
    condition     = google_compute_router_nat.this.log_config[0].enable
    error_message = "The NAT must log what it could not do."
  }
  assert {
    condition     = length(google_compute_firewall.deny.deny) == 1 && google_compute_firewall.deny.priority == 65534
    error_message = "What nobody allowed is refused, after every rule that allows."
  }
}

run "too_few_pods" {
  command = plan
  variables { pods_cidr = "10.16.0.0/24" }
  expect_failures = [var.pods_cidr]
}

run "no_range" {
  command = plan
  variables { services_cidr = "10.32.0.0" }
  expect_failures = [var.services_cidr]
}

run "too_few_nodes" {
  command = plan
  variables { nodes_cidr = "10.0.0.0/28" }
  expect_failures = [var.nodes_cidr]
}

run "no_peered_range" {
  command = plan
  variables { peered_cidr = "ten" }
  expect_failures = [var.peered_cidr]
}
