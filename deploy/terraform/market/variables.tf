variable "project" {
  description = "The project of this environment, as bootstrap left it."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be the id of a Google Cloud project: 6 to 30 lowercase letters, digits and hyphens."
  }
}

variable "region" {
  description = "The region of the market, such as europe-west3."
  type        = string
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as europe-west3, not a zone."
  }
}

variable "environment" {
  description = "dev, staging or prod: the overlay of deploy/kubernetes that is applied to it."
  type        = string
  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "domain" {
  description = "Where people reach the market, such as tickets.example.org."
  type        = string
}

variable "dns_zone" {
  description = "The managed zone of Cloud DNS that the domain is in; null where it is kept elsewhere."
  type        = string
  default     = null
}

variable "engine" {
  description = "firestore, or mongodb for a cluster of MongoDB elsewhere (Atlas), whose URLs are in the services' secrets."
  type        = string
  default     = "firestore"
}

variable "protected" {
  description = "Whether what holds data refuses to be deleted. Only a market that may be lost has false."
  type        = bool
  default     = true
  validation {
    condition     = var.protected || var.environment != "prod"
    error_message = "protected must be true in prod."
  }
}

variable "cache_memory_gb" {
  description = "The size of Memorystore."
  type        = number
  default     = 1
}

variable "highly_available" {
  description = "Whether Memorystore has a replica in another zone."
  type        = bool
  default     = true
}

variable "exclusions" {
  description = "Spans of time in which the cluster's minor version stays: name to {start, end}."
  type        = map(object({ start = string, end = string }))
  default     = {}
}

variable "admins_group" {
  description = "gke-security-groups@DOMAIN; null for none."
  type        = string
  default     = null
}

variable "runbook" {
  description = "Where docs/runbook.md is read."
  type        = string
}

variable "emails" {
  description = "Who is told: page and ticket to an address of email."
  type        = map(string)
}

variable "budget" {
  description = "What a month may cost before somebody is told; null for no budget."
  type        = object({ billing_account = string, currency = string, units = number })
  default     = null
}

variable "settings" {
  description = "The settings of each workload that are secret, as TOML. Never in the state: docs/deploy-gke.md."
  type        = map(string)
  default     = {}
  ephemeral   = true
}

variable "settings_version" {
  description = "Raise it to write settings; 0 leaves what is there."
  type        = number
  default     = 0
}
