output "urls" {
  description = "STUBMART_MONGODB_URL of each service. No secret is in it: who asks is told by the service's identity."
  value = {
    for service, database in google_firestore_database.this : service => join("", [
      "mongodb://${database.uid}.${database.location_id}.firestore.goog:443/${database.name}",
      "?loadBalanced=true&tls=true&retryWrites=false",
      "&authMechanism=MONGODB-OIDC&authMechanismProperties=ENVIRONMENT:gcp,TOKEN_RESOURCE:FIRESTORE",
    ])
  }
}
