"""How Airflow finds the page."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import tests.airflow_home  # noqa: F401 - before Airflow
from tests.airflow_home import REPOSITORY


def load_plugin() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mapreel_page", REPOSITORY / "plugins" / "mapreel_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_in_the_navigation_and_at_each_run() -> None:
    plugin = load_plugin().MapreelPage
    routes = {view["destination"]: (view["url_route"], view["href"]) for view in plugin.external_views}
    assert routes["nav"] == ("videos", "/mapreel/videos")
    assert routes["dag_run"] == ("video", "/mapreel/run?dag_id={DAG_ID}&run_id={RUN_ID}")


def test_no_task_pays_for_the_page() -> None:
    (app,) = load_plugin().MapreelPage.fastapi_apps
    assert app["url_prefix"] == "/mapreel"
    assert "_app" not in vars(app["app"]), "made before anybody asked for it"
