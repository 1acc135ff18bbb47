# A network of the market's own: no default rules, no public addresses but the balancer's and the NAT's, flow logs.

resource "google_compute_network" "this" {
  project                         = var.project
  name                            = "market"
  auto_create_subnetworks         = false
  routing_mode                    = "REGIONAL"
  delete_default_routes_on_create = false # Cloud NAT needs the way out
}

resource "google_compute_subnetwork" "nodes" {
  project                  = var.project
  name                     = "nodes"
  region                   = var.region
  network                  = google_compute_network.this.id
  ip_cidr_range            = var.nodes_cidr
  private_ip_google_access = true
  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = var.pods_cidr
  }
  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = var.services_cidr
  }
  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.5
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

# The way out, to Stripe and to mail servers: from addresses that can be told to them.
resource "google_compute_address" "nat" {
  count   = 2
  project = var.project
  name    = "nat-${count.index}"
  region  = var.region
}

resource "google_compute_router" "this" {
  project = var.project
  name    = "market"
  region  = var.region
  network = google_compute_network.this.id
}

resource "google_compute_router_nat" "this" {
  project                             = var.project
  name                                = "market"
  router                              = google_compute_router.this.name
  region                              = var.region
  nat_ip_allocate_option              = "MANUAL_ONLY"
  nat_ips                             = google_compute_address.nat[*].self_link
  source_subnetwork_ip_ranges_to_nat  = "ALL_SUBNETWORKS_ALL_IP_RANGES"
  enable_dynamic_port_allocation      = true
  enable_endpoint_independent_mapping = false
  min_ports_per_vm                    = 64
  max_ports_per_vm                    = 4096
  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

# Said aloud, with a log: what nobody allowed is refused. GKE and the balancer bring rules of a higher priority.
resource "google_compute_firewall" "deny" {
  project       = var.project
  name          = "deny-ingress"
  network       = google_compute_network.this.name
  direction     = "INGRESS"
  priority      = 65534
  source_ranges = ["0.0.0.0/0"]
  deny { protocol = "all" }
  log_config { metadata = "INCLUDE_ALL_METADATA" }
}

resource "google_compute_global_address" "peered" {
  project       = var.project
  name          = "google-services"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  network       = google_compute_network.this.id
  address       = split("/", var.peered_cidr)[0]
  prefix_length = tonumber(split("/", var.peered_cidr)[1])
}

resource "google_service_networking_connection" "this" {
  network                 = google_compute_network.this.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.peered.name]
}
