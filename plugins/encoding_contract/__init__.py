"""What Airflow's side and the pod's side must agree on, written once.

Pure: Pydantic models and functions over them. No I/O, no Airflow, no ffmpeg, no cloud client.

==============  =========================================================================
errors          the error tree and the exit codes of the pods' programs
profile         how a video shall be encoded
job             one video under one resolved profile; its id
plan            the source's tracks, and the chunks that partition their frames exactly
manifest        what vouches for a finished result
quality         how near the encoded frames are to the source's
report          what stands beside a published output
place           a bucket, and what the names in it begin with
endings         which names are taken for videos
objects         every object name, in the work bucket and in the output bucket
command         the command line of a pod
==============  =========================================================================
"""
