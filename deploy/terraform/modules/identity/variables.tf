variable "project" {
  description = "The id of the project."
  type        = string
}

variable "region" {
  description = "The region of the market, such as europe-west3."
  type        = string
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as europe-west3, not a zone."
  }
}

variable "key" {
  description = "The id of the key that secrets are encrypted with."
  type        = string
}

variable "workload_pool" {
  description = "The pool of the cluster's service accounts: PROJECT.svc.id.goog."
  type        = string
  validation {
    condition     = endswith(var.workload_pool, ".svc.id.goog")
    error_message = "workload_pool must be PROJECT.svc.id.goog."
  }
}

variable "namespace" {
  description = "The namespace of the market."
  type        = string
}

variable "workloads" {
  description = "Every service account of the namespace that is somebody to Google Cloud."
  type        = set(string)
  validation {
    condition     = alltrue([for name in var.workloads : can(regex("^[a-z][a-z0-9-]{0,20}$", name))])
    error_message = "workloads must be names of at most 21 lowercase letters, digits and hyphens."
  }
}

variable "settings" {
  description = "The settings of each workload that are secret, as TOML: passwords, Stripe's keys. Written, and never kept in the state."
  type        = map(string)
  default     = {}
  ephemeral   = true
}

variable "settings_version" {
  description = "Raise it to write settings; 0 writes none, and leaves what is there."
  type        = number
  default     = 0
  validation {
    condition     = var.settings_version >= 0 && floor(var.settings_version) == var.settings_version
    error_message = "settings_version must be a whole number, 0 or more."
  }
}
