terraform {
  required_version = ">= 1.11" # write-only arguments
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
  }
  # The bucket comes from bootstrap: terraform init -backend-config=bucket=…
  backend "gcs" {
    prefix = "market"
  }
}

provider "google" {
  project               = var.project
  region                = var.region
  user_project_override = true
  billing_project       = var.project
  default_labels        = local.labels
}
