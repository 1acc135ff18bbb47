output "state_bucket" {
  description = "For terraform init -backend-config=bucket=…"
  value       = google_storage_bucket.state.name
}

output "releaser" {
  description = "The service account that a workflow acts as: RELEASER in the environment of GitHub."
  value       = google_service_account.releaser.email
}

output "workload_identity_provider" {
  description = "WORKLOAD_IDENTITY_PROVIDER in the environment of GitHub; null without a repository."
  value       = one(google_iam_workload_identity_pool_provider.github[*].name)
}
