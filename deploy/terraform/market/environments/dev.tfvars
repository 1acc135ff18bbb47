# A market to try things in: it may be deleted, and has no replicas of what costs by the hour.
project          = "stubmart-dev"
region           = "europe-west3"
environment      = "dev"
domain           = "dev.tickets.example.org"
dns_zone         = "tickets-example-org"
protected        = false
highly_available = false
runbook          = "https://stubmart.example/docs/runbook"
emails           = { page = "team@example.org", ticket = "team@example.org" }
