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

variable "nodes_cidr" {
  description = "The range of nodes."
  type        = string
  default     = "10.0.0.0/20"
  validation {
    condition     = can(cidrnetmask(var.nodes_cidr)) && try(tonumber(split("/", var.nodes_cidr)[1]), 99) <= 24
    error_message = "nodes_cidr must be an IPv4 range of /24 or larger."
  }
}

variable "pods_cidr" {
  description = "The range of pods. Autopilot takes a /26 of it for each node."
  type        = string
  default     = "10.16.0.0/14"
  validation {
    condition     = can(cidrnetmask(var.pods_cidr)) && try(tonumber(split("/", var.pods_cidr)[1]), 99) <= 20
    error_message = "pods_cidr must be an IPv4 range of /20 or larger: each node takes a /26 of it."
  }
}

variable "services_cidr" {
  description = "The range of Services."
  type        = string
  default     = "10.32.0.0/20"
  validation {
    condition     = can(cidrnetmask(var.services_cidr))
    error_message = "services_cidr must be an IPv4 range such as 10.32.0.0/20."
  }
}

variable "peered_cidr" {
  description = "The range that Google's services with private addresses are given, such as Memorystore."
  type        = string
  default     = "10.48.0.0/20"
  validation {
    condition     = can(cidrnetmask(var.peered_cidr))
    error_message = "peered_cidr must be an IPv4 range such as 10.48.0.0/20."
  }
}
