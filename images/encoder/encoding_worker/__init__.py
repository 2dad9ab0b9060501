"""What runs in a pod: probing, splitting, encoding, merging, proving. Knows nothing of Airflow."""
