# GKE Autopilot. The numbers are those of the CIS GKE Benchmark where it asks for the setting.

resource "google_service_account" "nodes" {
  project      = var.project
  account_id   = "nodes"
  display_name = "Nodes of the cluster"
}

# 6.2.1: nodes have an account of their own, which may write logs and metrics and pull images.
resource "google_project_iam_member" "nodes" {
  for_each = toset(["roles/container.defaultNodeServiceAccount", "roles/artifactregistry.reader"])
  project  = var.project
  role     = each.key
  member   = google_service_account.nodes.member
}

resource "google_container_cluster" "this" {
  # checkov:skip=CKV_GCP_12: Autopilot has Dataplane V2, which enforces network policies
  # checkov:skip=CKV_GCP_61: Autopilot has it always, and the provider refuses it there
  # checkov:skip=CKV_GCP_69: Autopilot's nodes have the metadata server of GKE always
  # checkov:skip=CKV_GCP_21: the provider's default_labels label everything
  project             = var.project
  name                = var.name
  location            = var.region # regional: the control plane is in three zones
  enable_autopilot    = true
  deletion_protection = var.deletion_protection
  network             = var.network
  subnetwork          = var.subnetwork

  ip_allocation_policy { # 6.6.2
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  # 6.6.3 to 6.6.5: no address of the control plane answers from outside. The DNS endpoint does, to those whom IAM lets in.
  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = true
  }
  control_plane_endpoints_config {
    dns_endpoint_config { allow_external_traffic = true }
    ip_endpoints_config { enabled = false }
  }
  master_authorized_networks_config {
    private_endpoint_enforcement_enabled = true
    gcp_public_cidrs_access_enabled      = false
  }
  master_auth {
    client_certificate_config { issue_client_certificate = false } # 5.1, 6.8.2
  }
  rbac_binding_config {
    enable_insecure_binding_system_authenticated   = false
    enable_insecure_binding_system_unauthenticated = false
  }
  dynamic "authenticator_groups_config" { # 6.8.3
    for_each = var.admins_group[*]
    content { security_group = authenticator_groups_config.value }
  }

  workload_identity_config { workload_pool = "${var.project}.svc.id.goog" } # 6.2.2
  database_encryption {                                                     # 6.3.1
    state    = "ENCRYPTED"
    key_name = var.key
  }
  secret_manager_config { enabled = true }
  binary_authorization { evaluation_mode = "PROJECT_SINGLETON_POLICY_ENFORCE" } # 6.10.5
  security_posture_config {
    mode               = "BASIC"
    vulnerability_mode = "VULNERABILITY_BASIC"
  }
  # NATS speaks without TLS inside the cluster; between nodes its packets are encrypted.
  in_transit_encryption_config = "IN_TRANSIT_ENCRYPTION_INTER_NODE_TRANSPARENT"

  gateway_api_config { channel = "CHANNEL_STANDARD" }
  dns_config {
    cluster_dns        = "CLOUD_DNS"
    cluster_dns_scope  = "CLUSTER_SCOPE"
    cluster_dns_domain = "cluster.local"
  }
  addons_config {
    gke_backup_agent_config { enabled = true }
  }
  cost_management_config { enabled = true }

  logging_config { enable_components = ["SYSTEM_COMPONENTS", "WORKLOADS", "APISERVER", "CONTROLLER_MANAGER", "SCHEDULER"] }
  monitoring_config {
    enable_components = ["SYSTEM_COMPONENTS", "APISERVER", "CONTROLLER_MANAGER", "SCHEDULER", "STORAGE", "HPA", "POD", "STATEFULSET", "DEPLOYMENT"]
    managed_prometheus { enabled = true }
    advanced_datapath_observability_config {
      enable_metrics = true
      enable_relay   = false
    }
  }

  cluster_autoscaling {
    auto_provisioning_defaults {
      service_account = google_service_account.nodes.email
      oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    }
  }

  release_channel { channel = "REGULAR" } # 6.5.4
  maintenance_policy {
    # Nights from Monday to Thursday, UTC: no evening of shows and no on-sale.
    recurring_window {
      start_time = "2026-01-05T02:00:00Z"
      end_time   = "2026-01-05T08:00:00Z"
      recurrence = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH"
    }
    dynamic "maintenance_exclusion" {
      for_each = var.exclusions
      content {
        exclusion_name = maintenance_exclusion.key
        start_time     = maintenance_exclusion.value.start
        end_time       = maintenance_exclusion.value.end
        exclusion_options { scope = "NO_MINOR_UPGRADES" }
      }
    }
  }

  depends_on = [google_project_iam_member.nodes]
}
