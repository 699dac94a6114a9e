from __future__ import annotations

import pytest

from airflow_provider_mj.gateway.reach import is_public


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        *[("93.184.216.34", True), ("2606:2800:220:1::1", True), ("::ffff:93.184.216.34", True)],
        *[("64:ff9b::5db8:d822", True), ("64:ff9b::7f00:1", False), ("2002:7f00:1::1", False)],
        *[("::ffff:10.0.0.1", False), ("::127.0.0.1", False), ("fec0::1", False), ("ff0e::1", False)],
        *[("fe80::1%eth0", False), ("255.255.255.255", False), ("192.0.2.1", False), ("198.18.0.1", False)],
        *[("192.0.0.192", False), ("192.0.0.8", False), ("192.88.99.1", False), ("3fff::1", False)],
        *[("168.63.129.16", False), ("100.127.255.255", False), ("240.0.0.1", False), ("239.1.1.1", False)],
    ],
)
def test_which_addresses_are_public(address, expected):
    assert is_public(address) is expected
