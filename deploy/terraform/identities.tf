# Who may do what. Nobody has a key: pods act as these accounts by Workload Identity.
resource "google_service_account" "airflow" {
  account_id   = "mapreel-airflow"
  display_name = "Mapreel: Airflow, which reads listings and writes job documents"
}

resource "google_service_account" "encoder" {
  account_id   = "mapreel-encoder"
  display_name = "Mapreel: the encoders' pods"
}

resource "google_service_account" "nodes" {
  account_id   = "mapreel-nodes"
  display_name = "Mapreel: the nodes, which pull images and write logs and metrics"
}

# Films are read and never changed, by both.
resource "google_storage_bucket_iam_member" "reads_input" {
  for_each = {
    airflow = google_service_account.airflow.member
    encoder = google_service_account.encoder.member
  }
  bucket = google_storage_bucket.input.name
  role   = "roles/storage.objectViewer"
  member = each.value
}

# The encoders publish; Airflow finds out, before anything runs, whether an output may be replaced.
resource "google_storage_bucket_iam_member" "writes_output" {
  for_each = {
    airflow = google_service_account.airflow.member
    encoder = google_service_account.encoder.member
  }
  bucket = google_storage_bucket.output.name
  role   = "roles/storage.objectUser"
  member = each.value
}

resource "google_storage_bucket_iam_member" "writes_work" {
  for_each = {
    airflow = google_service_account.airflow.member
    encoder = google_service_account.encoder.member
  }
  bucket = google_storage_bucket.work.name
  role   = "roles/storage.objectUser"
  member = each.value
}

# The names are those of deploy/helm-values.yaml and deploy/kubernetes.
resource "google_service_account_iam_member" "airflow_pods" {
  for_each           = toset(["airflow-scheduler", "airflow-triggerer", "airflow-worker"])
  service_account_id = google_service_account.airflow.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[airflow/${each.value}]"
  depends_on         = [google_container_cluster.mapreel]
}

resource "google_service_account_iam_member" "encoder_pods" {
  service_account_id = google_service_account.encoder.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[mapreel/mapreel-encoder]"
  depends_on         = [google_container_cluster.mapreel]
}

resource "google_project_iam_member" "nodes" {
  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.nodes.member
}

resource "google_artifact_registry_repository_iam_member" "nodes_pull" {
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.nodes.member
}
