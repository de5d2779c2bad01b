"""Each form refuses what it must, in sentences, and has the defaults that are promised."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from engine.forms import (
    BadInput,
    ClientForm,
    CronForm,
    Form,
    GeneralForm,
    OptionsForm,
    PoolForm,
    ProductForm,
    ServerForm,
    ServiceForm,
    SmtpForm,
    checked,
    secret_fields,
    zone_form,
)
from engine.forms.secret import resolved

KIND = b"ssh-ed25519"
KEY = "ssh-ed25519 " + base64.b64encode(len(KIND).to_bytes(4, "big") + KIND + b"\0\0\0 " + bytes(32)).decode()
SERVER: dict[str, Any] = {
    "name": "s",
    "hosts": ["10.0.0.1"],
    "token_id": "a@pve!bb",
    "token_secret": "canary-1",
}
POOL: dict[str, Any] = {
    "server": "s",
    "type": "IPv4",
    "gateway": "10.0.0.1",
    "mask": 24,
    "start": "10.0.0.2",
    "stop": "10.0.0.9",
}
PRODUCT: dict[str, Any] = {"name": "p", "server": "s", "template": 9000}


def faults(form: type[Form], values: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(BadInput) as bad:
        checked(form, values)
    return {fault.where: fault.sentence for fault in bad.value.faults}


def test_a_product_has_the_promised_defaults() -> None:
    made = checked(ProductForm, PRODUCT).model_dump()
    assert (made["target_node"], made["clone"], made["cores"], made["sockets"], made["memory"]) == (
        "auto",
        "linked",
        1,
        1,
        1024,
    )
    assert (made["name_rule"], made["first_vmid"], made["os_user"], made["snapshots"], made["backups"]) == (
        "{client_id}-{service_id}",
        100,
        "",
        0,
        0,
    )
    network, firewall = made["network"], made["firewall"]
    assert (network["bridge"], network["auto_bridge"], network["ipv4"], network["ipv6"]) == (
        "vmbr0",
        True,
        1,
        0,
    )
    assert [key for key, value in firewall.items() if value is True] == [
        "enable",
        "dhcp",
        "ndp",
        "macfilter",
        "antispoof",
    ]
    assert (firewall["policy_in"], firewall["log_out"]) == ("ACCEPT", "nolog")
    assert checked(GeneralForm, {}).model_dump() == {
        "default_timeout": 10,
        "heavy_timeout": 60,
        "post_clone_migration": True,
        "migration_timeout": 300,
    }
    assert list(checked(CronForm, {}).intervals.model_dump().values()) == [1, 5, 1, 1, 5, 60]


@pytest.mark.parametrize(
    "form", [ServerForm, PoolForm, ProductForm, ClientForm, ServiceForm, GeneralForm, SmtpForm]
)
def test_every_field_explains_itself(form: type[Form]) -> None:
    for name, info in form.model_fields.items():
        assert info.title and info.description, f"{form.__name__}.{name}"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name_rule", "{client_id}_x", "makes no host name"),
        ("name_rule", "-{service_id}", "makes no host name"),
        ("name_rule", "{random_digit_99}", "there is no macro"),
        ("name_rule", "{service_id", "makes no host name"),
        ("name_rule", "x" * 64, "longer than 63"),
        ("os_user", "a b", "is not a user name"),
        ("template", 99, "a VMID lies between"),
        ("first_vmid", 10**9, "999999999"),
        ("ssh_keys", [KEY.replace("ed25519", "rsa", 1)], "not of the kind ssh-rsa"),
        ("ssh_keys", ["ssh-ed25519 ???"], "damaged"),
        ("ssh_keys", [KEY, KEY], "twice"),
        ("memory", 15, "16 MiB"),
        ("backups", 1, "backups need a place"),
        ("main_domain", "a..example", "empty part"),
        ("firewall", {"policy_in": "DENY"}, "must be one of 'ACCEPT', 'DROP' or 'REJECT'"),
        ("network", {"vlan": -1}, "must be 0 or more"),
        ("network", [], "must be a mapping"),
        ("system_disk", {"size": "many"}, "must be a whole number"),
        ("cores", 1.5, "must be a whole number"),
        ("emails", {"ready": "perhaps"}, "must be true or false"),
        ("name", "a\nb", "line break"),
        ("name", "a\u202eb", "control character"),
        ("name", 7, "must be text; put it in quotes"),
    ],
)
def test_a_product_is_refused_with_a_sentence(field: str, value: Any, said: str) -> None:
    assert any(said in sentence for sentence in faults(ProductForm, PRODUCT | {field: value}).values())


@pytest.mark.parametrize(
    "rule", ["{client_id}-{service_id}", "vm{random_letter_8}", "a{year}{month}{day}", "x"]
)
def test_name_rules_that_make_names(rule: str) -> None:
    assert checked(ProductForm, PRODUCT | {"name_rule": rule}).name_rule == rule


@pytest.mark.parametrize(
    ("change", "where", "said"),
    [
        ({"tls": {}}, "tls", "it has nothing"),
        ({"tls": {"system": True, "insecure": True}}, "tls", "system and insecure"),
        ({"tls": {"insecure": False}}, "tls.insecure", "must be one of True"),
        ({"tls": {"ca_file": "ca.pem"}}, "tls.ca_file", "absolute"),
        ({"hosts": ["a", "a"]}, "hosts", "twice"),
        ({"hosts": ["https://a"]}, "hosts[0]", "leave out scheme and port"),
        ({"hosts": ["10.0.0.1:8006"]}, "hosts[0]", "leave out scheme and port"),
        ({"port": 0}, "port", "must be 1 or more"),
        ({"token_secret": ""}, "token_secret", "is missing"),
        ({"token_id": "", "token_secret": "", "user": "root@pam"}, "password", "is missing"),
        ({"token_id": "", "token_secret": "", "user": "root", "password": "x"}, "user", "is not user@realm"),
        ({"limits": {"clones_per_storage": 0}}, "limits.clones_per_storage", "must be 1 or more"),
        ({"state": "off"}, "state", "must be one of"),
        ({"assigned_ips": "vmbr0|1|10.0.0.2|24|10.9.0.1|8.8.8.8"}, "assigned_ips", "line 1"),
    ],
)
def test_a_server_is_refused_with_a_sentence(change: dict[str, Any], where: str, said: str) -> None:
    found = faults(ServerForm, SERVER | change)
    assert said in found[where]


def test_a_fingerprint_has_one_spelling() -> None:
    form = checked(ServerForm, SERVER | {"tls": {"fingerprint": "ab" * 32}})
    assert form.tls.fingerprint == ":".join(["AB"] * 32)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"gateway": "10.1.0.1"}, "gateway"),
        ({"start": "10.0.0.10"}, "stop"),
        ({"stop": "10.0.1.2"}, "stop"),
        ({"mask": 33}, "mask"),
        ({"mask": 0}, "mask"),
        ({"type": "IPv6"}, "gateway"),
        ({"bridge": "1br"}, "bridge"),
        ({"dns1": "dns.example"}, "dns1"),
        ({"gateway": "fe80::1%eth0"}, "gateway"),
        ({"quarantine": -1}, "quarantine"),
        ({"excluded": ["x"]}, "excluded"),
    ],
)
def test_a_pool_is_refused_at_its_field(change: dict[str, Any], where: str) -> None:
    found = faults(PoolForm, POOL | change)
    assert where in found or any(where in sentence for sentence in found.values())


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"zone": "a.example"}, "type"),
        ({"zone": "a.example", "type": ["x"]}, "type"),
        ({"zone": "com", "type": "powerdns", "server_url": "http://x", "api_key": "k"}, "zone"),
        (
            {"zone": "a.example", "type": "powerdns", "server_url": "http://u:p@x", "api_key": "k"},
            "server_url",
        ),
        ({"zone": "a.example", "type": "powerdns", "server_url": "http://x", "api_key": ""}, "api_key"),
        ({"zone": "a.example", "type": "cloudflare", "zone_id": "../x", "api_token": "t"}, "zone_id"),
        ({"zone": "a.example", "type": "hestiacp", "server_url": "http://x", "user": "u"}, "admin_user"),
        (
            {
                "zone": "a.example",
                "type": "hestiacp",
                "server_url": "http://x",
                "user": "u",
                "access_key": "k",
                "admin_user": "a",
            },
            "admin_user",
        ),
    ],
)
def test_a_zone_is_refused_at_its_field(values: dict[str, Any], where: str) -> None:
    with pytest.raises(BadInput) as bad:
        zone_form(values)
    assert where in [fault.where for fault in bad.value.faults]


@pytest.mark.parametrize(
    "given",
    [
        {"system_disk": 40, "bandwidth": 5, "system_disk_iops_rd": 7},
        {"system_disk.size": "40", "network.bandwidth": "5", "system_disk.iops_rd": "7"},
        {"system_disk": {"size": 40, "iops_rd": 7}, "network": {"bandwidth": 5}},
    ],
)
def test_options_have_the_spellings_of_the_product_too(given: dict[str, Any]) -> None:
    assert checked(OptionsForm, given).given() == {
        "system_disk": 40,
        "bandwidth": 5,
        "system_disk_iops_rd": 7,
    }


def test_an_explicit_zero_is_an_option() -> None:
    assert checked(OptionsForm, {"backups": 0}).given() == {"backups": 0}


def test_secrets_do_not_show() -> None:
    form = checked(ServerForm, SERVER)
    assert "canary-1" not in repr(form) + str(form)
    assert secret_fields(ServerForm) == {"token_secret", "password"}
    with pytest.raises(BadInput) as bad:
        checked(ServerForm, SERVER | {"token_secret": ["canary-2"], "port": "canary-3"})
    assert "canary" not in bad.value.sentence


def test_secrets_are_read_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "from-environment")
    form = checked(ServerForm, SERVER | {"token_secret": "env:SOME_TOKEN"})
    assert resolved(form, tmp_path).token_secret == "from-environment"
    assert resolved(checked(ClientForm, {"name": "c", "email": "a@b.example"}), tmp_path).name == "c"


@pytest.mark.parametrize("email", ["a@b", "a.b+c@d-e.example", "ö@x.example"])
def test_e_mail_addresses_that_are_taken(email: str) -> None:
    assert checked(ClientForm, {"name": "c", "email": email}).email == email


@pytest.mark.parametrize(
    "email", ["", "a", "a@", "@b", "a b@c.d", "a@b@c", "a@b..c", "<a@b.c>", "a@b.c\nBcc: x@y.z"]
)
def test_e_mail_addresses_that_are_refused(email: str) -> None:
    assert "email" in faults(ClientForm, {"name": "c", "email": email})
