# Alerts, from the very rules that are tested with Prometheus (deploy/observability): Managed Prometheus computes what the
# recording rules record in the cluster, and each alert is a policy here. Further what only the outside can see.

locals {
  alerts  = { for rule in flatten(yamldecode(var.rules).groups[*].rules) : rule.alert => rule if can(rule.alert) }
  seconds = { s = 1, m = 60, h = 3600 }
  # How long each must hold before somebody is told.
  holds = { for name, rule in local.alerts : name => try(
    tonumber(regex("^[0-9]+", rule.for)) * local.seconds[regex("[smh]$", rule.for)], 0
  ) }
}

resource "google_monitoring_notification_channel" "email" {
  for_each     = var.emails
  project      = var.project
  display_name = "Stubmart: ${each.key}"
  type         = "email"
  labels       = { email_address = each.value }
}

resource "google_monitoring_alert_policy" "rule" {
  for_each     = local.alerts
  project      = var.project
  display_name = each.key
  combiner     = "OR"
  severity     = each.value.labels.severity == "page" ? "CRITICAL" : "WARNING"
  conditions {
    display_name = each.key
    condition_prometheus_query_language {
      query               = each.value.expr
      duration            = "${local.holds[each.key]}s"
      evaluation_interval = "60s"
      alert_rule          = each.key
    }
  }
  documentation {
    subject = each.key
    # Google names an alert's labels in another way than Prometheus.
    content   = replace(each.value.annotations.summary, "/\\{\\{ *[$]labels[.]([a-z_]+) *\\}\\}/", "$${metric.label.$1}")
    mime_type = "text/markdown"
    links {
      display_name = "Runbook"
      url          = "${var.runbook}#${lower(each.key)}"
    }
  }
  notification_channels = [google_monitoring_notification_channel.email[each.value.labels.severity].id]
  alert_strategy { auto_close = "86400s" }
}

# A market that cannot be reached counts no failures.
resource "google_monitoring_uptime_check_config" "front" {
  project          = var.project
  display_name     = "The market's front page"
  period           = "60s"
  timeout          = "10s"
  selected_regions = ["EUROPE", "USA_VIRGINIA", "ASIA_PACIFIC"]
  http_check {
    path         = "/api/events?limit=1"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }
  monitored_resource {
    type   = "uptime_url"
    labels = { host = var.domain, project_id = var.project }
  }
}

resource "google_monitoring_alert_policy" "front" {
  project      = var.project
  display_name = "Unreachable"
  combiner     = "OR"
  severity     = "CRITICAL"
  conditions {
    display_name = "two of three places cannot reach it"
    condition_threshold {
      filter          = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.labels.check_id = \"${google_monitoring_uptime_check_config.front.uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "60s"
      aggregations {
        alignment_period     = "120s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.host"]
      }
    }
  }
  documentation {
    content   = "The market cannot be reached from outside, whatever it says of itself."
    mime_type = "text/markdown"
    links {
      display_name = "Runbook"
      url          = "${var.runbook}#unreachable"
    }
  }
  notification_channels = [google_monitoring_notification_channel.email["page"].id]
}

resource "google_monitoring_alert_policy" "certificate" {
  project      = var.project
  display_name = "CertificateExpires"
  combiner     = "OR"
  severity     = "WARNING"
  conditions {
    display_name = "less than 14 days"
    condition_threshold {
      filter          = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/time_until_ssl_cert_expires\" AND metric.labels.check_id = \"${google_monitoring_uptime_check_config.front.uptime_check_id}\""
      comparison      = "COMPARISON_LT"
      threshold_value = 14
      duration        = "600s"
      aggregations {
        alignment_period     = "1200s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_MEAN"
        group_by_fields      = ["resource.label.host"]
      }
    }
  }
  documentation {
    content   = "Google renews it a month before its end: the DNS record of the authorization is gone, or the domain is somebody else's."
    mime_type = "text/markdown"
    links {
      display_name = "Runbook"
      url          = "${var.runbook}#certificateexpires"
    }
  }
  notification_channels = [google_monitoring_notification_channel.email["ticket"].id]
}

# The hourly audit (deploy/kubernetes/base/check.yaml) failed: an invariant does not hold, or nobody could look.
resource "google_monitoring_alert_policy" "audit" {
  project      = var.project
  display_name = "AuditFailed"
  combiner     = "OR"
  severity     = "CRITICAL"
  conditions {
    display_name = "the job failed"
    condition_matched_log {
      filter = join(" AND ", [
        "log_id(\"events\")",
        "jsonPayload.reason = \"BackoffLimitExceeded\"",
        "jsonPayload.involvedObject.kind = \"Job\"",
        "jsonPayload.involvedObject.namespace = \"stubmart\"",
        "jsonPayload.involvedObject.name =~ \"^check-\"",
      ])
    }
  }
  documentation {
    content   = "`stubmart check` found a violation, or could not look at the market."
    mime_type = "text/markdown"
    links {
      display_name = "Runbook"
      url          = "${var.runbook}#auditfailed"
    }
  }
  notification_channels = [google_monitoring_notification_channel.email["page"].id]
  alert_strategy {
    auto_close = "86400s"
    notification_rate_limit { period = "3600s" }
  }
}

resource "google_logging_project_bucket_config" "default" {
  project        = var.project
  location       = "global"
  bucket_id      = "_Default"
  retention_days = var.log_days
}

resource "google_billing_budget" "this" {
  count           = var.budget == null ? 0 : 1
  billing_account = var.budget.billing_account
  display_name    = "Stubmart: ${var.project}"
  budget_filter { projects = ["projects/${var.project}"] }
  amount {
    specified_amount {
      currency_code = var.budget.currency
      units         = tostring(var.budget.units)
    }
  }
  threshold_rules { threshold_percent = 0.5 }
  threshold_rules { threshold_percent = 0.9 }
  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }
  all_updates_rule {
    monitoring_notification_channels = [google_monitoring_notification_channel.email["ticket"].id]
  }
}
