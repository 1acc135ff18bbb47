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
  description = "The id of the key that its disk is encrypted with."
  type        = string
}

variable "network" {
  description = "The id of the network, which Google's services are peered with."
  type        = string
}

variable "peered_range" {
  description = "The name of the range that Google's services are given."
  type        = string
}

variable "memory_gb" {
  description = "Its size. 200,000 checkouts at once take about 0.1 GB."
  type        = number
  default     = 1
  validation {
    condition     = var.memory_gb >= 1 && var.memory_gb <= 300 && floor(var.memory_gb) == var.memory_gb
    error_message = "memory_gb must be a whole number from 1 to 300."
  }
}

variable "highly_available" {
  description = "Whether a replica in another zone takes over."
  type        = bool
  default     = true
}
