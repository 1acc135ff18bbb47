variable "project" {
  description = "The id of the project."
  type        = string
}

variable "domain" {
  description = "Where people reach the market, such as tickets.example.org."
  type        = string
  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain must be a name such as tickets.example.org, without https:// and without a path."
  }
}

variable "dns_zone" {
  description = "The managed zone of Cloud DNS that the domain is in; null where it is kept elsewhere, and the records are to be made by hand."
  type        = string
  default     = null
}

variable "login_rate" {
  description = "How many requests to /api/auth an address may make in a minute. The market counts by account besides."
  type        = number
  default     = 60
  validation {
    condition     = var.login_rate >= 10 && var.login_rate <= 10000
    error_message = "login_rate must be from 10 to 10000."
  }
}

variable "checkout_rate" {
  description = "How many requests to /api/orders and /api/payments an address may make in a minute."
  type        = number
  default     = 120
  validation {
    condition     = var.checkout_rate >= 10 && var.checkout_rate <= 10000
    error_message = "checkout_rate must be from 10 to 10000."
  }
}

variable "rate" {
  description = "How many requests of other kinds an address may make in a minute, before it is refused for two."
  type        = number
  default     = 2000
  validation {
    condition     = var.rate >= 100 && var.rate <= 10000
    error_message = "rate must be from 100 to 10000."
  }
}
