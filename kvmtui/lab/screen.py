"""The far end of a VNC console: a small RFB 3.8 server with one picture that changes with every key."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Awaitable, Callable

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

VERSION = b"RFB 003.008\n"
VNC_AUTHENTICATION = 2
WIDTH, HEIGHT = 64, 48
# Bytes that follow the type of each client message of fixed length.
FIXED = {0: 19, 3: 9, 4: 7, 5: 5}
SET_PIXEL_FORMAT, SET_ENCODINGS, UPDATE_REQUEST, KEY_EVENT, CUT_TEXT = 0, 2, 3, 4, 6
PIXEL_FORMAT = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)


class VncScreen:
    """One connection: authenticates with the password and answers until the client hangs up."""

    def __init__(
        self,
        name: str,
        password: str,
        receive: Callable[[], Awaitable[bytes]],
        send: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self._name = name.encode()
        self._password = password
        self._receive = receive
        self._send = send
        self._held = b""
        self._shade = 0
        self._painted = -1
        self._asked = False  # a requested update is sent once something changed
        self._pixel = struct.Struct("<I")
        self._shifts = (16, 8, 0)

    async def run(self) -> None:
        """Speak the protocol from greeting to hang-up; a wrong password ends it."""
        await self._send(VERSION)
        await self._read(len(VERSION))
        await self._send(bytes((1, VNC_AUTHENTICATION)))
        await self._read(1)
        if not await self._authenticated():
            reason = b"Authentication failed"
            await self._send(struct.pack(">II", 1, len(reason)) + reason)
            return
        await self._send(struct.pack(">I", 0))
        await self._read(1)
        size, length = struct.pack(">HH", WIDTH, HEIGHT), struct.pack(">I", len(self._name))
        await self._send(size + PIXEL_FORMAT + length + self._name)
        while True:
            await self._message()

    async def _authenticated(self) -> bool:
        challenge = secrets.token_bytes(16)
        await self._send(challenge)
        return secrets.compare_digest(await self._read(16), encrypted(challenge, self._password))

    async def _message(self) -> None:
        kind = (await self._read(1))[0]
        if kind == SET_ENCODINGS:
            count = struct.unpack(">xH", await self._read(3))[0]
            await self._read(4 * count)
        elif kind == CUT_TEXT:
            length = struct.unpack(">xxxI", await self._read(7))[0]
            await self._read(length)
        elif kind in FIXED:
            body = await self._read(FIXED[kind])
            if kind == SET_PIXEL_FORMAT:
                self._speak(body[3:])
            if kind == KEY_EVENT and body[0]:
                self._shade = (self._shade + 32) % 256
            if kind == UPDATE_REQUEST:
                self._asked = True
                self._painted = self._painted if body[0] else -1
            if self._asked and self._painted != self._shade:
                await self._paint()
        else:
            raise ConnectionError(f"unknown RFB message {kind}")

    def _speak(self, wanted: bytes) -> None:
        """Sends pixels as the client asks for them from now on."""
        bits, _, big_endian, _, *_, red, green, blue = struct.unpack(">BBBBHHHBBBxxx", wanted)
        if bits != 32:
            raise ConnectionError(f"the lab has no screen of {bits} bits")
        self._pixel = struct.Struct(">I" if big_endian else "<I")
        self._shifts = (red, green, blue)

    async def _paint(self) -> None:
        red, green, blue = self._shifts
        rows = (
            self._pixel.pack((x * 4 % 256) << red | (y * 5 % 256) << green | self._shade << blue)
            for y in range(HEIGHT)
            for x in range(WIDTH)
        )
        header = struct.pack(">BxH", 0, 1) + struct.pack(">HHHHi", 0, 0, WIDTH, HEIGHT, 0)
        await self._send(header + b"".join(rows))
        self._painted, self._asked = self._shade, False

    async def _read(self, size: int) -> bytes:
        while len(self._held) < size:
            self._held += await self._receive()
        found, self._held = self._held[:size], self._held[size:]
        return found


def encrypted(challenge: bytes, password: str) -> bytes:
    """The answer VNC authentication expects: DES under eight characters, each with its bits reversed."""
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.encode()[:8].ljust(8, b"\0"))
    encryptor = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()  # noqa: S305 - what VNC prescribes
    return encryptor.update(challenge) + encryptor.finalize()
