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
  description = "The id of the key that images are encrypted with."
  type        = string
}

variable "attestor_key" {
  description = "The id of the key that images are signed with."
  type        = string
}

variable "releaser" {
  description = "The member that starts builds."
  type        = string
  validation {
    condition     = can(regex("^(user|group|serviceAccount):", var.releaser))
    error_message = "releaser must be a member, such as serviceAccount:releaser@PROJECT.iam.gserviceaccount.com."
  }
}
