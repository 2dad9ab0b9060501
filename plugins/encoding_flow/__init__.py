"""What runs inside Airflow: finding videos, freezing jobs, running the worker's programs, mapping how they end.

============  =================================================================================
settings      what the environment says
names         DAGs, tasks, pools and tags
bucket        the buckets: documents, facts, listings
profiles      the folder of profiles
jobs          from a video's address to its frozen job
claims        which run works on a job
chunks        from a plan to what Airflow maps
tasks         what the Python tasks of the DAGs do
scanning      from two listings to the videos that are new or stale
runs          the id of a job's run, and what stands under it
airflow_runs  what Airflow says of the encoding runs
starting      which runs a scan starts
sensor        the sensor of scan_videos
trigger       the scan itself, in the triggerer
events        bucket events that start a scan
clearing      what "clear" deletes
exits         how a program's end ends a task
runtime       which operator runs a verb: local, or a pod
local         a verb as a child process
child         a child process that never outlives its task
pod_*         a verb as a pod
parallelism   how many chunks are encoded at a time
pool          the command that sets Airflow's pool to it
priority      the priority of a run
provenance    asset events and OpenLineage's names
housekeeping  which work objects may go
============  =================================================================================
"""
