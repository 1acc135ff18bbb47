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

variable "name" {
  description = "The name of the cluster."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,38}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 40 lowercase letters, digits and hyphens, beginning with a letter."
  }
}

variable "network" {
  description = "The id of the network."
  type        = string
}

variable "subnetwork" {
  description = "The id of the subnetwork; its secondary ranges are named pods and services."
  type        = string
}

variable "key" {
  description = "The id of the key that Kubernetes' own Secrets are encrypted with."
  type        = string
}

variable "admins_group" {
  description = "gke-security-groups@DOMAIN: the group of Google Groups whose groups roles can be given to; null for none."
  type        = string
  default     = null
  validation {
    condition     = var.admins_group == null || can(regex("^gke-security-groups@[a-z0-9.-]+$", var.admins_group))
    error_message = "admins_group must be gke-security-groups@DOMAIN: GKE takes no other name."
  }
}

variable "exclusions" {
  description = "Spans of time in which the cluster's minor version stays: name to {start, end}, RFC 3339. For on-sales."
  type        = map(object({ start = string, end = string }))
  default     = {}
  validation {
    condition     = alltrue([for span in values(var.exclusions) : can(timecmp(span.start, span.end)) && try(timecmp(span.start, span.end) < 0, false)])
    error_message = "exclusions must begin before they end, as in {start = \"2027-06-01T00:00:00Z\", end = \"2027-06-08T00:00:00Z\"}."
  }
  validation {
    condition     = length(var.exclusions) <= 3
    error_message = "exclusions may be three at most."
  }
}

variable "deletion_protection" {
  description = "Whether terraform destroy refuses to delete the cluster."
  type        = bool
  default     = true
}
