project         = "stubmart-prod"
region          = "europe-west3"
environment     = "prod"
domain          = "tickets.example.org"
dns_zone        = "tickets-example-org"
cache_memory_gb = 5
admins_group    = "gke-security-groups@example.org"
runbook         = "https://stubmart.example/docs/runbook"
emails          = { page = "on-call@example.org", ticket = "team@example.org" }
exclusions      = { finals = { start = "2027-06-01T00:00:00Z", end = "2027-06-08T00:00:00Z" } }
