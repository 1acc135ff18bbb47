output "ids" {
  description = "The id of each key, once its agent may use it."
  value       = { for name, member in google_kms_crypto_key_iam_member.agent : name => member.crypto_key_id }
}

output "attestor" {
  description = "The id of the key that signs images."
  value       = google_kms_crypto_key.attestor.id
}
