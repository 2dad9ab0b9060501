variable "project" {
  description = "The project's id; it exists, and has a billing account"
  type        = string
}

variable "region" {
  description = "Where everything lies: buckets and nodes in one region, so that moving films costs nothing"
  type        = string
  default     = "us-central1"
}

variable "zone" {
  description = "The zone of the nodes; one is enough for work that is done again where a node is lost"
  type        = string
  default     = "us-central1-a"
}

variable "encoding_machine" {
  description = "Machine type of the spot nodes; a chunk of 1080p takes 4 threads"
  type        = string
  default     = "c2d-highcpu-16"
}

variable "encoding_nodes" {
  description = "The most spot nodes at a time; none while there is nothing to encode"
  type        = number
  default     = 10
}

variable "encoding_disk_gb" {
  description = "Boot disk of a spot node; its pods' scratch space lies on it, and grows with chunks, not with films"
  type        = number
  default     = 200
}

variable "database_tier" {
  description = "Machine of Airflow's PostgreSQL"
  type        = string
  default     = "db-custom-2-7680"
}

variable "administrators" {
  description = "Networks from which the cluster's API is reached: {office = \"203.0.113.0/24\"}"
  type        = map(string)
}
