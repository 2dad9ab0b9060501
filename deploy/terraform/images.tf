resource "google_artifact_registry_repository" "images" {
  repository_id = "mapreel"
  location      = var.region
  format        = "DOCKER"

  # A tag that a job names must stay what it was.
  docker_config {
    immutable_tags = true
  }

  depends_on = [google_project_service.needed]
}
