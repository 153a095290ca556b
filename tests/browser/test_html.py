"""Messages in HTML as a real browser shows them, by the worst client there can be."""

from pathlib import Path

from twisted.trial.unittest import TestCase

from mobility.domain.html_message import read_html
from tests.browser.chromium import Chromium
from tests.interop.front_end_process import FrontEndProcess

RUN = "parent.ran.push(this.tagName || 'script')"

HOSTILE = (
    f"<script>{RUN}</script>",
    f'<img src="https://localhost:1/x.png" onerror="{RUN}">',
    f'<svg onload="{RUN}"><script>{RUN}</script></svg>',
    f'<body onload="{RUN}">',
    f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
    f'<details open ontoggle="{RUN}">x</details>',
    f'<input autofocus onfocus="{RUN}">',
    f'<p style="background:url(https://localhost:1/p.png)" onclick="{RUN}">x</p>',
    '<p style="background-color:url(https://localhost:1/c.png)">x</p>',
    '<p style="font-family:x;src:url(https://localhost:1/f.woff)">x</p>',
    "<style>p{background:url(https://localhost:1/s.png)}</style><p>x</p>",
    '<link rel="stylesheet" href="https://localhost:1/l.css">',
    '<meta http-equiv="refresh" content="0;url=https://localhost:1/m">',
    '<base href="https://localhost:1/"><font face="x">x</font>',
    "<math><mtext><table><mglyph><style><!--</style>"
    f'<img title="--&gt;&lt;img src=1 onerror={RUN}&gt;">',
    f"<noscript><p title=\"</noscript><img src=x onerror='{RUN}'>\">",
    f'<a href="java\tscript:{RUN}">x</a><a href=" javascript:{RUN}">x</a>',
    f'<a href="JaVaScRiPt:{RUN}">x</a><a href="//localhost:1/a">x</a>',
    '<a href="data:text/html,<script>parent.ran.push(1)</script>">x</a>',
    f"<<script>script>{RUN}<</script>/script>",
    f"<scr\0ipt>{RUN}</scr\0ipt>",
    f"</div></body></html><script>{RUN}</script>",
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
)
"""What would run or load something if it came through."""

SHOW = """async (messages) => {
    window.ran = [];
    const loaded = [];
    for (const html of messages) {
        const frame = document.createElement("iframe");
        frame.srcdoc = "<!DOCTYPE html><p>Before</p>" + html + "<p>After</p>";
        await new Promise((resolve) => {
            frame.onload = resolve;
            document.body.append(frame);
        });
        const shown = frame.contentWindow;
        for (const link of shown.document.querySelectorAll("a[href]")) {
            if (link.protocol !== "https:") {
                ran.push(link.href);
            }
        }
        for (const entry of shown.performance.getEntriesByType("resource")) {
            loaded.push(entry.name);
        }
        loaded.push(...(shown.location.href === "about:srcdoc" ? [] : [shown.location.href]));
        frame.remove();
    }
    return {ran, loaded};
}"""
"""Shows each message in a frame of its own; what that has run and loaded."""


class HtmlTests(TestCase):
    """A client that writes what it gets into its page."""

    timeout = 300

    async def setUp(self) -> None:
        self.chromium = Chromium(Path(self.mktemp()))
        await self.chromium.start(self, FrontEndProcess(Path(self.mktemp())).ca)
        await self.chromium.open("about:blank")

    async def test_messages(self) -> None:
        """Nothing runs, nothing is loaded, no link leads to a script; without the server's doing
        it would be seen."""
        seen = await self.chromium.call(SHOW, HOSTILE[:2])
        self.assertEqual((len(seen["ran"]), seen["loaded"]), (2, ["https://localhost:1/x.png"]))
        kept = [read_html(message).html for message in HOSTILE]
        kept.append(read_html(" ".join(HOSTILE)).html)
        seen = await self.chromium.call(SHOW, kept)
        self.assertEqual(seen, {"ran": [], "loaded": []})
