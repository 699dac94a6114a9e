"""Pictures that go to a gateway come from where those that are saved come from."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from drawn import PICTURE
from sites import KEY
from test_saving import save

from airflow_provider_mj.gateway.download import DownloadError, RefusedUrlError
from airflow_provider_mj.operators.mj import (
    MJBlendOperator,
    MJDescribeOperator,
    MJEditsOperator,
    MJImagineOperator,
    MJModalOperator,
    MJSwapFaceOperator,
    MJUploadImagesOperator,
    MJVideoOperator,
)

if TYPE_CHECKING:
    from sites import Site

URI = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
HERE = [
    "http://localhost:3000/{}",
    "http://127.0.0.1:1/{}",
    "http://[::1]/{}",
    "http://0.0.0.0:3000/{}",
    "http://LOCALHOST./{}",
]
DISCORD = ["https://cdn.discordapp.com/{}", "https://media.discordapp.net/{}"]
FORMER_URI = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
# Whatever takes a picture.
INPUTS = {
    "imagine": lambda link: MJImagineOperator(task_id="t", prompt="a fox", images=[link]),
    "blend": lambda link: MJBlendOperator(task_id="t", images=[link, link]),
    "describe": lambda link: MJDescribeOperator(task_id="t", image=link),
    "edits": lambda link: MJEditsOperator(task_id="t", prompt="a fox", image=link),
    "edits with a mask": lambda link: MJEditsOperator(
        task_id="t", prompt="a fox", image=FORMER_URI, mask=link
    ),
    "modal": lambda link: MJModalOperator(task_id="t", mj_task_id="17", mask=link),
    "swap from": lambda link: MJSwapFaceOperator(task_id="t", source=link, target=FORMER_URI),
    "swap to": lambda link: MJSwapFaceOperator(task_id="t", source=FORMER_URI, target=link),
    "upload": lambda link: MJUploadImagesOperator(task_id="t", images=[link]),
    "video": lambda link: MJVideoOperator(task_id="t", image=link),
    "video to": lambda link: MJVideoOperator(task_id="t", image=FORMER_URI, end_image=link),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_a_link_to_localhost_means_the_gateway(gateway, connect, kind):
    connect(gateway.url(""), image_host="gateway")
    gateway.fetched = {"id": "17", "status": "MODAL"}
    for link in HERE:
        job = INPUTS[kind](link.format("picture?rand=1")).build_job()
        assert URI in json.dumps(dict(job.body))
    assert set(gateway.downloads) == {"/picture?rand=1"}


@pytest.mark.parametrize("kind", INPUTS)
def test_a_link_of_discord_is_fetched_from_the_mirror(gateway, images, connect, kind):
    connect(gateway.url(""), allow_private_image_hosts=True, image_host=images.url(""))
    gateway.fetched = {"id": "17", "status": "MODAL"}
    for link in DISCORD:
        job = INPUTS[kind](link.format("picture?ex=1&hm=2&")).build_job()
        assert URI in json.dumps(dict(job.body))
    assert set(images.downloads) == {"/picture?ex=1&hm=2&"}


@pytest.mark.parametrize("image_host", [None, "gateway", "https://mirror.example"])
def test_other_links_stay_as_they_are(gateway, images, connect, image_host):
    connect(images.url(""), image_host=image_host)
    body = INPUTS["imagine"](images.url("picture")).build_job().body
    assert body["base64Array"] == [URI]
    assert images.downloads == ["/picture"]


@pytest.mark.parametrize("link", HERE)
def test_the_advice_for_a_link_to_localhost_is_the_right_setting(gateway, connect, link):
    connect(gateway.url("").replace("127.0.0.1", "127.0.0.9"))
    with pytest.raises(RefusedUrlError, match="set `image_host` to `gateway`"):
        INPUTS["video"](link.format("mj/image/17")).build_job()
    with pytest.raises(AirflowFailException, match="set `image_host` to `gateway`"):
        save({"id": "17", "status": "SUCCESS", "imageUrl": link.format("mj/image/17")}, "file:///nowhere")


@pytest.mark.parametrize("link", ["http://127.0.0.1:1/x", "http://localhost:1/x"])
def test_so_it_is_where_private_hosts_are_allowed_and_nothing_listens(gateway, connect, link):
    connect(gateway.url(""), allow_private_image_hosts=True)
    with pytest.raises(DownloadError, match="no connection.*set `image_host` to `gateway`"):
        INPUTS["describe"](link).build_job()


@pytest.mark.parametrize("link", ["http://10.0.0.1/x", "http://192.168.1.1:3000/x"])
def test_of_another_private_host_the_advice_is_to_allow_it(gateway, connect, link):
    connect(gateway.url(""))
    with pytest.raises(RefusedUrlError, match="allow_private_image_hosts") as caught:
        INPUTS["describe"](link).build_job()
    assert "image_host`" not in str(caught.value)


@pytest.mark.parametrize("link", ["http://[::1", "http://[localhost]/x", "https://a b/x"])
def test_what_is_no_link_is_refused_like_any_other(gateway, connect, link):
    connect(gateway.url(""), image_host="gateway")
    with pytest.raises(DownloadError):
        INPUTS["describe"](link).build_job()


def test_a_gateway_that_shows_pictures_only_with_the_key_gets_it_for_an_input(gateway: Site, connect: Any):
    connect(gateway.url(""), image_host="gateway")
    assert INPUTS["describe"]("http://localhost:3000/locked").build_job().body["base64"].startswith("data:")
    assert [headers.get("Authorization") for _, headers in gateway.asked] == [None, f"Bearer {KEY}"]


def test_and_for_what_is_saved(gateway: Site, connect: Any, folder: Any, images: Site, monkeypatch: Any):
    def answer(handler: Any, _: str) -> None:
        handler.answer(*((200, PICTURE) if handler.headers.get("Authorization") else (401, b"")))

    monkeypatch.setattr(gateway.RequestHandlerClass, "answer_locked", answer)
    connect(gateway.url(""), allow_private_image_hosts=True)
    (picture,) = save({"id": "17", "status": "SUCCESS", "imageUrl": gateway.url("locked")}, folder)
    assert picture["bytes"] == len(PICTURE)
    with pytest.raises(RuntimeError, match="answers 401"):
        save({"id": "18", "status": "SUCCESS", "imageUrl": images.url("locked")}, folder)
    assert {headers.get("Authorization") for _, headers in images.asked if "locked" in _} == {None}
