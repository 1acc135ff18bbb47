variable "project" {
  description = "The id of the project."
  type        = string
}

variable "location" {
  description = "Where the databases are: the region of the market, or a multi-region of Firestore such as eur3."
  type        = string
  validation {
    condition     = can(regex("^([a-z]+-[a-z]+[0-9]+|nam5|nam7|eur3)$", var.location))
    error_message = "location must be a region such as europe-west3, or nam5, nam7 or eur3."
  }
}

variable "services" {
  description = "The services that keep documents."
  type        = set(string)
  validation {
    condition     = length(var.services) > 0 && alltrue([for name in var.services : can(regex("^[a-z][a-z0-9-]*$", name))])
    error_message = "services must be names of lowercase letters, digits and hyphens, at least one."
  }
}

variable "identities" {
  description = "The member that each service is to IAM, such as serviceAccount:orders@…"
  type        = map(string)
  validation {
    condition     = alltrue([for member in values(var.identities) : can(regex("^(serviceAccount|principal):", member))])
    error_message = "identities must be members, such as serviceAccount:orders@PROJECT.iam.gserviceaccount.com."
  }
}

variable "engine" {
  description = "firestore, or mongodb for a cluster of MongoDB elsewhere (Atlas), whose URLs are in the services' secrets."
  type        = string
  default     = "firestore"
  validation {
    condition     = contains(["firestore", "mongodb"], var.engine)
    error_message = "engine must be firestore or mongodb."
  }
}

variable "key" {
  description = "The id of the key that the databases are encrypted with; null for Google's, which a multi-region takes without more."
  type        = string
  default     = null
}

variable "daily_backups_days" {
  description = "For how many days a daily backup is kept."
  type        = number
  default     = 14
  validation {
    condition     = var.daily_backups_days >= 1 && var.daily_backups_days <= 98
    error_message = "daily_backups_days must be from 1 to 98: Firestore keeps no backup for longer."
  }
}

variable "deletion_protection" {
  description = "Whether a database refuses to be deleted."
  type        = bool
  default     = true
}
