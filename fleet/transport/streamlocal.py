"""OpenSSH's channel to a unix socket of the host, which paramiko does not know by itself.

The kind is ``direct-streamlocal@openssh.com`` (OpenSSH's PROTOCOL file, 2.4): after the words of every
channel come the path, a reserved string and a reserved number. paramiko builds that message in one function
and only for its own kinds, so this is that function over again (paramiko 5.1, ``Transport.open_channel``).
Such a channel is no session, and ``MaxSessions`` does not count it.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import paramiko
from paramiko.common import cMSG_CHANNEL_OPEN

from fleet.transport.pump import TICK


def open_streamlocal(link: Any, path: str, timeout: float) -> paramiko.Channel:
    """``link`` is a paramiko transport that is logged in; ``timeout`` in seconds.

    Raises ChannelException when the server refuses (OpenSSH's answer is always "open failed"), TimeoutError,
    and other exceptions of paramiko when the connection is lost.
    """
    deadline = time.monotonic() + timeout
    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_OPEN)
    message.add_string("direct-streamlocal@openssh.com")
    with link.lock:
        window, packet = link._sanitize_window_size(None), link._sanitize_packet_size(None)
        number = link._next_channel()
        message.add_int(number)
        message.add_int(window)
        message.add_int(packet)
        message.add_string(path)
        message.add_string("")
        message.add_int(0)
        channel = paramiko.Channel(number)
        link._channels.put(number, channel)
        link.channel_events[number] = answered = threading.Event()
        link.channels_seen[number] = True
        channel._set_transport(link)  # type: ignore[attr-defined]
        channel._set_window(window, packet)  # type: ignore[attr-defined]
    link._send_user_message(message)
    while not answered.wait(TICK):
        if not link.is_active():
            raise link.get_exception() or EOFError()
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server has not opened a channel within {timeout:g} s")
    # At its end paramiko wakes all who wait, with a channel that will never have a window to send in.
    if channel.closed or not link.is_active():
        raise link.get_exception() or EOFError()
    if link._channels.get(number) is None:
        # paramiko keeps one exception for all channels: of two refused at once the second finds none.
        raise link.get_exception() or paramiko.ChannelException(2, "Connect failed")
    return channel
