"""What twistd gets from the plugin; tests/interop/test_process.py runs it as a process."""

import json
from pathlib import Path

from twisted.application.service import Application, IServiceMaker
from twisted.logger import ILogObserver
from twisted.plugin import IPlugin
from twisted.trial.unittest import SynchronousTestCase

from mobility.daemon import Refused
from mobility.errors import OperatorFault
from mobility.tap import Options, makeService
from tests.interop.front_end_process import FrontEndProcess
from twisted.plugins import mobility_plugin


class PluginTests(SynchronousTestCase):
    """What twistd finds."""

    def test_maker(self) -> None:
        """The plugin is a service maker named mobility, whose parts are those of the tap module."""
        maker = mobility_plugin.mobility
        self.assertTrue(IPlugin.providedBy(maker))
        self.assertTrue(IServiceMaker.providedBy(maker))
        self.assertEqual("mobility", maker.tapname)
        self.assertIs(Options, maker.options)
        self.assertIs(makeService, maker.makeService)

    def test_refused(self) -> None:
        """What ends twistd is both an Exception and a SystemExit, with status 2."""
        refused = Refused(OperatorFault("file", "rule", "key"))
        self.assertIsInstance(refused, Exception)
        self.assertIsInstance(refused, SystemExit)
        self.assertEqual((2, "file: key: rule"), (refused.code, str(refused)))


class ObserverTests(SynchronousTestCase):
    """How twistd's own log is replaced."""

    def test_component(self) -> None:
        """Joining an application sets its log observer, which twistd then uses."""
        front_end = FrontEndProcess(Path(self.mktemp()))
        front_end.configure('destination = "stdout"', 'destination = "mobility.json"')
        options = Options()
        options.parseOptions(["--config", str(front_end.config)])
        service = makeService(options)
        application = Application("mobility")
        service.setServiceParent(application)
        observer = ILogObserver(application)
        observer({"log_format": "hello", "log_namespace": "here"})
        last = (front_end.directory / "mobility.json").read_text().splitlines()[-1]
        self.assertEqual(
            ("twisted.log", "hello"), (json.loads(last)["event"], json.loads(last)["text"])
        )
