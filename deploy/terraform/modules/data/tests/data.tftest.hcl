mock_provider "google" {
  mock_resource "google_firestore_database" {
    defaults = { uid = "0a1b" }
  }
}

variables {
  project  = "stubmart-prod"
  location = "europe-west3"
  services = ["orders", "tickets"]
  identities = {
    orders  = "serviceAccount:orders@stubmart-prod.iam.gserviceaccount.com"
    tickets = "serviceAccount:tickets@stubmart-prod.iam.gserviceaccount.com"
    check   = "serviceAccount:check@stubmart-prod.iam.gserviceaccount.com"
  }
}

run "a_database_for_each_service_that_can_be_had_back" {
  command = plan
  assert {
    condition     = toset([for database in google_firestore_database.this : database.name]) == toset(["stubmart-orders", "stubmart-tickets"])
    error_message = "Each service has a database of its own, with the name that the binary asks for."
  }
  assert {
    condition     = alltrue([for database in google_firestore_database.this : database.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED" && database.delete_protection_state == "DELETE_PROTECTION_ENABLED"])
    error_message = "Databases must have point-in-time recovery, and refuse to be deleted."
  }
  assert {
    condition     = length(google_firestore_backup_schedule.daily) == 2 && length(google_firestore_backup_schedule.weekly) == 2
    error_message = "Every database has daily and weekly backups."
  }
}

run "a_service_reaches_its_own_database_alone" {
  command = plan
  assert {
    condition     = google_project_iam_member.service["orders"].condition[0].expression == "resource.name == \"projects/stubmart-prod/databases/stubmart-orders\"" && google_project_iam_member.service["orders"].member == var.identities["orders"]
    error_message = "Orders must reach the database of orders alone."
  }
  assert {
    condition     = google_project_iam_member.audit[0].member == var.identities["check"] && length(google_project_iam_member.audit) == 1
    error_message = "The audit, and nobody else, reaches all of them."
  }
}

run "with_mongodb_elsewhere_nothing_is_made" {
  command = plan
  variables { engine = "mongodb" }
  assert {
    condition     = length(google_firestore_database.this) == 0 && length(google_project_iam_member.audit) == 0 && length(output.urls) == 0
    error_message = "Nothing of Firestore is needed."
  }
}

run "an_engine_there_is" {
  command = plan
  variables { engine = "postgres" }
  expect_failures = [var.engine]
}

run "backups_are_kept_for_98_days_at_most" {
  command = plan
  variables { daily_backups_days = 365 }
  expect_failures = [var.daily_backups_days]
}

run "a_location_there_is" {
  command = plan
  variables { location = "Europe" }
  expect_failures = [var.location]
}

run "a_market_has_services" {
  command = plan
  variables { services = [] }
  expect_failures = [var.services]
}

run "an_identity_is_a_member" {
  command = plan
  variables {
    identities = { orders = "orders@example.com", tickets = "serviceAccount:t@p.iam.gserviceaccount.com" }
  }
  expect_failures = [var.identities]
}
