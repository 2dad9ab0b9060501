"""Every name that Airflow knows us by: DAGs, tasks, pools, tags."""

from __future__ import annotations

from enum import StrEnum

OWNER = "mapreel"


class DagId(StrEnum):
    """The DAGs; each lies in a file of its name."""

    SCAN = "scan_videos"
    ENCODE = "encode_video"
    SWEEP = "sweep_work"


class TaskId(StrEnum):
    """The tasks that others refer to."""

    PREPARE = "prepare_job"
    SPLIT = "split_video"
    LIST_CHUNKS = "list_chunks"
    ENCODE_CHUNK = "encode_chunk"
    ENCODE_AUDIO = "encode_audio"
    MERGE = "merge_video"
    ANNOUNCE = "announce_output"
    FIND_VIDEOS = "find_new_videos"
    START_RUNS = "start_run"
    DELETE_OLD = "delete_old_work"


class Pool(StrEnum):
    """Pools beside Airflow's own default pool."""

    ENCODING = "encoding"
    """Chunks being encoded: as many as there are slots, deferred ones included."""


class Tag(StrEnum):
    """Tags of the DAGs."""

    VIDEO = "video"
    ENCODE = "encode"
    SCAN = "scan"
    HOUSEKEEPING = "housekeeping"
