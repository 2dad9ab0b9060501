resource "google_compute_network" "mapreel" {
  name                    = "mapreel"
  auto_create_subnetworks = false
  depends_on              = [google_project_service.needed]
}

resource "google_compute_subnetwork" "nodes" {
  name          = "mapreel-nodes"
  network       = google_compute_network.mapreel.id
  region        = var.region
  ip_cidr_range = "10.10.0.0/20"
  # Nodes have no public address: the buckets are reached from inside.
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = "10.20.0.0/16"
  }

  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = "10.30.0.0/20"
  }
}

# The range of Cloud SQL's private address.
resource "google_compute_global_address" "database" {
  name          = "mapreel-database"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
  network       = google_compute_network.mapreel.id
}

resource "google_service_networking_connection" "database" {
  network                 = google_compute_network.mapreel.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.database.name]
}
