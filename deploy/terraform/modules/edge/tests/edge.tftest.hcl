mock_provider "google" {
  mock_resource "google_certificate_manager_dns_authorization" {
    defaults = { dns_resource_record = [{ name = "_acme.tickets.example.org.", type = "CNAME", data = "a.authorize.certificatemanager.goog." }] }
  }
}

variables {
  project  = "stubmart-prod"
  domain   = "tickets.example.org"
  dns_zone = "example-org"
}

run "the_policy_protects_and_streams_are_not_counted" {
  command = plan
  assert {
    condition     = google_compute_security_policy.this.adaptive_protection_config[0].layer_7_ddos_defense_config[0].enable
    error_message = "Adaptive protection must be on."
  }
  assert {
    condition     = length([for rule in google_compute_security_policy.this.rule : rule if strcontains(try(rule.match[0].expr[0].expression, ""), "cve-canary")]) == 1
    error_message = "Known holes are closed (CKV_GCP_73)."
  }
  assert {
    condition     = strcontains(local.limits["2020"].expression, "!request.path.matches('^/api/[a-z]+(/[^/]+)?/stream$')")
    error_message = "A stream must not be counted as requests are."
  }
  assert {
    condition     = local.limits["2000"].rate < local.limits["2010"].rate && local.limits["2010"].rate < local.limits["2020"].rate
    error_message = "Logins are limited more than checkouts, these more than the rest."
  }
}

run "names_are_made_where_we_keep_them" {
  command = apply
  assert {
    condition     = google_dns_record_set.address[0].name == "tickets.example.org." && google_dns_record_set.authorization[0].type == "CNAME"
    error_message = "The market's name and the authorization are in the zone."
  }
}

run "old_tls_is_refused" {
  command = plan
  assert {
    condition     = google_compute_ssl_policy.this.min_tls_version == "TLS_1_2" && google_compute_ssl_policy.this.profile == "MODERN"
    error_message = "TLS 1.2 is the least."
  }
}

run "no_names_where_others_keep_them" {
  command = plan
  variables { dns_zone = null }
  assert {
    condition     = length(google_dns_record_set.address) == 0 && length(google_dns_record_set.authorization) == 0
    error_message = "Nothing is made in a zone that is not ours."
  }
}

run "a_domain_is_no_url" {
  command = plan
  variables { domain = "https://tickets.example.org" }
  expect_failures = [var.domain]
}

run "logins_need_some_room" {
  command = plan
  variables { login_rate = 1 }
  expect_failures = [var.login_rate]
}

run "checkouts_need_some_room" {
  command = plan
  variables { checkout_rate = 1 }
  expect_failures = [var.checkout_rate]
}

run "the_rest_needs_some_room" {
  command = plan
  variables { rate = 1 }
  expect_failures = [var.rate]
}
