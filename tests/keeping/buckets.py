"""An S3 server on this machine, and what a test sees of a bucket behind our back."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTION = "mj_store"
USER, SECRET = "keeping", "keeping-secret-0123"
REGION = "us-east-1"


class Bucket:
    """A bucket.

    :param endpoint: URL of its server.
    :param name: its name.
    """

    def __init__(self, endpoint: str, name: str) -> None:
        self.endpoint, self.name = endpoint, name
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id=USER,
            aws_secret_access_key=SECRET,
            config=Config(retries={"max_attempts": 1}),
        )
        self.client.create_bucket(Bucket=name)

    @property
    def connection(self) -> str:
        """The Airflow connection to its server, as JSON."""
        extra = {"endpoint_url": self.endpoint, "region_name": REGION}
        return json.dumps({"conn_type": "aws", "login": USER, "password": SECRET, "extra": extra})

    def url(self, path: str = "") -> str:
        """Give the URL by which an operator knows it."""
        return f"s3://{CONNECTION}@{self.name}/{path}".rstrip("/")

    def objects(self) -> dict[str, bytes]:
        """Give what is in it, by key."""
        listed = self.client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return {one["Key"]: self.read(one["Key"])["Body"].read() for one in listed}

    def read(self, key: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get_object(Bucket=self.name, Key=key)
        return answer

    def unfinished(self) -> list[str]:
        """Give the keys of uploads in parts that nobody has ended."""
        listed = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return [one["Key"] for one in listed]


def s3_server() -> Iterator[str]:
    """Run a server, and give its URL."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
