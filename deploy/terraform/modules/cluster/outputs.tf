output "id" {
  description = "The id of the cluster."
  value       = google_container_cluster.this.id
}

output "name" {
  description = "The name of the cluster."
  value       = google_container_cluster.this.name
}

output "dns_endpoint" {
  description = "Where kubectl reaches the control plane, with IAM's consent."
  value       = google_container_cluster.this.control_plane_endpoints_config[0].dns_endpoint_config[0].endpoint
}

output "workload_pool" {
  description = "The pool of the identities of the cluster's service accounts."
  value       = google_container_cluster.this.workload_identity_config[0].workload_pool
}
