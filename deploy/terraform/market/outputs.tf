output "images" {
  description = "What names of our images begin with."
  value       = module.registry.images
}

output "mirror" {
  description = "What names of others' images begin with."
  value       = module.registry.mirror
}

output "builder" {
  description = "The service account that builds images."
  value       = module.registry.builder
}

output "attestor" {
  description = "Who attests that an image was built by us."
  value       = module.registry.attestor
}

output "cluster" {
  description = "For gcloud container clusters get-credentials NAME --dns-endpoint."
  value       = module.cluster.name
}

output "address" {
  description = "The address of the market."
  value       = module.edge.address
}

output "authorization" {
  description = "The record that shows the domain is ours."
  value       = module.edge.authorization
}

output "addresses_out" {
  description = "From where the market calls others."
  value       = module.network.addresses_out
}

# What the manifests have to know of this environment: `make platform` writes it into the overlay.
output "platform" {
  description = "The values of the overlay's platform.env."
  value = merge(
    { for service, url in module.data.urls : "MONGODB_URL_${upper(service)}" => url },
    {
      PROJECT       = var.project
      DOMAIN        = var.domain
      REDIS_ADDRESS = module.cache.address
      REDIS_HOST    = module.cache.host
    },
  )
}

output "redis_certificates" {
  description = "Whom Memorystore's certificate is signed by: the overlay's redis-ca.pem."
  value       = module.cache.certificates
}
