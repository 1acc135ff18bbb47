# What people reach: an address, its name, its certificate, and what is turned away before it costs anything. The
# balancer itself is made by GKE from the Gateway (deploy/kubernetes/components/gke), which names these by name.

locals {
  # 3 in 4 of what the rule sets find at sensitivity 1 is an attack; above, people's own words are among it.
  waf = {
    1000 = "sqli-v33-stable"
    1010 = "xss-v33-stable"
    1020 = "lfi-v33-stable"
    1030 = "rce-v33-stable"
    1040 = "protocolattack-v33-stable"
    1050 = "scannerdetection-v33-stable"
  }
  # A stream is one request that stays: it is limited by the market, by how many are open.
  streams = "request.path.matches('^/api/[a-z]+(/[^/]+)?/stream$')"
  limits = {
    2000 = { what = "logins", expression = "request.path.startsWith('/api/auth/')", rate = var.login_rate }
    2010 = { what = "checkouts", expression = "request.path.startsWith('/api/orders') || request.path.startsWith('/api/payments')", rate = var.checkout_rate }
    2020 = { what = "the rest", expression = "!${local.streams}", rate = var.rate }
  }
}

resource "google_compute_global_address" "this" {
  project = var.project
  name    = "market"
}

resource "google_dns_record_set" "address" {
  count        = var.dns_zone == null ? 0 : 1
  project      = var.project
  managed_zone = var.dns_zone
  name         = "${var.domain}."
  type         = "A"
  ttl          = 300
  rrdatas      = [google_compute_global_address.this.address]
}

resource "google_certificate_manager_dns_authorization" "this" {
  project = var.project
  name    = "market"
  domain  = var.domain
}

resource "google_dns_record_set" "authorization" {
  count        = var.dns_zone == null ? 0 : 1
  project      = var.project
  managed_zone = var.dns_zone
  name         = google_certificate_manager_dns_authorization.this.dns_resource_record[0].name
  type         = google_certificate_manager_dns_authorization.this.dns_resource_record[0].type
  ttl          = 300
  rrdatas      = [google_certificate_manager_dns_authorization.this.dns_resource_record[0].data]
}

resource "google_certificate_manager_certificate" "this" {
  project = var.project
  name    = "market"
  managed {
    domains            = [var.domain]
    dns_authorizations = [google_certificate_manager_dns_authorization.this.id]
  }
}

resource "google_certificate_manager_certificate_map" "this" {
  project = var.project
  name    = "market"
}

resource "google_certificate_manager_certificate_map_entry" "this" {
  project      = var.project
  name         = "market"
  map          = google_certificate_manager_certificate_map.this.name
  certificates = [google_certificate_manager_certificate.this.id]
  hostname     = var.domain
}

resource "google_compute_ssl_policy" "this" {
  project         = var.project
  name            = "market"
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_security_policy" "this" {
  project = var.project
  name    = "market"
  adaptive_protection_config {
    layer_7_ddos_defense_config { enable = true }
  }
  advanced_options_config {
    json_parsing = "STANDARD"
    log_level    = "NORMAL"
  }

  rule { # CVE-2021-44228 and its kin: nothing here runs on a JVM, and nobody need try
    action   = "deny(403)"
    priority = 900
    match {
      expr { expression = "evaluatePreconfiguredWaf('cve-canary')" }
    }
    description = "known holes"
  }

  dynamic "rule" {
    for_each = local.waf
    content {
      action   = "deny(403)"
      priority = rule.key
      match {
        # The pages of people's listings are words; Stripe's signature covers its webhook.
        expr { expression = "request.path != '/api/payments/webhook' && evaluatePreconfiguredWaf('${rule.value}', {'sensitivity': 1})" }
      }
      description = rule.value
    }
  }

  dynamic "rule" {
    for_each = local.limits
    content {
      action   = rule.key == "2020" ? "rate_based_ban" : "throttle"
      priority = rule.key
      match {
        expr { expression = rule.value.expression }
      }
      description = "how often: ${rule.value.what}"
      rate_limit_options {
        conform_action   = "allow"
        exceed_action    = "deny(429)"
        enforce_on_key   = "IP"
        ban_duration_sec = rule.key == "2020" ? 120 : null
        rate_limit_threshold {
          count        = rule.value.rate
          interval_sec = 60
        }
      }
    }
  }

  rule {
    action   = "allow"
    priority = 2147483647
    match {
      versioned_expr = "SRC_IPS_V1"
      config { src_ip_ranges = ["*"] }
    }
    description = "everybody else"
  }
}
