variable "project" {
  description = "The id of the project."
  type        = string
}

variable "domain" {
  description = "Where people reach the market, such as tickets.example.org."
  type        = string
}

variable "rules" {
  description = "The rules file of Prometheus that the alerts are taken from."
  type        = string
  validation {
    condition     = can(yamldecode(var.rules).groups)
    error_message = "rules must be the text of a rules file of Prometheus: groups of rules, as YAML."
  }
}

variable "runbook" {
  description = "Where docs/runbook.md is read: each alert leads to its section of it."
  type        = string
  validation {
    condition     = startswith(var.runbook, "https://")
    error_message = "runbook must begin with https://"
  }
}

variable "emails" {
  description = "Who is told: severity (page or ticket) to an address of email."
  type        = map(string)
  validation {
    condition     = toset(keys(var.emails)) == toset(["page", "ticket"]) && alltrue([for email in values(var.emails) : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "emails must have an address for page and one for ticket."
  }
}

variable "log_days" {
  description = "For how many days logs are kept."
  type        = number
  default     = 30
  validation {
    condition     = var.log_days >= 1 && var.log_days <= 3650
    error_message = "log_days must be from 1 to 3650."
  }
}


variable "budget" {
  description = "What a month may cost before somebody is told; null for no budget."
  type        = object({ billing_account = string, currency = string, units = number })
  default     = null
  validation {
    condition     = var.budget == null || try(var.budget.units > 0 && length(var.budget.currency) == 3, false)
    error_message = "budget must be {billing_account, currency = \"EUR\", units = 500}, with a positive number of units."
  }
}
