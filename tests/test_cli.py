"""The `mobility` command: its errors, and what each subcommand does to a front end."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import SkipTest

import attrs
import click
from click.testing import CliRunner, Result
from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mobility import __version__
from mobility.cli import COMMANDS, program
from mobility.commands.init import DEMO_USERS, FILES
from mobility.commands.options import read_password
from mobility.commands.private_file import replace_private_file
from mobility.commands.setting_help import HELP
from mobility.config import load
from mobility.domain.mobility_policy import MobilityPolicy
from mobility.domain.voice_objects import KINDS, NormalisationRule
from mobility.http.message import Site
from tests.interop.front_end_process import FrontEndProcess, command

ALICE = "sip:alice@example.test"
BOB = "sip:bob@example.test"
DAVE = "sip:dave@example.test"

QUICK = ("check", "export", "group", "mcx", "push", "status", "user")
"""Subcommands that are used often, or by scripts: they start in a fraction of a second."""


def invoke(*arguments: str, text: str = "") -> Result:
    """Run a command line in this process: for what ends before a reactor is needed."""
    return CliRunner(env={"MOBILITY_CONFIG": None}).invoke(program, arguments, input=text)


class ErrorTests(SynchronousTestCase):
    """Wrong use: one line on standard error, status 2."""

    WRONG = (
        ((), "Missing command."),
        (("frob",), "No such command 'frob'."),
        (("polcy", "list"), "No such command 'polcy'; is policy meant?"),
        (("user", "lst"), "No such command 'lst'; is list meant?"),
        (("voice",), "There are dialplan, emergency, gateway,"),
        (("check", "topologie", "--config", "x"), "is topology meant?"),
        (("user",), "Missing command."),
        (("user", "frob"), "No such command 'frob'."),
        (("user", "list"), "Missing option '--config'"),
        (("user", "list", "--config", "/nowhere.toml"), "/nowhere.toml: the configuration cannot"),
        (("user", "add", "--config", "x"), "cannot be read"),
        (("init",), "Missing argument 'DIR'."),
        (("init", "d", "--port-offset", "99999"), "is not in the range"),
        (("init", "d", "--port-offset", "x"), "is not a valid integer"),
        (("init", "d", "--sip-domain", "a b"), "must be a domain name in lower case"),
        (("init", "d", "--external-url", "http://x"), "must be https://"),
        (("init", "d", "--internal-url", "https://x/"), "without a path or trailing slash"),
        (
            ("init", "d", "--internal-url", "https://x", "--external-url", "https://x"),
            "must differ",
        ),
        (("--frob",), "--frob"),
    )

    def test_each(self) -> None:
        """Each says what is wrong."""
        for arguments, message in self.WRONG:
            with self.subTest(arguments=arguments):
                result = invoke(*arguments)
                self.assertEqual((2, ""), (result.exit_code, result.stdout))
                self.assertEqual(1, result.stderr.count("\n"), result.stderr)
                self.assertTrue(result.stderr.startswith("mobility: "))
                self.assertIn(message, result.stderr)
        self.assertFalse(os.path.exists("d"))

    def test_json(self) -> None:
        """With --json the line is an object."""
        result = invoke("user", "list", "--json", "--config", "/nowhere.toml")
        self.assertEqual(2, result.exit_code)
        self.assertIn("/nowhere.toml: the configuration", json.loads(result.stderr)["error"])

    def test_help(self) -> None:
        """Help names every subcommand; each has help of its own."""
        text = invoke("--help")
        self.assertEqual(0, text.exit_code)
        for name in COMMANDS:
            self.assertIn(f"\n  {name} ", text.stdout)
            self.assertEqual(0, invoke(name, "--help").exit_code)

    def test_summaries(self) -> None:
        """What `mobility --help` says of a subcommand is the first sentence of its own help."""
        for name, known in COMMANDS.items():
            with self.subTest(name=name):
                self.assertEqual(known.load().get_short_help_str(1000), known.summary)

    def test_start(self) -> None:
        """Help imports no subcommand, and those that only ask a front end nothing of Twisted."""
        for arguments, absent in (
            (("--help",), "mobility.commands."),
            *(((name, "--help"), "twisted.internet") for name in QUICK),
        ):
            with self.subTest(arguments=arguments):
                there = f"print([name for name in sys.modules if name.startswith({absent!r})])"
                program = (
                    "import sys; from mobility.cli import program\n"
                    f"program.main({arguments!r}, standalone_mode=False)\n{there}"
                )
                done = subprocess.run(
                    [sys.executable, "-c", program], capture_output=True, text=True, check=True
                )
                self.assertEqual("[]", done.stdout.splitlines()[-1])

    def test_version(self) -> None:
        """The version is that of the package."""
        self.assertEqual(f"mobility {__version__}\n", invoke("--version").stdout)


class ReactorTests(SynchronousTestCase):
    """Commands that do something in a reactor of their own."""

    def test_ends(self) -> None:
        """They give and raise what their doing does; a signal that comes first interrupts them."""
        for doing, said in (
            ("return 'well'", "well"),
            ("raise ValueError('badly')", "ValueError('badly')"),
            ("os.kill(os.getpid(), signal.SIGTERM); await Deferred()", "Abort()"),
        ):
            with self.subTest(doing=doing):
                program = (
                    "import os, signal\n"
                    "from twisted.internet.defer import Deferred\n"
                    "from twisted.internet.task import deferLater\n"
                    "from mobility.commands.in_reactor import in_reactor\n"
                    "async def doing(reactor):\n"
                    "    await deferLater(reactor, 0)\n"
                    f"    {doing}\n"
                    "try:\n"
                    "    print(in_reactor(doing))\n"
                    "except Exception as error:\n"
                    "    print(repr(error))\n"
                )
                done = subprocess.run(
                    [sys.executable, "-c", program], capture_output=True, text=True, check=True
                )
                self.assertEqual((said, ""), (done.stdout.strip(), done.stderr))


class PasswordTests(SynchronousTestCase):
    """What commands read from standard input."""

    def test_closed(self) -> None:
        """Who closes standard input gives no password."""
        self.patch(sys, "stdin", None)
        fault = self.assertRaises(click.UsageError, read_password)
        self.assertEqual("standard input holds no password", fault.message)


class PrivateFileTests(SynchronousTestCase):
    """Files that `mobility export` and the like write over others."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.plain = self.directory / "plain"
        self.plain.write_text("before")

    def test_replaced(self) -> None:
        """A plain file is written over, for its owner alone."""
        replace_private_file(self.plain, "after")
        self.assertEqual("after", self.plain.read_text())
        self.assertEqual(0o600, stat.S_IMODE(self.plain.stat().st_mode))
        self.assertEqual([self.plain], list(self.directory.iterdir()))

    def test_kept(self) -> None:
        """A device, a pipe or a link stays what it is, and so does what a link leads to."""
        pipe, link = self.directory / "pipe", self.directory / "link"
        os.mkfifo(pipe)
        link.symlink_to(self.plain.name)
        for file, is_kept in ((pipe, pipe.is_fifo), (link, link.is_symlink)):
            with self.subTest(file=file.name):
                with self.assertRaises(OSError) as caught:
                    replace_private_file(file, "after")
                self.assertEqual("it is no plain file", caught.exception.strerror)
                self.assertTrue(is_kept())
        self.assertEqual("before", self.plain.read_text())


class HelpTests(SynchronousTestCase):
    """What the options of commands about settings say of themselves."""

    def test_every_setting(self) -> None:
        """Every setting of every kind has its help, and nothing else has."""
        kinds = (*KINDS.values(), NormalisationRule, MobilityPolicy)
        names = {field.name for kind in kinds for field in attrs.fields(kind)}
        self.assertEqual(names - {"name", "rules"}, set(HELP))


class InitTests(SynchronousTestCase):
    """`mobility init`."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()

    def made(self, *options: str) -> dict[str, Any]:
        result = command("init", str(self.directory), "--json", *options)
        self.assertEqual((0, ""), (result.returncode, result.stderr))
        content: dict[str, Any] = json.loads(result.stdout)
        return content

    def test_files(self) -> None:
        """Every file is there, keys for their owner alone, with an empty database."""
        content = self.made()
        for name in FILES:
            self.assertTrue((self.directory / name).is_file(), name)
        for name in ("tls/server.key", "tls/peer.pem", "data/mobility.sqlite"):
            self.assertEqual(0o600, stat.S_IMODE((self.directory / name).stat().st_mode), name)
        self.assertEqual([], content["users"])
        self.assertEqual(str(self.directory / "mobility.toml"), content["config"])

    def test_configuration(self) -> None:
        """The configuration is one that the front end takes, with the documented ports."""
        self.made()
        config = load(self.directory / "mobility.toml")
        self.assertEqual("https://localhost:14443", config.web.external_url)
        self.assertEqual("https://127.0.0.1:10443", config.web.internal_url)
        self.assertEqual(
            [
                ("internal", True, 10443),
                ("internal", False, 10080),
                ("external", True, 14443),
                ("external", False, 18080),
                ("operator", True, 19443),
            ],
            [
                (one.site.name, one.site.secure, int(one.endpoint.split(":")[1]))
                for one in config.listeners
            ],
        )
        for listener in config.listeners:
            self.assertTrue(listener.endpoint.endswith(":interface=127.0.0.1"))
            self.assertIsInstance(listener.site, Site)

    def test_options(self) -> None:
        """Domain, URLs and offset are taken over."""
        self.made(
            *("--sip-domain", "other.test", "--port-offset", "20000"),
            *("--external-url", "https://ucwa.other.test", "--internal-url", "https://10.0.0.1"),
        )
        config = load(self.directory / "mobility.toml")
        self.assertEqual(("other.test",), config.sip_domains)
        self.assertEqual("ucwa.other.test", config.server_fqdn)
        self.assertEqual("https://10.0.0.1", config.web.internal_url)
        self.assertEqual("tcp:29443:interface=127.0.0.1", config.operator[1].endpoint)

    def test_never_overwrites(self) -> None:
        """A second init is refused with status 2 and changes nothing; so is one over a key."""
        self.made()
        before = {name: (self.directory / name).read_bytes() for name in FILES}
        result = invoke("init", str(self.directory))
        self.assertEqual(2, result.exit_code)
        self.assertIn("mobility.toml: is there already", result.stderr)
        self.assertEqual(before, {name: (self.directory / name).read_bytes() for name in FILES})
        (self.directory / "mobility.toml").unlink()
        result = invoke("init", str(self.directory))
        self.assertIn("ca.pem: is there already", result.stderr)
        self.assertFalse((self.directory / "mobility.toml").exists())

    def test_unwritable(self) -> None:
        """A directory that cannot be made is named."""
        self.directory.write_text("a file in the way")
        result = invoke("init", str(self.directory / "d"))
        self.assertEqual(2, result.exit_code)
        self.assertIn("cannot be written", result.stderr)


class UserTestCase(TestCase):
    """A test with a directory that has demo users."""

    timeout = 600

    def setUp(self) -> None:
        self.front_end = FrontEndProcess(Path(self.mktemp()))

    def run_user(self, *arguments: str, text: str = "") -> tuple[int, Any]:
        """Status, and the JSON that was printed or the error."""
        config = str(self.front_end.config)
        result = command("user", *arguments, "--json", "--config", config, text=text)
        if not result.stdout:
            return result.returncode, json.loads(result.stderr)["error"]
        return result.returncode, json.loads(result.stdout)

    def users(self) -> dict[str, dict[str, Any]]:
        status, content = self.run_user("list")
        self.assertEqual(0, status)
        return {one["uri"]: one for one in content["users"]}

    def check_life(self) -> None:
        """A user's whole life by commands."""
        options = ("--name", "Dave", "--phone", "+14255550109", "--enterprise-voice", "--site", "S")
        status, added = self.run_user("add", DAVE, *options, text="secret\nmore\n")
        self.assertEqual((0, DAVE), (status, added["uri"]))
        self.assertEqual(added, self.users()[DAVE])
        self.assertEqual(
            ("Dave", "+14255550109", True, False, "S", "here", True),
            tuple(
                added[name]
                for name in (
                    *("name", "work_phone", "enterprise_voice", "sip_digest"),
                    *("site", "home", "enabled"),
                )
            ),
        )
        self.assertEqual(
            (1, "There is a user with this SIP URI."), self.run_user("add", DAVE, text="secret\n")
        )
        status, changed = self.run_user(
            "set", DAVE, "--password", "--sip-digest", "--home", "none", "--disable", text="new\n"
        )
        self.assertEqual((0, True, "none", False), (status, *self.some_of(changed)))
        status, error = self.run_user("set", DAVE, "--phone", "12", "--email", "x")
        self.assertEqual(2, status)
        self.assertIn("work_phone must be an E.164 number", error)
        self.assertIn("email is 'x', must be a mail address", error)
        self.assertEqual(0, self.run_user("remove", DAVE)[0])
        self.assertEqual((1, f"There is no user {DAVE!r}."), self.run_user("remove", DAVE))
        self.assertNotIn(DAVE, self.users())

    def check_delegates(self) -> None:
        """Delegates and team members are added, listed and removed."""
        for kind, listed in (
            ("delegate", {"delegates": [BOB], "delegators": []}),
            ("team", {"team": [BOB]}),
        ):
            self.assertEqual(0, self.run_user(kind, "add", ALICE, BOB)[0])
            self.assertEqual((0, listed), self.run_user(kind, "list", ALICE))
            self.assertEqual(
                (1, f"There is no user {DAVE!r}."), self.run_user(kind, "add", ALICE, DAVE)
            )
            self.assertEqual(2, self.run_user(kind, "add", ALICE, ALICE)[0])
            self.assertEqual(0, self.run_user(kind, "remove", ALICE, BOB)[0])
            self.assertEqual(1, self.run_user(kind, "remove", ALICE, BOB)[0])

    def check_push(self) -> None:
        """A platform is off until it is turned on, for all or for a site."""

        def run(*arguments: str) -> tuple[int, Any]:
            done = command("push", *arguments, "--json", "--config", str(self.front_end.config))
            return done.returncode, json.loads(done.stdout or done.stderr)

        self.assertEqual(0, run("enable", "apns")[0])
        refused = {"error": "There is no site 'Berlin': a site is in the topology, or some user's."}
        self.assertEqual((1, refused), run("disable", "apns", "--site", "Berlin"))
        self.assertEqual(0, self.run_user("set", BOB, "--site", "Berlin")[0])
        self.assertEqual(0, run("disable", "apns", "--site", "Berlin")[0])
        shown = {
            (one["platform"], one["scope"]): one["enabled"] for one in run("show")[1]["switches"]
        }
        self.assertIs(True, shown["apns", "global"])
        self.assertIs(False, shown["apns", "site:Berlin"])
        self.assertIs(False, shown["webpush", "global"])
        self.assertEqual(0, run("inherit", "apns", "Berlin")[0])
        self.assertEqual(1, run("inherit", "apns", "Berlin")[0])
        self.assertEqual(0, self.run_user("set", BOB, "--site", "")[0])
        self.assertEqual(2, run("enable", "mpns")[0])
        status, standing = run("status")
        self.assertEqual((0, None, 0), (status, standing["oldest_s"], standing["waiting"]))
        self.assertEqual(1, run("trace", "nothing")[0])

    def checked_push(self) -> tuple[list[str], list[str]]:
        """What `mobility check push` finds, and what it could not look at."""
        done = command("check", "push", "--json", "--config", str(self.front_end.config))
        part = json.loads(done.stdout)["parts"]["push"]
        return [one["id"] for one in part["findings"]], [one["what"] for one in part["skipped"]]

    def some_of(self, user: dict[str, Any]) -> tuple[object, object, object]:
        return user["sip_digest"], user["home"], user["enabled"]

    def run_policy(self, *arguments: str) -> tuple[int, Any]:
        """Status, and the JSON that was printed or the error."""
        config = str(self.front_end.config)
        result = command("policy", *arguments, "--json", "--config", config)
        if not result.stdout:
            return result.returncode, json.loads(result.stderr)["error"]
        return result.returncode, json.loads(result.stdout)

    def check_policies(self) -> None:
        """The life of a mobility policy by commands."""
        status, made = self.run_policy("new", "Sales", "enablemobility=$false")
        self.assertEqual((0, "tag:Sales", False), (status, made["name"], made["EnableMobility"]))
        group = ("--name", "Team", "--member", ALICE)
        config = ("--config", str(self.front_end.config))
        team = "sip:team@example.test"
        self.assertEqual(0, command("group", "set", team, *group, *config).returncode)
        status, granted = self.run_policy("grant-group", team, "sales", "--rank", "7")
        self.assertEqual((0, "tag:sales", 7), (status, granted["policy"], granted["rank"]))
        self.assertEqual("tag:Sales", self.run_policy("get", "--user", ALICE)[1]["name"])
        status, error = self.run_policy("remove", "Sales")
        self.assertEqual((1, True), (status, f"is used by group policy {team}" in error))
        self.assertEqual(1, len(self.run_policy("list-groups")[1]["group-policies"]))
        self.assertEqual(0, self.run_policy("grant-group", team, "")[0])
        self.assertEqual("global", self.run_policy("get", "--user", ALICE)[1]["name"])
        self.assertEqual(0, self.run_policy("grant", ALICE, "sales")[0])
        self.assertEqual("tag:Sales", self.run_policy("get", "--user", ALICE)[1]["name"])
        self.assertEqual(0, self.run_policy("set", "Sales", "EnableMobility=true")[0])
        status, error = self.run_policy("set", "Sales", "EncryptAppData=false", "--version", "1")
        self.assertEqual((1, True), (status, "at version 2, not 1" in error))
        self.assertEqual(0, self.run_policy("grant", ALICE, "")[0])
        self.assertEqual("global", self.run_policy("get", "--user", ALICE)[1]["name"])
        self.assertEqual(0, self.run_policy("remove", "Sales")[0])
        self.assertEqual(["global"], [p["name"] for p in self.run_policy("list")[1]["policies"]])


class AloneTests(UserTestCase):
    """Users while no front end runs."""

    def test_demo_users(self) -> None:
        """init made the demo users, with SIP digest and Enterprise Voice."""
        users = self.users()
        self.assertEqual([f"sip:{name}@example.test" for name in sorted(DEMO_USERS)], list(users))
        for user in users.values():
            self.assertTrue(user["sip_digest"] and user["enterprise_voice"] and user["enabled"])

    def test_life(self) -> None:
        """Users are added, changed and removed in the store itself."""
        self.check_life()

    def test_delegates(self) -> None:
        """Delegates and teams are changed in the store itself, and are there the next time."""
        self.check_delegates()

    def test_push(self) -> None:
        """Switches are turned in the store itself; only a front end that runs sends tests."""
        self.check_push()
        self.assertEqual(([], ["push", "switches of platforms"]), self.checked_push())
        done = command("push", "send-test", ALICE, "--config", str(self.front_end.config))
        self.assertEqual(1, done.returncode)
        self.assertIn("only one that runs sends", done.stderr)

    def test_no_password(self) -> None:
        """Without a password on standard input nothing is done."""
        self.assertEqual((2, "standard input holds no password"), self.run_user("add", DAVE))
        self.assertEqual(
            (2, "standard input holds no password"), self.run_user("set", ALICE, "--password")
        )

    def test_nothing_to_change(self) -> None:
        """`set` without an option is wrong use."""
        self.assertEqual((2, "nothing to change: give an option"), self.run_user("set", ALICE))

    def test_status(self) -> None:
        """Status says that none runs, with status 1."""
        result = command("status", "--config", str(self.front_end.config))
        self.assertEqual(1, result.returncode)
        self.assertEqual("mobility: no front end runs with this configuration\n", result.stderr)

    def file(self, text: str) -> str:
        path = self.front_end.directory / "users.csv"
        path.write_text(text)
        return str(path)

    def test_import(self) -> None:
        """Nothing is added while a row is wrong; told to leave such rows out it adds the rest."""
        file = self.file(
            "uri,password,phone,sip_digest,Name\n"
            + f"{DAVE},secret,+14255550109,yes,\n"
            + f'{ALICE},secret,,,"A, B"\n'
            + 'sip:eve@example.test,"se,cret",,no,"Eve, ""E"""\n'
        )
        status, content = self.run_user("import", file)
        refused = {"line": 3, "column": "", "rule": "is there already, and different"}
        self.assertEqual((1, 0, [refused]), (status, content["added"], content["refused"]))
        self.assertNotIn(DAVE, self.users())
        status, content = self.run_user("import", file, "--skip-refused", "--batch", "1")
        self.assertEqual((1, 2), (status, content["added"]))
        users = self.users()
        self.assertTrue(users[DAVE]["sip_digest"])
        self.assertEqual('Eve, "E"', users["sip:eve@example.test"]["name"])
        self.assertEqual("Alice", users[ALICE]["name"])

    def test_import_again(self) -> None:
        """A dry run changes nothing; what is there and the same is no fault, so an interrupted
        import can be run again; passwords are made for who has none."""
        file = self.file(f"uri,title\n{DAVE},Boss\nsip:eve@example.test,\n")
        status, content = self.run_user("import", file, "--dry-run")
        self.assertEqual((0, 2), (status, content["added"]))
        self.assertEqual([2, 3], [one["line"] for one in content["notes"]])
        self.assertNotIn(DAVE, self.users())
        made = self.front_end.directory / "passwords.csv"
        status, content = self.run_user("import", file, "--generate-passwords", str(made))
        self.assertEqual((0, 2, []), (status, content["added"], content["notes"]))
        self.assertEqual(0o600, stat.S_IMODE(made.stat().st_mode))
        self.assertEqual(3, len(made.read_text().splitlines()))
        status, content = self.run_user("import", file)
        self.assertEqual((0, 0, 2), (status, content["added"], content["unchanged"]))
        options = ("--existing", "change", "--generate-passwords", str(made))
        status, error = self.run_user("import", file, *options)
        self.assertEqual(2, status)
        self.assertIn("cannot be made", error)

    def test_import_wrong(self) -> None:
        """A wrong row is told with line, column and rule, and a file that is none ends at once."""
        status, error = self.run_user("import", self.file("uri,colour\n"))
        self.assertEqual(2, status)
        self.assertIn(":1: has a column 'colour', which is no field of a user", error)
        rows = f"{DAVE},secret,\nsip:e@example.test,x,12\nsip:e@elsewhere.test,x,\n"
        status, content = self.run_user("import", self.file(f"uri,password,phone\n{rows}"))
        self.assertEqual(
            [(3, "work_phone"), (4, "uri")],
            [(one["line"], one["column"]) for one in content["refused"]],
        )
        self.assertEqual(1, status)
        self.assertNotIn(DAVE, self.users())


class RootAloneTests(UserTestCase):
    """A command of root, for a front end that runs as a user of its own."""

    OWNER = 12_345
    """No user of this machine; root may give files to anybody."""

    def test_owner(self) -> None:
        """What root makes in another user's data directory belongs to that user; links stay."""
        if os.geteuid() != 0:
            raise SkipTest("only root makes files for others")
        data = self.front_end.directory / "data"
        for file in data.iterdir():
            file.unlink()
        os.chown(data, self.OWNER, self.OWNER)
        elsewhere = self.front_end.directory / "elsewhere"
        elsewhere.write_text("root's")
        (data / "mobility.sqlite.backup").symlink_to(elsewhere)
        os.link(elsewhere, data / "mobility.sqlite.other")
        self.assertEqual(0, self.run_user("add", DAVE, text="secret\n")[0])
        owners = {file.name: file.lstat().st_uid for file in data.iterdir()}
        self.assertEqual(
            {
                "commands.log": self.OWNER,
                "mobility.sqlite": self.OWNER,
                "mobility.sqlite.lock": self.OWNER,
                "operator.key": self.OWNER,
                "pseudonym.key": self.OWNER,
                "mobility.sqlite.backup": 0,
                "mobility.sqlite.other": 0,
            },
            owners,
        )
        self.assertEqual(0, elsewhere.stat().st_uid)


class VoiceAloneTests(UserTestCase):
    """Voice routing while no front end runs."""

    def run_voice(self, *arguments: str) -> tuple[int, Any]:
        """Status, and the JSON that was printed or the error."""
        config = str(self.front_end.config)
        result = command("voice", *arguments, "--json", "--config", config)
        if not result.stdout:
            return result.returncode, json.loads(result.stderr)["error"]
        return result.returncode, json.loads(result.stdout)

    def test_life(self) -> None:
        """Objects are added, changed and forgotten in the store itself, each change by version."""
        self.assertEqual(0, self.run_voice("usage", "add", "Local")[0])
        status, changed = self.run_voice("policy", "set", "global", "--usages", "Local")
        self.assertEqual((0, ["Local"], 1), (status, changed["usages"], changed["version"]))
        status, error = self.run_voice("policy", "set", "global", "--usages", "", "--version", "0")
        self.assertEqual((1, True), (status, "at version 1, not 0" in error))
        status, found = self.run_voice("test", "--from", ALICE, "+4930123456")
        self.assertEqual((1, "NoRoute"), (status, found["failure"]))
        status, found = self.run_voice("test", "--from", ALICE, "--meeting", "+4930123456")
        self.assertEqual((1, "NoConferenceServer"), (status, found["failure"]))
        self.assertEqual((2, "Missing argument 'NUMBER'."), self.run_voice("test", "--from", ALICE))
        self.assertEqual(0, self.run_voice("policy", "remove", "global")[0])
        self.assertEqual(0, self.run_voice("usage", "remove", "local")[0])
        self.assertEqual((0, {"usages": []}), self.run_voice("usage", "list"))

    def test_wrong(self) -> None:
        """What is wrong is told with the nearest right name, status 2."""
        status, error = self.run_voice("gateway", "add", "gw.test", "--transport", "tsl")
        self.assertEqual(2, status)
        self.assertEqual("transport is 'tsl', must be tls or tcp; is tls meant?", error)


class PolicyAloneTests(UserTestCase):
    """Mobility policy while no front end runs."""

    def test_life(self) -> None:
        """Policies are made, granted, read and forgotten in the store itself."""
        self.check_policies()

    def test_wrong(self) -> None:
        """What is wrong is told with the nearest right name, status 2."""
        for arguments, message in (
            (("set", "global", "EnableMobilty=false"), "is EnableMobility meant?"),
            (("set", "global", "EnableMobility=maybe"), "is 'maybe', must be true or false"),
            (("set", "global", "EnableMobility"), "is not PARAMETER=VALUE"),
            (("set", "global"), "nothing to change"),
            (("grant", ALICE, "nobody"), "names no mobility policy for users"),
        ):
            status, error = self.run_policy(*arguments)
            self.assertEqual(2, status, error)
            self.assertIn(message, error)


class RunningTests(UserTestCase):
    """Users while a front end runs."""

    async def test_life(self) -> None:
        """The front end itself adds, changes and removes, and its log has it."""
        self.front_end.start()
        self.addCleanup(lambda: ensureDeferred(self.front_end.kill()))
        await self.front_end.ready()
        self.check_life()
        self.check_delegates()
        self.check_push()
        self.assertEqual((["push.no-house"], ["push"]), self.checked_push())
        self.check_policies()
        await self.front_end.logged("mobility.granted")
        await self.front_end.logged("users.removed")
        changed = [one["fields"] for one in self.front_end.events("users.changed")]
        site = ["site"]
        self.assertEqual([["enabled", "home", "password", "sip_digest"], site, site], changed)
        result = command("status", "--json", "--config", str(self.front_end.config))
        self.assertEqual(0, result.returncode)
        status = json.loads(result.stdout)
        self.assertTrue(status["ready"])
        self.assertEqual((3, __version__), (status["users"], status["version"]))
        self.assertEqual(5, len(status["listeners"]))
        shown = command("status", "--config", str(self.front_end.config)).stdout.splitlines()
        for kind in ("listeners", "sip_listeners"):
            for name, address in status[kind].items():
                self.assertIn(f"{name}: {address}", shown)
        self.assertIn(f"sip-primary: 127.0.0.1:{self.front_end.port(5089)}", shown)

    async def test_other_certificate(self) -> None:
        """A listener with another certificate than the file's is not told the secret."""
        self.front_end.start()
        self.addCleanup(lambda: ensureDeferred(self.front_end.kill()))
        await self.front_end.ready()
        other = FrontEndProcess(Path(self.mktemp()))
        for name in ("server.pem", "server.key"):
            (other.directory / "tls" / name).replace(self.front_end.directory / "tls" / name)
        status, error = self.run_user("list")
        self.assertEqual(2, status)
        self.assertIn("is not the certificate of the front end that runs", error)
