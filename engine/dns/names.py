"""Domain names in one spelling: lower case, A-labels, no final dot; and the names of the reverse tree.

Every name that enters this room passes through `normalise`, so that names are compared as plain strings
afterwards. A name that cannot exist is refused with a sentence that says which part of it is wrong.
"""

from __future__ import annotations

import ipaddress
import re

import idna

from engine.errors import Refused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

CLASSLESS = "classless delegation required"
V4_TREE = "in-addr.arpa"
V6_TREE = "ip6.arpa"

LONGEST_NAME = 253
LONGEST_LABEL = 63
_DOTS = re.compile("[.\u3002\uff0e\uff61]")  # the full stops that IDNA takes as label borders
_HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_OWNER_LABEL = re.compile(r"[a-z0-9_*/-]+")


def normalise(name: str) -> str:
    """The one spelling of a domain name: lower case, A-labels, no final dot; refused when no such name can
    exist.
    """
    text = name.strip()
    if text.endswith((".", "\u3002", "\uff0e", "\uff61")):
        text = text[:-1]
    if not text:
        raise Refused("A domain name is empty. Give a name such as vm1.example.com.")
    labels = [_label(label, name) for label in _DOTS.split(text)]
    result = ".".join(labels)
    if len(result) > LONGEST_NAME:
        raise Refused(
            f"'{_short(name)}' has {len(result)} characters; a domain name has at most {LONGEST_NAME}."
        )
    return result


def _label(label: str, whole: str) -> str:
    if not label:
        raise Refused(f"'{_short(whole)}' has an empty part between two dots. Remove the extra dot.")
    if label.isascii():
        result = label.lower()
    else:
        try:
            result = idna.encode(label, uts46=True, transitional=False).decode("ascii")
        except (idna.IDNAError, UnicodeError) as wrong:
            raise Refused(
                f"'{_short(label)}' cannot be written as an international domain name: {wrong}."
            ) from None
    if len(result) > LONGEST_LABEL:
        raise Refused(
            f"The part '{_short(label)}' has {len(result)} characters; one part has at most {LONGEST_LABEL}."
        )
    return result


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"


def owner_name(name: str) -> str:
    """A name that may own a record in a zone: letters, digits, hyphens, and also `_`, `*` and the `/` of
    RFC 2317.
    """
    result = normalise(name)
    for label in result.split("."):
        if not _OWNER_LABEL.fullmatch(label):
            raise Refused(
                f"'{_short(label)}' in '{_short(name)}' has characters that no DNS record may carry."
            )
    return result


def hostname(name: str) -> str:
    """The full name of a VM: two parts or more, each of letters, digits and inner hyphens."""
    result = domain_name(name)
    if "." not in result:
        raise Refused(
            f"'{_short(name)}' is not a full name. Give it with its domain, such as vm1.example.com."
        )
    return result


def domain_name(name: str) -> str:
    """The domain of full names: parts of letters, digits and inner hyphens; one is enough, such as `lan`."""
    result = normalise(name)
    labels = result.split(".")
    for label in labels:
        if not _HOST_LABEL.fullmatch(label):
            raise Refused(
                f"'{_short(label)}' in '{_short(name)}' is not a valid part of a host name: "
                "use letters, digits and hyphens, with no hyphen at either end."
            )
    if labels[-1].isdigit():
        raise Refused(f"'{_short(name)}' ends in a number and would be read as an address. Give a host name.")
    return result


def zone_name(name: str) -> str:
    """The name of a zone as it is stored and compared: forward, reverse, or a classless reverse zone."""
    result = owner_name(name)
    if "*" in result:
        raise Refused(f"'{_short(name)}' has a wildcard; a zone has a plain name such as example.com.")
    return result


def within(name: str, zone: str) -> bool:
    """Whether a name lies in a zone or is its apex, counted in whole labels; both already normalised."""
    return name == zone or name.endswith("." + zone)


def relative(name: str, zone: str) -> str:
    """The part of a name before its zone, `@` for the apex."""
    return "@" if name == zone else name.removesuffix("." + zone)


def absolute(label: str, zone: str) -> str:
    """The full name behind a part written relative to its zone; a final dot marks a name that is full
    already.
    """
    if label in ("@", ""):
        return zone
    return label[:-1].lower() if label.endswith(".") else f"{label}.{zone}".lower()


def is_reverse(zone: str) -> bool:
    """Whether a zone holds reverse names, by its name alone."""
    plain = zone.strip().rstrip(".").lower()
    return within(plain, V4_TREE) or within(plain, V6_TREE)


def reverse_name(address: str | Address) -> str:
    """The name that holds an address's PTR: octets reversed for IPv4, all 32 nibbles reversed for IPv6."""
    return _plain(address).reverse_pointer


def _plain(address: str | Address) -> Address:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        raise Refused(f"'{_short(str(address))}' is not an IP address.") from None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.scope_id is not None:
        raise Refused(f"'{parsed}' names an interface after the % sign; such an address has no reverse name.")
    return parsed


def reversed_address(name: str) -> Address | None:
    """The address whose PTR is at this normalised name, or None when it is not a complete reverse name."""
    try:
        if name.endswith("." + V4_TREE):
            octets = name.removesuffix("." + V4_TREE).split(".")
            found: Address = ipaddress.IPv4Address(".".join(reversed(octets)))
        elif name.endswith("." + V6_TREE):
            nibbles = name.removesuffix("." + V6_TREE).split(".")
            if len(nibbles) != 32:
                return None
            found = ipaddress.IPv6Address(int("".join(reversed(nibbles)), 16))
        else:
            return None
    except ValueError:
        return None
    return found if found.reverse_pointer == name else None


def reverse_zone_hint(network: str | Network) -> str:
    """The reverse zone of a network that ends on an octet or nibble, else `classless delegation required`."""
    try:
        net = ipaddress.ip_network(network, strict=False)
    except ValueError:
        raise Refused(f"'{_short(str(network))}' is not a network. Give one such as 192.0.2.0/24.") from None
    if isinstance(net, ipaddress.IPv4Network):
        fits, width, total = net.prefixlen in (8, 16, 24), 8, 4
    else:
        fits, width, total = net.prefixlen >= 4 and net.prefixlen % 4 == 0, 4, 32
    if not fits:
        return CLASSLESS
    labels = net.network_address.reverse_pointer.split(".")
    return ".".join(labels[total - net.prefixlen // width :])
