# As prod, with less of everything: what goes wrong here goes wrong there.
project     = "stubmart-staging"
region      = "europe-west3"
environment = "staging"
domain      = "staging.tickets.example.org"
dns_zone    = "tickets-example-org"
runbook     = "https://stubmart.example/docs/runbook"
emails      = { page = "team@example.org", ticket = "team@example.org" }
