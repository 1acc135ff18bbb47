output "address" {
  description = "HOST:PORT. The password: gcloud redis instances get-auth-string market."
  value       = "${google_redis_instance.this.host}:${google_redis_instance.this.port}"
}

output "host" {
  description = "Its address: the one that network policies let services reach."
  value       = google_redis_instance.this.host
}

output "certificates" {
  description = "Whom its certificate is signed by, as PEM."
  value       = join("\n", google_redis_instance.this.server_ca_certs[*].cert)
}
