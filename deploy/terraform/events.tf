# A new film is told at once; the scheduled scan still finds whatever an event did not tell of.
data "google_storage_project_service_account" "storage" {
  depends_on = [google_project_service.needed]
}

resource "google_pubsub_topic" "arrivals" {
  name       = "mapreel-arrivals"
  depends_on = [google_project_service.needed]
}

resource "google_pubsub_topic_iam_member" "storage_publishes" {
  topic  = google_pubsub_topic.arrivals.id
  role   = "roles/pubsub.publisher"
  member = "serviceAccount:${data.google_storage_project_service_account.storage.email_address}"
}

resource "google_storage_notification" "arrivals" {
  bucket         = google_storage_bucket.input.name
  topic          = google_pubsub_topic.arrivals.id
  payload_format = "JSON_API_V1"
  event_types    = ["OBJECT_FINALIZE"]
  depends_on     = [google_pubsub_topic_iam_member.storage_publishes]
}

resource "google_pubsub_subscription" "arrivals" {
  name                 = "mapreel-arrivals"
  topic                = google_pubsub_topic.arrivals.id
  ack_deadline_seconds = 60

  # An Airflow that is away for a month still finds its subscription.
  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_subscription_iam_member" "airflow_subscribes" {
  subscription = google_pubsub_subscription.arrivals.name
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.airflow.member
}
