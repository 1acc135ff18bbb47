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
  description = "The id of the key that backups are encrypted with."
  type        = string
}

variable "cluster" {
  description = "The id of the cluster."
  type        = string
}

variable "namespace" {
  description = "The namespace of the market."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "namespace must be a name of Kubernetes: lowercase letters, digits and hyphens, 63 at most."
  }
}

variable "schedule" {
  description = "When to back up, as cron in UTC."
  type        = string
  default     = "17 * * * *"
  validation {
    condition     = length(split(" ", trimspace(var.schedule))) == 5
    error_message = "schedule must be a line of cron with five fields, such as 17 * * * *."
  }
}

variable "keep_days" {
  description = "For how many days a backup is kept."
  type        = number
  default     = 14
  validation {
    condition     = var.keep_days >= 1 && var.keep_days <= 365
    error_message = "keep_days must be from 1 to 365."
  }
}
