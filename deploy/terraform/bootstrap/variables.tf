variable "project" {
  description = "The project of one environment. It exists, and has a billing account."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be the id of a Google Cloud project: 6 to 30 lowercase letters, digits and hyphens."
  }
}

variable "region" {
  description = "The region of the state and of the market, such as europe-west3."
  type        = string
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as europe-west3, not a zone."
  }
}

variable "github_repository" {
  description = "OWNER/NAME of the repository whose workflow may release; null for none."
  type        = string
  default     = null
  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository must be OWNER/NAME."
  }
}

variable "github_environment" {
  description = "The environment of GitHub that a run must have been let into, with its reviewers. Only its runs may release."
  type        = string
  default     = "production"
  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+$", var.github_environment))
    error_message = "github_environment must be the name of an environment, of letters, digits, - and _."
  }
}
