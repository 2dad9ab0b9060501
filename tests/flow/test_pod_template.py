from __future__ import annotations

from pathlib import Path

import pytest

from encoding_contract.errors import BadInput
from encoding_flow.pod_template import read_template

OVERLAYS = Path("deploy/kubernetes/overlays")


@pytest.mark.parametrize("overlay", ["gke", "local"])
def test_the_templates_of_the_overlays_are_read(overlay: str) -> None:
    assert read_template(OVERLAYS / overlay / "pod-template.yaml")["kind"] == "Pod"


@pytest.mark.parametrize("text", ["", "kind: Deployment\nspec: {}", "kind: Pod", "[1, 2]", "kind: Pod\nspec: ["])
def test_what_is_no_pod_is_refused_with_the_files_name(tmp_path: Path, text: str) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(text)
    with pytest.raises(BadInput, match=r"MAPREEL_POD_TEMPLATE=.*template\.yaml"):
        read_template(template)


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.yaml"):
        read_template(tmp_path / "none.yaml")
