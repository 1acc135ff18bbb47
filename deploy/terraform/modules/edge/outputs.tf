output "address" {
  description = "The address of the market: for its A record where Cloud DNS has no zone of it."
  value       = google_compute_global_address.this.address
}

output "authorization" {
  description = "The record that shows the domain is ours: for where Cloud DNS has no zone of it."
  value       = google_certificate_manager_dns_authorization.this.dns_resource_record
}
