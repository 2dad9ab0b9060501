"""What runs inside Airflow: finding videos, freezing jobs, running the worker's programs, mapping how they end.

===========  =================================================================================
settings     what the environment says
names        DAGs, tasks, pools and tags
bucket       the buckets: documents, facts, listings
profiles     the folder of profiles
jobs         from a video's address to its frozen job
chunks       from a plan to what Airflow maps
scanning     from two listings to the videos that are new
clearing     what "clear" deletes
exits        how a program's end ends a task
runtime      which operator runs a verb: local, or a pod
local        a verb as a child process
===========  =================================================================================
"""
