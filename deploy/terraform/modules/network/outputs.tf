output "network" {
  description = "The id of the network, once Google's services are peered with it."
  value       = google_service_networking_connection.this.network
}

output "subnetwork" {
  description = "The id of the nodes' subnetwork."
  value       = google_compute_subnetwork.nodes.id
}

output "peered_range" {
  description = "The name of the range that Google's services are given."
  value       = google_compute_global_address.peered.name
}

output "addresses_out" {
  description = "From where the market calls others: for their allow lists."
  value       = google_compute_address.nat[*].address
}
