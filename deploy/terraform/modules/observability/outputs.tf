output "alerts" {
  description = "The alerts that somebody is told of."
  value = concat(
    keys(local.alerts),
    [google_monitoring_alert_policy.front.display_name, google_monitoring_alert_policy.certificate.display_name, google_monitoring_alert_policy.audit.display_name],
  )
}
