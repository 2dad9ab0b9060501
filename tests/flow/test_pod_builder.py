from __future__ import annotations

import json
import re
from typing import Any

import pytest
from kubernetes.client import ApiClient
from kubernetes.client import models as k8s
from tests.flow.pod_samples import make_job, make_pod

from encoding_contract.command import Verb
from encoding_contract.plan import Chunk, CutMethod, VideoTrack
from encoding_contract.profile import AudioCodec, AudioSettings, VideoCodec
from encoding_flow.pod_builder import Growth, memory_limit_mib
from encoding_flow.pod_settings import PodSettings
from encoding_flow.pod_size import PodSize, _size_chunk, size_pod


def container(pod: k8s.V1Pod) -> k8s.V1Container:
    return next(c for c in pod.spec.containers if c.name == "encoder")


def env(pod: k8s.V1Pod) -> dict[str, str]:
    return {variable.name: variable.value for variable in container(pod).env}


def track(width: int, height: int, pixel_format: str = "yuv420p") -> VideoTrack:
    return VideoTrack(
        stream=0,
        time_base="1/25",
        width=width,
        height=height,
        pixel_format=pixel_format,
        frame_rate="25/1",
        frames=100,
        first_pts=0,
        end_pts=100,
        cut=CutMethod.PTS,
    )


@pytest.mark.parametrize(
    ("audio", "scratch_grows"),
    [
        (AudioSettings(codec=AudioCodec.AAC), False),
        (AudioSettings(codec=AudioCodec.OPUS), False),
        (AudioSettings(codec=AudioCodec.FLAC, bitrate_kbps=None), True),
        (AudioSettings(codec=AudioCodec.COPY, bitrate_kbps=None), True),
    ],
)
def test_only_a_sound_that_waits_for_its_end_asks_for_scratch_as_the_film_grows(
    audio: AudioSettings, scratch_grows: bool
) -> None:
    def scratch_mib(source_bytes: int) -> int:
        job = make_job(VideoCodec.X264)
        content = job.source.content.model_copy(update={"size_bytes": source_bytes})
        source = job.source.model_copy(update={"content": content})
        profile = job.profile.model_copy(update={"audio": audio})
        return size_pod(Verb.ENCODE_AUDIO, job.model_copy(update={"source": source, "profile": profile})).scratch_mib

    assert (scratch_mib(200 << 30) > scratch_mib(1 << 20)) is scratch_grows


def chunk_size(
    codec: VideoCodec,
    width: int,
    height: int,
    piece_bytes: int = 0,
    pixel_format: str = "yuv420p",
    source_bytes: int = 0,
) -> PodSize:
    job = make_job(codec)
    if source_bytes:
        content = job.source.content.model_copy(update={"size_bytes": source_bytes})
        job = job.model_copy(update={"source": job.source.model_copy(update={"content": content})})
    chunk = Chunk.model_construct(index=0, track=0, first_frame=0, frames=100, piece_bytes=piece_bytes)
    return _size_chunk(job, track(width, height, pixel_format), chunk)


def test_the_pod_meets_the_restricted_security_standard_field_by_field() -> None:
    """Each control of https://kubernetes.io/docs/concepts/security/pod-security-standards/, as it is sent."""
    sent = ApiClient().sanitize_for_serialization(make_pod())
    spec, metadata = sent["spec"], sent["metadata"]
    for forbidden in ("hostNetwork", "hostPID", "hostIPC", "hostUsers", "initContainers", "ephemeralContainers"):
        assert not spec.get(forbidden), forbidden
    assert not [key for key in metadata["annotations"] if "apparmor" in key or "seccomp" in key]
    allowed_volumes = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected"}
    for volume in spec["volumes"]:
        assert set(volume) - {"name"} <= allowed_volumes, volume
    whole = spec["securityContext"]
    assert whole["runAsNonRoot"] is True
    assert whole["runAsUser"] > 0
    assert whole["seccompProfile"]["type"] in ("RuntimeDefault", "Localhost")
    assert not {"sysctls", "seLinuxOptions", "windowsOptions", "appArmorProfile"} & set(whole)
    for each in spec["containers"]:
        security = each["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert not {"privileged", "procMount", "seLinuxOptions", "windowsOptions"} & set(security)
        assert security.get("runAsNonRoot", True) is True
        assert security.get("runAsUser", 1) > 0
        assert not [port for port in each.get("ports", []) if port.get("hostPort")]
        assert not {"livenessProbe", "readinessProbe", "startupProbe", "lifecycle"} & set(each)  # their hosts


def test_the_pod_holds_no_token_and_writes_to_its_scratch_only() -> None:
    pod = make_pod()
    assert pod.spec.automount_service_account_token is False
    assert container(pod).security_context.read_only_root_filesystem is True
    assert [volume.name for volume in pod.spec.volumes] == ["scratch"]
    assert pod.spec.volumes[0].empty_dir.size_limit is not None
    assert env(pod)["TMPDIR"] == container(pod).volume_mounts[0].mount_path


def test_no_secret_of_airflow_reaches_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "hunter2-very-secret"
    for name in (
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW_CONN_KUBERNETES_DEFAULT",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "MAPREEL_LIMITLESS",
    ):
        monkeypatch.setenv(name, secret)
    assert secret not in json.dumps(ApiClient().sanitize_for_serialization(make_pod()))


def test_the_limits_of_sources_reach_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPREEL_LIMIT_STREAMS", "40")
    assert env(make_pod())["MAPREEL_LIMIT_STREAMS"] == "40"


def test_the_pod_runs_once_ends_by_itself_and_says_why() -> None:
    pod = make_pod(settings=PodSettings(deadline_s=600, grace_s=40))
    assert pod.spec.restart_policy == "Never"
    assert pod.spec.active_deadline_seconds == 600
    assert pod.spec.termination_grace_period_seconds == 40
    assert pod.spec.priority_class_name == "mapreel-encoding"
    assert container(pod).termination_message_policy == "FallbackToLogsOnError"
    assert container(pod).args[:2] == ["encode", "--job"]
    assert container(pod).args[-2:] == ["--chunk", "7"]


def test_labels_find_a_video_a_run_and_a_chunk_whatever_they_are_called() -> None:
    job = make_job()
    labels = make_pod(run_id="manual__2026-01-01T00:00:00+00:00").metadata.labels
    assert labels["mapreel/job"] == job.id
    assert labels["mapreel/chunk"] == "7"
    assert labels["mapreel/verb"] == "encode"
    for value in labels.values():
        assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", value), value
    assert labels["mapreel/run"] != make_pod(run_id="manual__2026-01-02T00:00:00+00:00").metadata.labels["mapreel/run"]


def test_one_piece_of_work_has_one_name_for_every_try_and_run() -> None:
    name = make_pod().metadata.name
    assert name == make_pod(try_number=3, run_id="another").metadata.name
    assert name != make_pod(chunk=8).metadata.name
    assert len(name) <= 63


def test_the_environment_carries_the_emulator_and_nothing_private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:4443")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/secret/key.json")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "private")
    variables = env(make_pod())
    assert variables["STORAGE_EMULATOR_HOST"] == "http://127.0.0.1:4443"
    assert set(variables) == {"STORAGE_EMULATOR_HOST", "TMPDIR", "HOME", "MAPREEL_THREADS"}


@pytest.mark.parametrize(("limit", "threads"), [(None, "4"), ("2", "2"), ("1500m", "1"), ("250m", "1")])
def test_threads_follow_the_cpu_limit(limit: str | None, threads: str) -> None:
    template = None if limit is None else {"resources": {"limits": {"cpu": limit}}}
    pod = make_pod({"spec": {"containers": [{"name": "encoder", **template}]}} if template else None)
    assert env(pod)["MAPREEL_THREADS"] == threads
    assert container(pod).resources.requests["cpu"] == (limit or "3000m")


def test_the_template_lies_over_the_pod() -> None:
    template: dict[str, Any] = {
        "metadata": {"labels": {"team": "films", "mapreel/job": "forged"}, "name": "forged"},
        "spec": {
            "hostNetwork": True,
            "serviceAccountName": "mapreel-encoder",
            "nodeSelector": {"cloud.google.com/gke-spot": "true"},
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
            "restartPolicy": "Always",
            "containers": [
                {
                    "name": "encoder",
                    "resources": {"limits": {"nvidia.com/gpu": "1"}},
                    "env": [{"name": "A", "value": "b"}],
                },
                {"name": "sidecar", "image": "example/sidecar"},
            ],
        },
    }
    pod = make_pod(template)
    assert pod.spec.host_network is True
    assert pod.spec.service_account_name == "mapreel-encoder"
    assert pod.spec.node_selector == {"cloud.google.com/gke-spot": "true"}
    assert [toleration.key for toleration in pod.spec.tolerations][-1] == "gpu"
    assert len(pod.spec.tolerations) == 3
    assert [c.name for c in pod.spec.containers] == ["encoder", "sidecar"]
    assert container(pod).resources.limits["nvidia.com/gpu"] == "1"
    assert container(pod).resources.limits["memory"] == "1000Mi"
    assert env(pod)["A"] == "b"
    assert pod.metadata.labels["team"] == "films"
    assert pod.metadata.labels["mapreel/job"] == make_job().id
    assert pod.metadata.name == make_pod().metadata.name
    assert pod.spec.restart_policy == "Never"


def test_a_request_never_passes_a_limit_that_the_template_lowers() -> None:
    template = {"spec": {"containers": [{"name": "encoder", "resources": {"limits": {"memory": "64Mi"}}}]}}
    resources = container(make_pod(template)).resources
    assert resources.requests["memory"] == resources.limits["memory"] == "64Mi"


def test_memory_and_scratch_double_up_to_their_caps() -> None:
    assert memory_limit_mib(make_pod(growth=Growth(memory=2))) == 4000
    capped = make_pod(growth=Growth(memory=9, scratch=3), settings=PodSettings(memory_cap_mib=6000))
    assert memory_limit_mib(capped) == 6000
    assert container(capped).resources.limits["ephemeral-storage"] == f"{2064 * 8}Mi"
    assert capped.spec.volumes[0].empty_dir.size_limit == f"{2064 * 8}Mi"


def test_the_pod_survives_the_way_to_the_api_server() -> None:
    pod = make_pod({"spec": {"containers": [{"name": "encoder", "imagePullPolicy": "IfNotPresent"}]}})
    sent = ApiClient().sanitize_for_serialization(pod)
    assert sent["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert sent["spec"]["terminationGracePeriodSeconds"] == 30


def test_a_chunk_asks_by_its_pixels_and_its_codec() -> None:
    small, large = chunk_size(VideoCodec.X264, 640, 360), chunk_size(VideoCodec.X264, 3840, 2160)
    assert (small.threads, large.threads) == (1, 16)
    assert chunk_size(VideoCodec.X264, 1920, 1080).threads == 4
    assert small.memory_mib < 600 < 2500 < large.memory_mib
    assert chunk_size(VideoCodec.SVT_AV1, 3840, 2160).memory_mib > 2 * large.memory_mib
    assert chunk_size(VideoCodec.X264, 3840, 2160, pixel_format="yuv420p10le").memory_mib > large.memory_mib
    assert chunk_size(VideoCodec.X264, 640, 360, piece_bytes=1 << 30).scratch_mib > 2048
    assert chunk_size(VideoCodec.X264, 640, 360, source_bytes=1 << 30).scratch_mib > 2048
    gpu = chunk_size(VideoCodec.HEVC_NVENC, 1920, 1080)
    assert (gpu.gpus, gpu.threads) == (1, 2)


def test_split_and_merge_do_not_grow_with_the_film() -> None:
    job = make_job()
    content = job.source.content.model_copy(update={"size_bytes": 200 << 30})
    huge = job.model_copy(update={"source": job.source.model_copy(update={"content": content})})
    for verb in (Verb.SPLIT, Verb.MERGE):
        assert size_pod(verb, huge).memory_mib == size_pod(verb, job).memory_mib
        assert size_pod(verb, huge).scratch_mib < 10 * 1024
