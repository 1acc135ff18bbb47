mock_provider "google" {}

variables {
  project = "stubmart-prod"
  domain  = "tickets.example.org"
  rules   = file("../../../observability/rules.yaml")
  runbook = "https://stubmart.example/runbook"
  emails  = { page = "on-call@example.org", ticket = "team@example.org" }
  budget  = { billing_account = "000000-000000-000000", currency = "EUR", units = 900 }
}

run "every_alert_is_told_and_leads_to_its_section" {
  command = plan
  assert {
    condition     = length(google_monitoring_alert_policy.rule) == length(local.alerts) && length(local.alerts) >= 12
    error_message = "Every alert of the rules has a policy."
  }
  assert {
    condition     = alltrue([for policy in google_monitoring_alert_policy.rule : startswith(policy.documentation[0].links[0].url, "https://stubmart.example/runbook#")])
    error_message = "Every alert leads to its section of the runbook."
  }
  assert {
    condition     = alltrue([for key, policy in google_monitoring_alert_policy.rule : (policy.severity == "CRITICAL") == (local.alerts[key].labels.severity == "page")])
    error_message = "What pages is critical."
  }
  assert {
    condition     = local.holds["StubmartErrorBudgetBurnsFast"] == 120 && local.holds["StubmartErrorBudgetLeaks"] == 3600 && local.holds["StubmartRestarts"] == 0
    error_message = "An alert holds for as long as its rule says."
  }
  assert {
    condition     = !anytrue([for policy in google_monitoring_alert_policy.rule : strcontains(policy.documentation[0].content, "{{")])
    error_message = "Google does not know Prometheus' templates."
  }
}

run "the_market_is_watched_from_outside" {
  command = plan
  assert {
    condition     = google_monitoring_uptime_check_config.front.http_check[0].validate_ssl
    error_message = "A certificate that nobody trusts is a market that nobody reaches."
  }
}

run "a_failed_audit_wakes_somebody" {
  command = plan
  assert {
    condition     = google_monitoring_alert_policy.audit.severity == "CRITICAL" && strcontains(google_monitoring_alert_policy.audit.conditions[0].condition_matched_log[0].filter, "^check-")
    error_message = "A market whose invariants do not hold is for a human at once."
  }
}

run "no_budget_where_none_is_named" {
  command = plan
  variables { budget = null }
  assert {
    condition     = length(google_billing_budget.this) == 0
    error_message = "Nobody asked for a budget."
  }
}

run "both_severities_have_somebody" {
  command = plan
  variables { emails = { page = "on-call@example.org" } }
  expect_failures = [var.emails]
}

run "rules_are_rules" {
  command = plan
  variables { rules = "alerts: none" }
  expect_failures = [var.rules]
}

run "a_runbook_is_read_in_a_browser" {
  command = plan
  variables { runbook = "docs/runbook.md" }
  expect_failures = [var.runbook]
}

run "logs_are_kept_for_a_day" {
  command = plan
  variables { log_days = 0 }
  expect_failures = [var.log_days]
}

run "a_budget_is_money" {
  command = plan
  variables { budget = { billing_account = "000000-000000-000000", currency = "EUR", units = 0 } }
  expect_failures = [var.budget]
}
