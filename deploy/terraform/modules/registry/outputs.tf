output "images" {
  description = "What names of our images begin with."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.market.repository_id}"
}

output "mirror" {
  description = "What names of others' images begin with."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.mirror.repository_id}"
}

output "builder" {
  description = "The service account that builds: gcloud builds submit --service-account."
  value       = google_service_account.builder.name
}

output "attestor" {
  description = "Who attests that an image was built by us."
  value       = google_binary_authorization_attestor.built.name
}
