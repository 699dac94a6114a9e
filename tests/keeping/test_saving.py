from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Asset, AssetAlias, ObjectStoragePath
from drawn import BUTTONS, COLOURS, FORMER, PICTURE, chunk, corner, grid, png, saved, task
from fakes import AIRFLOW_2
from sites import told

from airflow_provider_mj.keeping.passing import Passing
from airflow_provider_mj.keeping.storing import Folder, StorageError
from airflow_provider_mj.operators.mj import MJSaveImagesOperator

if TYPE_CHECKING:
    from sites import Site

try:
    from airflow.sdk.execution_time.context import OutletEventAccessors
except ImportError:  # Airflow 2
    from airflow.utils.context import OutletEventAccessors

MIB = 1024 * 1024
GRID = saved(grid(), "PNG")


@pytest.fixture(autouse=True)
def connected(gateway: Site, connect: Any) -> None:
    connect(gateway.url(""), allow_private_image_hosts=True)


def operator(given: Any, folder: Any, **more: Any) -> MJSaveImagesOperator:
    destination = str(folder) if isinstance(folder, Path) else folder
    return MJSaveImagesOperator(task_id="save", task=given, destination=destination, **more)


def save(given: Any, folder: Any, context: dict[str, Any] | None = None, **more: Any) -> list[dict[str, Any]]:
    return operator(given, folder, **more).execute(context or {})


def names(folder: Path) -> list[str]:
    """Give the names in a folder, those of unfinished files without what makes them unique."""
    found = (path.name for path in folder.iterdir()) if folder.exists() else ()
    return sorted(
        re.sub(r"(?:=[0-9a-f]{12})?+(\.\w+)\.[0-9a-f]{16}\.part$", r"\1.part", name) for name in found
    )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"split": "both"}, "split must be"),
        ({"name": "{id}"}, "index"),
        ({"name": "../{id}_{index}"}, "letters"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"max_bytes": "64M"}, "max_bytes"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_a_wrong_argument_fails_when_the_operator_is_made(folder, wrong, says):
    with pytest.raises(ValueError, match=says):
        operator("17", folder, **wrong)


@pytest.mark.parametrize("spelled", ["{0}", "file://{0}", " file://{0}/ ", "{0}/"])
def test_a_destination_is_a_url_or_an_absolute_path(images, folder, spelled):
    (picture,) = save(told(images, "picture"), spelled.format(folder))
    assert ObjectStoragePath(picture["uri"]).read_bytes() == PICTURE
    assert (folder / "17_0.png").read_bytes() == PICTURE


def test_a_destination_is_an_object(images, folder):
    save(told(images, "picture"), ObjectStoragePath(f"file://{folder}"))
    assert names(folder) == ["17_0.png", "17_0.png.json"]


@pytest.mark.parametrize(
    "wrong",
    [
        "pictures",
        "",
        "./pictures",
        "nowhere://bucket/pictures",
        "file://data/pictures",
        "file://",
        "s3://",
        "s3:///a",
        "s3://c@/",
    ],
)
def test_a_destination_that_is_none_fails_before_anything_is_fetched(images, wrong):
    with pytest.raises(AirflowFailException):
        save(told(images, "picture"), wrong)
    assert images.asked == []


@pytest.mark.parametrize("as_object", [False, True])
def test_task_and_destination_are_templated(images, folder, as_object):
    template = f"file://{folder}/{{{{ ds }}}}"
    one = operator("{{ given }}", ObjectStoragePath(template) if as_object else template)
    one.render_template_fields({"ds": "2026-11-21", "given": "17"})
    assert one.task == "17"
    assert str(one.destination) == f"file://{folder}/2026-11-21"


def test_what_airflow_shows_of_a_task_has_no_link(images, folder):
    given = told(images, "picture?hm=secret")
    one = operator([given, "18"], folder)
    assert repr(one.task) == "[task 17, '18']"
    assert "secret" not in f"{one.task}{one}"


@pytest.mark.parametrize("empty", [[], ()])
def test_an_empty_list_gives_an_empty_list(gateway, folder, empty):
    assert save(empty, folder) == []
    assert gateway.asked == []


@pytest.mark.parametrize("given", [None, [None], "", "None", [""], {}, {"id": None}, [["17"]], 1.5, True])
def test_what_is_no_task_says_so(gateway, folder, given):
    with pytest.raises(AirflowFailException):
        save(given, folder)
    assert gateway.asked == []


@pytest.mark.parametrize(
    "given", ["17", 17, {"id": "17"}, {"id": "17", "status": "SUCCESS"}, {"id": "17", "status": ""}]
)
def test_what_has_no_links_is_asked_for(images, gateway, folder, given):
    gateway.fetched = told(images, "picture")
    assert len(save(given, folder)) == 1
    assert gateway.fetches == 1


def test_what_a_wait_has_let_pass_without_success_is_left_out(images, gateway, folder):
    tasks = [told(images, "picture"), task(None, id="18", status="FAILURE"), None]
    assert len(save(tasks, folder)) == 1
    assert gateway.asked == []


class Lazy:
    """The XComs of mapped tasks, as Airflow gives them."""

    def __init__(self, *values: Any) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Any:
        return iter(self._values)


def test_the_results_of_mapped_tasks_are_a_list(images, folder):
    save(Lazy(told(images, "picture"), told(images, "picture", id="18")), folder)
    assert names(folder) == ["17_0.png", "17_0.png.json", "18_0.png", "18_0.png.json"]
    assert save(Lazy(), folder) == []


def test_where_nothing_succeeded_the_operator_fails(gateway, folder):
    gateway.fetched = task(None, id="18", status="FAILURE", failReason="Banned prompt")
    with pytest.raises(AirflowFailException, match="18 ended as FAILURE: Banned prompt"):
        save([gateway.fetched], folder)


def test_several_files_of_one_task_need_names_that_differ(images, folder):
    links = [images.url("picture?1"), images.url("picture?2")]
    with pytest.raises(AirflowFailException, match="task 17 has 2 files.*index"):
        save(task(None, imageUrls=links), folder, split="never", name="{action}-{id}")
    assert (images.asked, names(folder)) == ([], [])
    assert len(save(task(None, imageUrls=links), folder, split="never")) == 2


def test_one_that_fails_does_not_keep_the_others_from_being_saved(images, gateway, folder):
    gateway.fetched = task(None, id="18", status="FAILURE")
    tasks = [told(images, "huge", id="16"), "18", told(images, "picture", id="19")]
    with pytest.raises(AirflowFailException, match=r"2 of 3 tasks were not saved.*over .* bytes.*18 ended"):
        save(tasks, folder)
    assert names(folder) == ["19_0.png", "19_0.png.json"]


def test_a_retry_follows_where_it_helps_one_of_several(images, gateway, folder):
    gateway.fetched = 204
    with pytest.raises(RuntimeError, match="answers 500"):
        save([told(images, "page", id="16"), told(images, "status/500", id="18")], folder)


def test_a_dead_link_that_the_gateway_repeats_is_not_fetched_anew(images, gateway, folder):
    gateway.fetched = told(images, "status/404")
    with pytest.raises(AirflowFailException, match="image_host") as caught:
        save(gateway.fetched, folder)
    assert type(caught.value.__cause__).__name__ == "PictureGoneError"
    # Twice, since its host may have said so for a moment only.
    assert (len(images.downloads), gateway.fetches) == (2, 1)


@pytest.mark.parametrize(
    ("host", "image_host"),
    [("cdn.discordapp.com", "{images}"), ("localhost", "gateway"), ("127.0.0.1:1", "gateway")],
)
def test_the_connection_says_where_pictures_are(images, gateway, connect, folder, host, image_host):
    connect(
        gateway.url(""), allow_private_image_hosts=True, image_host=image_host.format(images=images.url(""))
    )
    save(task(f"http://{host}/picture?ex=7fffffff"), folder)
    there = gateway if image_host == "gateway" else images
    assert there.downloads == ["/picture?ex=7fffffff"]


def test_a_picture_is_never_held_whole(images, folder):
    size = 32 * MIB
    body = png(4096, 4096)
    piece = chunk(b"IDAT", bytes(64 * 1024 - 12))

    def chunks() -> Any:
        yield body[:-12]
        for _ in range(size // len(piece)):
            yield piece
        yield body[-12:]

    target = Folder.at(str(folder))
    tracemalloc.start()
    try:
        written = target.write("a.png", Passing(chunks()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert written.size == size + len(body)
    assert peak < 2 * MIB


@pytest.mark.parametrize("trouble", [OSError, KeyboardInterrupt, ValueError])
def test_what_fails_while_it_is_written_leaves_what_was_there(folder, trouble):
    target = Folder.at(str(folder))
    target.write("a.png", [FORMER])

    def chunks() -> Any:
        yield PICTURE
        assert names(folder) == [".a.png.part", "a.png"]
        raise trouble("no")

    with pytest.raises(trouble):
        target.write("a.png", chunks())
    assert names(folder) == ["a.png"]
    assert (folder / "a.png").read_bytes() == FORMER


def test_of_two_at_once_the_later_stays_and_the_other_says_so(folder):
    """As when Airflow has given up a task whose process still lives."""
    first, later = Folder.at(str(folder)), Folder.at(str(folder))

    def chunks() -> Any:
        yield FORMER
        later.write("a.png", [PICTURE])
        assert (folder / "a.png").read_bytes() == PICTURE
        yield FORMER

    with pytest.raises(StorageError, match=r"a.png can't be written"):
        first.write("a.png", chunks())
    assert names(folder) == ["a.png"]
    assert (folder / "a.png").read_bytes() == PICTURE


def test_only_what_is_left_of_the_same_file_is_removed(folder):
    folder.mkdir(parents=True)
    others = [".b.png.0123abcd.part", ".a.png.part", "a.png.0123abcd.part", ".a.png.0123abc.part"]
    for name in (*others, ".a.png.0123abcd.part"):
        (folder / name).write_bytes(b"half")
    Folder.at(str(folder)).write("a.png", [PICTURE])
    assert sorted(path.name for path in folder.iterdir()) == sorted([*others, "a.png"])


KILLED = """
import json, sys
from airflow_provider_mj.operators.mj import MJSaveImagesOperator
given, folder = json.loads(sys.argv[1]), sys.argv[2]
MJSaveImagesOperator(task_id="save", task=given, destination=folder).execute({})
"""


@pytest.mark.parametrize(
    ("data", "more", "files", "left"),
    [
        (PICTURE, {}, ["17_0.png"], [".17_0.png.part"]),
        (GRID, {"buttons": BUTTONS}, [f"17_{number}.png" for number in range(1, 5)], []),
    ],
    ids=["whole", "grid"],
)
def test_killed_in_mid_download_and_run_again_leaves_exactly_the_right_files(
    images, folder, data, more, files, left
):
    # Long enough that half of it is more than what is read before the first byte is written.
    data = data[:-12] + chunk(b"npAD", bytes(2 * MIB)) + data[-12:]
    name = images.body(data).removeprefix("body/")
    given = told(images, f"held/{name}", **more)
    command = [sys.executable, "-c", KILLED, json.dumps(given), str(folder)]
    process = subprocess.Popen(command, env=os.environ | {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"})
    try:
        assert images.half_sent.wait(30)
        deadline = time.monotonic() + 10
        while left and names(folder) != left and time.monotonic() < deadline:
            time.sleep(0.01)
        assert names(folder) == left
    finally:
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    assert names(folder) == left

    images.release.set()
    save(given, folder)
    assert names(folder) == sorted([*files, *(f"{one}.json" for one in files)])
    assert [corner((folder / one).read_bytes()) for one in files] == [*COLOURS][: len(files)]


def test_an_asset_hears_of_all_pictures(images, folder):
    asset, events = Asset("mj_pictures"), OutletEventAccessors()
    given = told(images, images.body(GRID), buttons=BUTTONS)
    result = save(given, folder, {"outlet_events": events}, outlets=[asset])
    extra = events[asset].extra
    assert {key: extra[key] for key in ("uri", "id", "prompt", "sha256")} == {
        "uri": result[0]["uri"],
        "id": "17",
        "prompt": "a fox",
        "sha256": result[0]["sha256"],
    }
    assert [one["uri"] for one in extra["pictures"]] == [picture["uri"] for picture in result]
    assert json.loads(json.dumps(extra)) == extra


def test_an_alias_gets_an_asset_for_each_picture(images, folder):
    alias, events = AssetAlias("mj_each"), OutletEventAccessors()
    given = told(images, images.body(GRID), buttons=BUTTONS)
    result = save(given, folder, {"outlet_events": events}, outlets=[alias])
    assert [(uri, extra["uri"], extra["sha256"]) for uri, extra in heard(events[alias])] == [
        (picture["uri"], picture["uri"], picture["sha256"]) for picture in result
    ]


def heard(accessor: Any) -> list[tuple[str, dict[str, Any]]]:
    """Give address and extra of what was added to an alias."""
    if AIRFLOW_2:
        return [(event["dest_dataset_uri"], event["extra"]) for event in accessor.dataset_alias_events]
    return [(event.dest_asset_key.uri, event.extra) for event in accessor.asset_alias_events]


def test_what_failed_tells_no_asset(images, gateway, folder):
    asset, events = Asset("mj_pictures"), OutletEventAccessors()
    with pytest.raises(AirflowFailException):
        save(told(images, "page"), folder, {"outlet_events": events}, outlets=[asset])
    assert len(events) == 0


def test_openlineage_hears_of_the_files(images, folder):
    one = operator(told(images, "picture"), folder)
    one.execute({})
    facets = one.get_openlineage_facets_on_complete(None)
    assert [(output.namespace, output.name) for output in facets.outputs] == [("file", f"{folder}/17_0.png")]
    assert facets.inputs == []


def test_without_the_openlineage_provider_nothing_is_told(images, folder, monkeypatch):
    one = operator(told(images, "picture"), folder)
    one.execute({})
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage.extractors", None)
    assert one.get_openlineage_facets_on_complete(None) is None
