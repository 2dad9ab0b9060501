"""The program ``mapreel`` for people: films in, films out, and how they are doing.

It asks the buckets and Airflow's API, and needs nothing else of the machines that encode.

==============  =========================================================================
cli             the command line, the worker's verbs included
desk            what every verb has at hand
settings        which buckets, which Airflow, and who asks
films           what lies in the input, and what became of it
transfer        a file into the input, an output onto this machine
airflow_client  Airflow's API
watching        starting an encoding, and following it to its end
tracking        how far a run is
screen          live progress
==============  =========================================================================
"""
