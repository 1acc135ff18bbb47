# An example: prod with MongoDB Atlas in place of Firestore. The URLs, which have passwords, are in the services' secrets.
project     = "stubmart-prod"
region      = "europe-west3"
environment = "prod"
domain      = "tickets.example.org"
engine      = "mongodb"
runbook     = "https://stubmart.example/docs/runbook"
emails      = { page = "on-call@example.org", ticket = "team@example.org" }
