# Timers of checkouts and counts of limits: what is shared and may be lost. Timers are set again from tickets' own
# documents, so nothing of it is backed up.
#
# Redis, not Valkey: Memorystore for Valkey takes tokens of IAM that end after an hour, and the market's client keeps one
# password for as long as it runs.

resource "google_redis_instance" "this" {
  project                 = var.project
  name                    = "market"
  region                  = var.region
  tier                    = var.highly_available ? "STANDARD_HA" : "BASIC"
  memory_size_gb          = var.memory_gb
  redis_version           = "REDIS_7_2"
  authorized_network      = var.network
  connect_mode            = "PRIVATE_SERVICE_ACCESS"
  reserved_ip_range       = var.peered_range
  auth_enabled            = true
  transit_encryption_mode = "SERVER_AUTHENTICATION"
  customer_managed_key    = var.key
  redis_configs           = { maxmemory-policy = "noeviction" } # a timer that was put out would be missed
  maintenance_policy {
    weekly_maintenance_window {
      day = "TUESDAY"
      start_time {
        hours   = 3
        minutes = 0
        seconds = 0
        nanos   = 0
      }
    }
  }
}
