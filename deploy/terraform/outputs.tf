output "registry" {
  description = "Where images are pushed to"
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.name}"
}

output "buckets" {
  description = "MAPREEL_INPUT, MAPREEL_OUTPUT and MAPREEL_WORK"
  value = {
    input  = google_storage_bucket.input.url
    output = google_storage_bucket.output.url
    work   = google_storage_bucket.work.url
  }
}

output "events" {
  description = "MAPREEL_EVENTS"
  value       = google_pubsub_subscription.arrivals.id
}

output "database_url" {
  description = "The key connection of the secret airflow-metadata"
  value       = "postgresql://airflow:${random_password.database.result}@${google_sql_database_instance.airflow.private_ip_address}/${google_sql_database.airflow.name}?sslmode=require"
  sensitive   = true
}
