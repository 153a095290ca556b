"""A client of libpurple without a face, for an account of Pidgin's plug-in for Lync (SIPE).

Run as `python purple_client.py DIRECTORY NAME PASSWORD SERVER` it signs in over TCP.  It prints a
JSON list a line, `["signed-on"]`, `["im", WHO, TEXT]`, `["chat", WHO, TEXT]`, `["typing", WHO]`,
`["wrote", WHO, TEXT]`, `["error", TEXT]`, and does what it is told to on standard input in the same
form: `["im", WHO, TEXT]`, `["typing", WHO]`, `["close", WHO]`, `["quit"]`.

This runs under any Python, without the packages of the tests.
"""

import ctypes
import json
import sys
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_uint, c_void_p
from typing import Any

READ, WRITE = 1, 2
"""PurpleInputCondition."""

IN, OUT, ERRORS = 1, 4, 8 | 16
"""GIOCondition."""

IM = 1
"""PURPLE_CONV_TYPE_IM."""

AVAILABLE = 2
"""PURPLE_STATUS_AVAILABLE."""

PROTOCOL, FACE = b"prpl-sipe", b"tests"

RECEIVED = 2
"""PURPLE_MESSAGE_RECV."""

TimeOut = CFUNCTYPE(c_uint, c_uint, c_void_p, c_void_p)
Remove = CFUNCTYPE(c_int, c_uint)
Watch = CFUNCTYPE(c_uint, c_int, c_int, c_void_p, c_void_p)
Ready = CFUNCTYPE(c_int, c_void_p, c_int, c_void_p)
Heard = CFUNCTYPE(None, c_void_p, c_int, c_int)
Message = CFUNCTYPE(None, c_void_p, c_char_p, c_char_p, c_void_p, c_int, c_void_p)
Typing = CFUNCTYPE(None, c_void_p, c_char_p, c_void_p)
Connected = CFUNCTYPE(None, c_void_p, c_void_p)
Failed = CFUNCTYPE(None, c_void_p, c_int, c_char_p, c_void_p)


class EventLoop(ctypes.Structure):
    """PurpleEventLoopUiOps."""

    _fields_ = (
        ("timeout_add", TimeOut),
        ("timeout_remove", Remove),
        ("input_add", Watch),
        ("input_remove", Remove),
        ("input_get_error", c_void_p),
        ("timeout_add_seconds", TimeOut),
        ("reserved", c_void_p * 3),
    )


def library(name: str, **functions: tuple[Any, ...]) -> Any:
    """A library, with the type of what each function gives and takes."""
    found = ctypes.CDLL(name)
    for function, (result, *arguments) in functions.items():
        getattr(found, function).restype = result
        getattr(found, function).argtypes = arguments
    return found


GLIB = library(
    "libglib-2.0.so.0",
    g_timeout_add=(c_uint, c_uint, c_void_p, c_void_p),
    g_timeout_add_seconds=(c_uint, c_uint, c_void_p, c_void_p),
    g_source_remove=(c_int, c_uint),
    g_io_channel_unix_new=(c_void_p, c_int),
    g_io_channel_unref=(None, c_void_p),
    g_io_add_watch=(c_uint, c_void_p, c_int, Ready, c_void_p),
    g_main_loop_new=(c_void_p, c_void_p, c_int),
    g_main_loop_run=(None, c_void_p),
    g_main_loop_quit=(None, c_void_p),
)

PURPLE = library(
    "libpurple.so.0",
    purple_util_set_user_dir=(None, c_char_p),
    purple_eventloop_set_ui_ops=(None, POINTER(EventLoop)),
    purple_core_init=(c_int, c_char_p),
    purple_blist_new=(c_void_p,),
    purple_set_blist=(None, c_void_p),
    purple_account_new=(c_void_p, c_char_p, c_char_p),
    purple_account_set_password=(None, c_void_p, c_char_p),
    purple_account_set_string=(None, c_void_p, c_char_p, c_char_p),
    purple_account_set_enabled=(None, c_void_p, c_char_p, c_int),
    purple_account_get_connection=(c_void_p, c_void_p),
    purple_accounts_add=(None, c_void_p),
    purple_connections_get_handle=(c_void_p,),
    purple_conversations_get_handle=(c_void_p,),
    purple_signal_connect=(c_uint, c_void_p, c_char_p, c_void_p, c_void_p, c_void_p),
    purple_conversation_new=(c_void_p, c_int, c_void_p, c_char_p),
    purple_conversation_get_im_data=(c_void_p, c_void_p),
    purple_conversation_destroy=(None, c_void_p),
    purple_find_conversation_with_account=(c_void_p, c_int, c_char_p, c_void_p),
    purple_conv_im_send=(None, c_void_p, c_char_p),
    purple_savedstatus_new=(c_void_p, c_char_p, c_int),
    purple_savedstatus_activate=(None, c_void_p),
    serv_send_typing=(c_uint, c_void_p, c_char_p, c_int),
)


def tell(*what: Any) -> None:
    words = [one.decode() if isinstance(one, bytes) else one for one in what]
    sys.stdout.write(f"{json.dumps(words)}\n")
    sys.stdout.flush()


class Client:
    """One account; what it gives to the libraries it keeps, since they do not."""

    def __init__(self, directory: str, name: str, password: str, server: str) -> None:
        self._kept: list[Any] = []
        self._watched: dict[int, Any] = {}
        self._loop = EventLoop(
            TimeOut(GLIB.g_timeout_add),
            Remove(GLIB.g_source_remove),
            Watch(self._watch),
            Remove(GLIB.g_source_remove),
            None,
            TimeOut(GLIB.g_timeout_add_seconds),
        )
        self._main = GLIB.g_main_loop_new(None, 0)
        PURPLE.purple_util_set_user_dir(directory.encode())
        PURPLE.purple_eventloop_set_ui_ops(self._loop)
        if not PURPLE.purple_core_init(FACE):
            sys.exit("libpurple does not begin")
        PURPLE.purple_set_blist(PURPLE.purple_blist_new())
        self.account = PURPLE.purple_account_new(name.encode(), PROTOCOL)
        PURPLE.purple_account_set_password(self.account, password.encode())
        for key, value in ((b"server", server), (b"transport", "tcp"), (b"authentication", "ntlm")):
            PURPLE.purple_account_set_string(self.account, key, value.encode())
        PURPLE.purple_accounts_add(self.account)

    def run(self) -> None:
        connections = PURPLE.purple_connections_get_handle()
        conversations = PURPLE.purple_conversations_get_handle()
        self._hear(connections, "signed-on", Connected(lambda *_: tell("signed-on")))
        self._hear(
            connections, "connection-error", Failed(lambda one, kind, text, _: tell("error", text))
        )
        for signal, name in (("received-im-msg", "im"), ("received-chat-msg", "chat")):
            told = Message(lambda one, who, text, *_, name=name: tell(name, who, text))
            self._hear(conversations, signal, told)
        self._hear(conversations, "wrote-im-msg", Message(self._wrote))
        self._hear(conversations, "buddy-typing", Typing(lambda one, who, _: tell("typing", who)))
        self._watch_with(0, IN | ERRORS, Ready(self._told))
        PURPLE.purple_account_set_enabled(self.account, FACE, 1)
        PURPLE.purple_savedstatus_activate(PURPLE.purple_savedstatus_new(None, AVAILABLE))
        GLIB.g_main_loop_run(self._main)

    def _wrote(
        self, one: int, who: bytes, text: bytes, conversation: int, flags: int, _: int
    ) -> None:
        """Also what the client itself says in a conversation, such as that a message failed."""
        if not flags & RECEIVED:
            tell("wrote", who, text)

    def _hear(self, handle: int, signal: str, callback: Any) -> None:
        self._kept.append(callback)
        here = ctypes.addressof(self._loop)
        function = ctypes.cast(callback, c_void_p)
        PURPLE.purple_signal_connect(handle, signal.encode(), here, function, None)

    def _watch(self, descriptor: int, wanted: int, function: int, data: int) -> int:
        heard = Heard(function)

        def ready(channel: int, condition: int, _: int) -> int:
            met = READ if condition & (IN | ERRORS) else 0
            met |= WRITE if condition & (OUT | ERRORS) else 0
            heard(data, descriptor, met & wanted)
            return 1

        condition = ERRORS | (IN if wanted & READ else 0) | (OUT if wanted & WRITE else 0)
        return self._watch_with(descriptor, condition, Ready(ready))

    def _watch_with(self, descriptor: int, condition: int, ready: Any) -> int:
        channel = GLIB.g_io_channel_unix_new(descriptor)
        source: int = GLIB.g_io_add_watch(channel, condition, ready, None)
        GLIB.g_io_channel_unref(channel)
        self._watched[source] = ready
        return source

    def _told(self, channel: int, condition: int, _: int) -> int:
        line = sys.stdin.readline()
        order = json.loads(line) if line else ["quit"]
        getattr(self, f"do_{order[0]}")(*order[1:])
        return int(bool(line))

    def do_im(self, who: str, text: str) -> None:
        with_ = PURPLE.purple_find_conversation_with_account(IM, who.encode(), self.account)
        with_ = with_ or PURPLE.purple_conversation_new(IM, self.account, who.encode())
        PURPLE.purple_conv_im_send(PURPLE.purple_conversation_get_im_data(with_), text.encode())

    def do_typing(self, who: str) -> None:
        connection = PURPLE.purple_account_get_connection(self.account)
        PURPLE.serv_send_typing(connection, who.encode(), 1)

    def do_close(self, who: str) -> None:
        with_ = PURPLE.purple_find_conversation_with_account(IM, who.encode(), self.account)
        PURPLE.purple_conversation_destroy(with_)

    def do_quit(self) -> None:
        PURPLE.purple_account_set_enabled(self.account, FACE, 0)
        GLIB.g_main_loop_quit(self._main)


if __name__ == "__main__":
    Client(*sys.argv[1:5]).run()
