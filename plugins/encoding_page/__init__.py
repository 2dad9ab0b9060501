"""The page "Videos" in Airflow's UI: what is done, what runs, what failed and why, and what was gained.

============  =================================================================================
app           the FastAPI app: routes, headers, and what a visitor reads where something fails
rights        Airflow's login and roles, for reading and for acting
airflow_api   Airflow's public API, asked with the visitor's own token
runs          the encoding runs that matter: under way, or failed
catalogue     the videos of both buckets, joined
keeping       a value that all visitors share, made anew by one of them at a time
standing      the state of a video: new, waiting, running, done, stale, failed
table         filter, search, sort and pages
progress      how far a run is: chunks, speed, time left
failure       why a run failed
detail        all that is known of one video
media         bytes of an object of the configured buckets, by ranges
words         sizes, times and ages as people read them
============  =================================================================================

Holds no fact of its own: the buckets and Airflow have them all.
"""
