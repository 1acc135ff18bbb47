output "members" {
  description = "The member that each workload is to IAM."
  value       = { for name, account in google_service_account.this : name => "serviceAccount:stubmart-${name}@${account.project}.iam.gserviceaccount.com" }
}

output "secrets" {
  description = "The id of each workload's secret."
  value       = { for name, secret in google_secret_manager_secret.settings : name => secret.secret_id }
}
