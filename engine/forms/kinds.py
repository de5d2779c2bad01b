"""The kinds of values forms are made of, each with its check and its sentence."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from engine.dns.names import domain_name, zone_name
from engine.errors import Refused

_LOOKS_LIKE_ADDRESS = re.compile(r"[0-9.]+|[0-9A-Fa-f.]*:[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*(%.*)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_BRIDGE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")
_STORAGE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
_NODE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_PUBLIC = (
    "arpa",
    "biz",
    "com",
    "edu",
    "gov",
    "info",
    "int",
    "mil",
    "net",
    "org",
)  # nobody's own zone: a typing error
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_MAIL = re.compile(r"[^\s@<>\"',;:\\()\[\]]{1,64}@([^\s@]{1,253})")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})?")
_MACRO = re.compile(r"\{([^{}]*)\}")
_MACROS = re.compile(
    r"client_id|service_id|random_(digit|letter)_([1-9]|[12][0-9]|3[0-2])|unixtime|year|month|day|hour|minute|second"
)
_KEY_TYPES = (
    "ssh-rsa",
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)


def quoted(text: str) -> str:
    """What was entered, short enough for a sentence."""
    return f"'{text if len(text) <= 60 else text[:57] + '…'}'"


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("has a line break or a control character; write it on one line.")
    return text


def _bridge(text: str) -> str:
    if not _BRIDGE.fullmatch(text):
        raise ValueError(
            f"{quoted(text)} is not a bridge name; a letter first, then letters, digits, '.', '_' or '-', "
            "15 characters at most, such as vmbr0."
        )
    return text


def _storage(text: str) -> str:
    if text and not _STORAGE.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not a storage name of Proxmox, such as local-lvm.")
    return text


def _node(text: str) -> str:
    if not _NODE.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not a node name; give one such as pve1, or auto.")
    return text


def _address(text: str) -> str:
    try:
        found: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        raise ValueError(f"{quoted(text)} is not an IP address.") from None
    if isinstance(found, IPv6Address) and found.scope_id:
        raise ValueError(f"{quoted(text)} names an interface after '%'; give the address alone.")
    return str(found)


def _optional_address(text: str) -> str:
    return _address(text) if text else ""


def _host(text: str) -> str:
    """An address or a host name; one label is enough, as in /etc/hosts."""
    bare = text.removeprefix("[").removesuffix("]")
    if _LOOKS_LIKE_ADDRESS.fullmatch(bare):
        return _address(bare)
    name = text.lower().removesuffix(".")
    if not name or len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(f"{quoted(text)} is neither an address nor a host name; leave out scheme and port.")
    return name


def _domain(text: str) -> str:
    return _sentence(domain_name, text) if text else ""


def _zone(text: str) -> str:
    name = _sentence(zone_name, text)
    if name.isdigit():
        raise ValueError(f"{quoted(text)} is a number, not a zone name such as example.com or lan.")
    if name in _PUBLIC:
        raise ValueError(
            f"{quoted(text)} is a public top-level domain. Give a domain below it, such as example.com."
        )
    return name


def _sentence(check: Callable[[str], str], text: str) -> str:
    try:
        return check(text)
    except Refused as wrong:
        raise ValueError(wrong.sentence) from None


def _mail(text: str) -> str:
    found = _MAIL.fullmatch(text)
    if not found or len(text) > 254 or ".." in text or not _is_mail_host(found[1]):
        raise ValueError(f"{quoted(text)} is not an e-mail address.")
    return text


def _is_mail_host(name: str) -> bool:
    return all(_LABEL.fullmatch(label) for label in name.split("."))


def _optional_host(text: str) -> str:
    return _host(text) if text else ""


def _optional_mail(text: str) -> str:
    return _mail(text) if text else ""


def _language(text: str) -> str:
    if not _LANGUAGE.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not a language code, such as en or pt-BR.")
    return text


def _user(text: str) -> str:
    if text and not _USER.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not a user name; use letters, digits, '_', '.' and '-'.")
    return text


def _name_rule(text: str) -> str:
    for macro in _MACRO.findall(text):
        if not _MACROS.fullmatch(macro):
            raise ValueError(f"there is no macro {{{macro}}}; {MACRO_HELP}")
    rest = _MACRO.sub("0", text)
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", rest):
        raise ValueError(
            f"{quoted(text)} makes no host name; use letters, digits, '-' and macros, no '-' at either end."
        )
    if len(rest) > 63:
        raise ValueError("makes a name longer than 63 characters.")
    return text


MACRO_HELP = (
    "the macros are {client_id} {service_id} {random_digit_N} {random_letter_N} (N up to 32) {unixtime} "
    "{year} {month} {day} {hour} {minute} {second}."
)


def _fingerprint(text: str) -> str:
    digits = text.replace(":", "").upper()
    if not re.fullmatch(r"[0-9A-F]{64}", digits):
        raise ValueError("is not a SHA-256 fingerprint, which is 32 pairs of hex digits such as AA:BB:….")
    return ":".join(digits[place : place + 2] for place in range(0, 64, 2))


def _ssh_key(text: str) -> str:
    kind, _, rest = text.partition(" ")
    if kind not in _KEY_TYPES:
        raise ValueError("is not a public SSH key, which begins with ssh-ed25519, ssh-rsa or ecdsa-sha2-….")
    try:
        body = base64.b64decode(rest.split(" ")[0], validate=True)
    except binascii.Error:
        raise ValueError("is not a public SSH key: its second part is damaged.") from None
    if not body.startswith(len(kind).to_bytes(4, "big") + kind.encode()):
        raise ValueError(f"is not a public SSH key: its second part is not of the kind {kind}.")
    return text


def url(text: str) -> str:
    """A server address without its final slash; refused unless it is plain http or https with a host."""
    from engine.dns.urls import checked_url

    return _sentence(checked_url, text)


def _template(value: int | str) -> int | str:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, int):
        if not LOWEST_VMID <= value <= HIGHEST_VMID:
            raise ValueError(f"a VMID lies between {LOWEST_VMID} and {HIGHEST_VMID}.")
        return value
    return _one_line(value)


LOWEST_VMID, HIGHEST_VMID = 100, 999_999_999
Line = Annotated[str, StringConstraints(max_length=255), AfterValidator(_one_line)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_one_line)]
Bridge = Annotated[str, AfterValidator(_bridge)]
Storage = Annotated[str, AfterValidator(_storage)]
NodeName = Annotated[str, AfterValidator(_node)]
AddressText = Annotated[str, AfterValidator(_address)]
OptionalAddress = Annotated[str, AfterValidator(_optional_address)]
Host = Annotated[str, AfterValidator(_host)]
OptionalHost = Annotated[str, AfterValidator(_optional_host)]
OptionalEmail = Annotated[str, AfterValidator(_optional_mail)]
Domain = Annotated[str, AfterValidator(_domain)]
ZoneName = Annotated[str, AfterValidator(_zone)]
Url = Annotated[str, AfterValidator(url)]
Email = Annotated[str, AfterValidator(_mail)]
Language = Annotated[str, AfterValidator(_language)]
UserName = Annotated[str, AfterValidator(_user)]
NameRule = Annotated[str, AfterValidator(_name_rule)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
SshKey = Annotated[str, AfterValidator(_one_line), AfterValidator(_ssh_key)]
Template = Annotated[int | str, AfterValidator(_template)]
Vmid = Annotated[int, Field(ge=LOWEST_VMID, le=HIGHEST_VMID)]
Vlan = Annotated[int, Field(ge=0, le=4094)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Count = Annotated[int, Field(ge=0, le=1000)]
Amount = Annotated[int, Field(ge=0, le=10_000_000)]  # GiB, MB/s, IOPS
