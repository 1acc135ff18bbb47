# One market in one project: everything but what runs in the cluster, which is deploy/kubernetes.

locals {
  namespace = "stubmart"
  labels    = { app = "stubmart", environment = var.environment, managed-by = "terraform" }
  # Each has a database of its own; the sandbox is payments' provider where Stripe is not set.
  stores = toset(["auth", "tickets", "catalogue", "orders", "payments", "delivery", "notify", "sandbox"])
  # Every service account of the namespace that is somebody to Google Cloud. The sandbox is run by payments.
  workloads = setunion(setsubtract(local.stores, ["sandbox"]), ["expiration", "web", "check", "nats"])
}

module "keys" {
  source  = "../modules/keys"
  project = var.project
  region  = var.region
}

module "network" {
  source  = "../modules/network"
  project = var.project
  region  = var.region
}

module "registry" {
  source       = "../modules/registry"
  project      = var.project
  region       = var.region
  key          = module.keys.ids["images"]
  attestor_key = module.keys.attestor
  releaser     = "serviceAccount:releaser@${var.project}.iam.gserviceaccount.com" # bootstrap made it
}

module "cluster" {
  source              = "../modules/cluster"
  project             = var.project
  region              = var.region
  name                = "market"
  network             = module.network.network
  subnetwork          = module.network.subnetwork
  key                 = module.keys.ids["cluster"]
  admins_group        = var.admins_group
  exclusions          = var.exclusions
  deletion_protection = var.protected
}

module "identity" {
  source           = "../modules/identity"
  project          = var.project
  region           = var.region
  key              = module.keys.ids["secrets"]
  workload_pool    = module.cluster.workload_pool
  namespace        = local.namespace
  workloads        = local.workloads
  settings         = var.settings
  settings_version = var.settings_version
}

module "data" {
  source              = "../modules/data"
  project             = var.project
  location            = var.region
  services            = local.stores
  identities          = merge(module.identity.members, { sandbox = module.identity.members["payments"] })
  engine              = var.engine
  key                 = module.keys.ids["databases"]
  deletion_protection = var.protected
}

module "cache" {
  source           = "../modules/cache"
  project          = var.project
  region           = var.region
  key              = module.keys.ids["cache"]
  network          = module.network.network
  peered_range     = module.network.peered_range
  memory_gb        = var.cache_memory_gb
  highly_available = var.highly_available
}

module "bus" {
  source    = "../modules/bus"
  project   = var.project
  region    = var.region
  key       = module.keys.ids["backups"]
  cluster   = module.cluster.id
  namespace = local.namespace
}

module "edge" {
  source   = "../modules/edge"
  project  = var.project
  domain   = var.domain
  dns_zone = var.dns_zone
}

module "observability" {
  source  = "../modules/observability"
  project = var.project
  domain  = var.domain
  rules   = file("${path.module}/../../observability/rules.yaml")
  runbook = var.runbook
  emails  = var.emails
  budget  = var.budget
}
