resource "google_container_cluster" "mapreel" {
  name       = "mapreel"
  location   = var.zone
  network    = google_compute_network.mapreel.id
  subnetwork = google_compute_subnetwork.nodes.id

  # The pools below are managed by themselves.
  remove_default_node_pool = true
  initial_node_count       = 1
  deletion_protection      = true

  # It enforces deploy/kubernetes/base/network-policy.yaml.
  datapath_provider = "ADVANCED_DATAPATH"

  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = false
    master_ipv4_cidr_block  = "172.16.0.0/28"
  }

  master_authorized_networks_config {
    dynamic "cidr_blocks" {
      for_each = var.administrators
      content {
        display_name = cidr_blocks.key
        cidr_block   = cidr_blocks.value
      }
    }
  }

  release_channel {
    channel = "REGULAR"
  }
}

# Airflow itself: two machines that are not taken away.
resource "google_container_node_pool" "airflow" {
  name       = "airflow"
  cluster    = google_container_cluster.mapreel.id
  node_count = 2

  node_config {
    machine_type    = "e2-standard-4"
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]

    workload_metadata_config {
      mode = "GKE_METADATA"
    }

    shielded_instance_config {
      enable_secure_boot = true
    }
  }
}

# The encoders: spot nodes, none while nothing is to be done. A chunk that a taken node loses is encoded again.
resource "google_container_node_pool" "encoding" {
  name    = "encoding"
  cluster = google_container_cluster.mapreel.id

  autoscaling {
    min_node_count = 0
    max_node_count = var.encoding_nodes
  }

  node_config {
    spot            = true
    machine_type    = var.encoding_machine
    disk_type       = "pd-balanced"
    disk_size_gb    = var.encoding_disk_gb
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]

    # GKE sets the label cloud.google.com/gke-spot=true itself; the taint keeps everybody else away.
    taint {
      key    = "cloud.google.com/gke-spot"
      value  = "true"
      effect = "NO_SCHEDULE"
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }

    shielded_instance_config {
      enable_secure_boot = true
    }
  }
}
