"""applications and application: creation, instances, dashboards and the end."""

from functools import partial

import attrs

from mobility.config import UcwaConfig
from mobility.ucwa.hrefs import APPLICATIONS, REFERENCE_APPLICATIONS
from tests.ucwa.service import Client, UcwaTestCase, uri

DASHBOARDS = {"me", "people", "onlineMeetings", "communication"}


class RegisterTestCase(UcwaTestCase):
    """A user with a token and no application."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = Client(self.service, "alice", await self.service.token("alice"))


class RegisterTests(RegisterTestCase):
    """POST applications."""

    async def test_sample(self) -> None:
        """The body of UCWA "Create an application", trailing comma included, makes one."""
        response = await self.alice.post(
            APPLICATIONS,
            body=b'{\n"UserAgent":"UCWA Samples",\n"EndpointId":"a917c6f4-976c",\n'
            b'"Culture":"en-US",\n}',
            content_type="application/json",
        )
        self.assertEqual(response.status, 201)
        shown = response.json()
        own = f"{APPLICATIONS}/{shown['id']}"
        self.assertEqual(response.header("Location"), own)
        self.assertEqual(response.header("ETag"), f'"{shown["etag"]}"')
        self.assertEqual(response.header("X-MS-UcwaVersion"), "2")
        self.assertEqual(response.header("Content-Type"), "application/json; charset=utf-8")
        self.assertEqual(
            {name: shown[name] for name in ("rel", "culture", "userAgent", "endpointId")},
            {
                "rel": "application",
                "culture": "en-US",
                "userAgent": "UCWA Samples",
                "endpointId": "a917c6f4-976c",
            },
        )
        self.assertNotIn("instanceId", shown)
        self.assertEqual(
            shown["_links"],
            {
                "self": {"href": own},
                "policies": {"href": f"{own}/policies"},
                "batch": {"href": f"{own}/batch"},
                "events": {"href": f"{own}/events?ack=1"},
                "reportMyNetwork": {"href": f"{own}/reportMyNetwork"},
            },
        )
        self.assertEqual(set(shown["_embedded"]), DASHBOARDS)
        for rel, dashboard in shown["_embedded"].items():
            self.assertEqual(dashboard["rel"], rel)
            self.assertEqual(dashboard["_links"]["self"], {"href": f"{own}/{rel}"})

    async def test_photo_cookie(self) -> None:
        """The answer sets `cwt_ucwa` for the application's photos alone."""
        response = await self.alice.register()
        (cookie,) = response.header_lines("Set-Cookie")
        self.assertTrue(cookie.startswith("cwt_ucwa="), cookie)
        self.assertIn(f"; Path={self.alice.href}/photos; Secure; HttpOnly", cookie)

    async def test_spelling(self) -> None:
        """Names in any case, unknown names and an absent media type are taken."""
        for content_type in (None, "", "application/json", "application/json; charset=utf-8"):
            response = await self.alice.post(
                APPLICATIONS,
                body=b'{"useragent":"x","ENDPOINTID":"y","culture":"de","Unknown":{"a":[1]}}',
                content_type=content_type,
            )
            self.assertIn(response.status, (200, 201))

    async def test_missing(self) -> None:
        """Culture, endpointId and userAgent are required, 100 characters each at most."""
        response = await self.alice.post(APPLICATIONS, {})
        self.assertEqual(self.wrong_parameters(response), {"culture", "endpointId", "userAgent"})
        response = await self.alice.post(APPLICATIONS)
        self.assertEqual(self.wrong_parameters(response), {"culture", "endpointId", "userAgent"})
        response = await self.alice.register(
            **dict.fromkeys(("Culture", "EndpointId", "UserAgent", "InstanceId"), "x" * 101)
        )
        self.assertEqual(
            self.wrong_parameters(response), {"culture", "endpointId", "userAgent", "instanceId"}
        )
        longest = await self.alice.register(EndpointId="x" * 100)
        self.assertEqual(longest.status, 201)

    async def test_unreadable(self) -> None:
        """A body that is no JSON object is 400 DeserializationFailure, another type 415."""
        for body in (b"{", b"[]", b"nonsense", b'{"culture": "\xff"}', b"[" * 100_000):
            response = await self.alice.post(
                APPLICATIONS, body=body, content_type="application/json"
            )
            self.refused(response, 400, "BadRequest", "DeserializationFailure")
        response = await self.alice.post(APPLICATIONS, body=b"a=b", content_type="text/csv")
        self.refused(response, 415, "UnsupportedMediaType")

    async def test_without_token(self) -> None:
        """Without a token, or with a wrong one, the answer is 401 with both challenges."""
        for token in ("", "cwt=wrong", "cwt=" + "x" * 43):
            stranger = Client(self.service, "alice", token)
            response = await stranger.register()
            self.refused(response, 401, "Unauthorized")
            bearer, oauth = response.header_lines("WWW-Authenticate")
            self.assertTrue(bearer.startswith("Bearer trusted_issuers="), bearer)
            self.assertTrue(oauth.startswith('MsRtcOAuth href="https://'), oauth)

    async def test_same_application(self) -> None:
        """The same culture, endpointId, type and userAgent is the same application: 200."""
        first = await self.alice.register()
        again = await self.alice.register()
        self.assertEqual((first.status, again.status), (201, 200))
        self.assertEqual(first.json()["id"], again.json()["id"])
        self.assertIs(again.header("Location"), None)
        for name in ("Culture", "EndpointId", "Type", "UserAgent"):
            other = await self.alice.register(**{name: "another"})
            self.assertEqual(other.status, 201)
            self.assertNotEqual(other.json()["id"], first.json()["id"])

    async def test_required_version(self) -> None:
        """Clients that ask for revision 2 are served; revision 3 does not exist."""
        for version in ("1", "2", "2.0"):
            response = await self.alice.register(("X-MS-RequiresMinResourceVersion", version))
            self.assertIn(response.status, (200, 201))
        for version in ("3", "2.1", "9999999"):
            response = await self.alice.register(("X-MS-RequiresMinResourceVersion", version))
            self.refused(response, 404, "NotFound", "APIVersionNotSupported")
        for version in ("two", "-1", "1e9", "nan", "", "1" * 17):
            response = await self.alice.register(("X-MS-RequiresMinResourceVersion", version))
            self.refused(response, 400, "BadRequest")


class LimitTests(RegisterTestCase):
    """How many applications and instances there may be."""

    ucwa = UcwaConfig(applications_per_user=2, instances_per_application=2)

    async def test_applications(self) -> None:
        """One more than the limit is 410 TooManyApplications; another user is not concerned."""
        self.assertEqual((await self.alice.register(EndpointId="1")).status, 201)
        self.assertEqual((await self.alice.register(EndpointId="2")).status, 201)
        response = await self.alice.register(EndpointId="3")
        self.refused(response, 410, "Gone", "TooManyApplications")
        await self.service.sign_in("bob")
        self.accepted(await self.alice.delete(), 204)
        self.assertEqual((await self.alice.register(EndpointId="3")).status, 201)

    async def test_instances(self) -> None:
        """One tab more than the limit is refused the same way."""
        for instance in ("a", "b"):
            self.assertEqual((await self.alice.register(InstanceId=instance)).status, 201)
        response = await self.alice.register(InstanceId="c")
        self.refused(response, 410, "Gone", "TooManyApplications")
        self.assertEqual((await self.alice.register(InstanceId="a")).status, 200)


class InstanceTests(RegisterTestCase):
    """UCWA "Multi-Tab Support"."""

    async def tab(self, instance: str, status: int = 201) -> Client:
        tab = Client(self.service, "alice", self.alice.token)
        response = await tab.register(instanceId=instance, type="Browser")
        self.assertEqual(response.status, status)
        self.assertEqual(response.json()["instanceId"], instance)
        return tab

    async def test_tabs(self) -> None:
        """Tabs share the application; a new one is 201, a known one 200."""
        first, second = await self.tab("abc"), await self.tab("def")
        await self.tab("abc", 200)
        self.assertEqual(first.href, second.href)
        self.assertEqual(
            second.application["_links"]["self"], {"href": f"{first.href}?instanceId=def"}
        )
        self.assertIn("&instanceId=def", second.next)

    async def test_own_channels(self) -> None:
        """Each tab is told everything once; a later tab is told what happens after it."""
        first, second = await self.tab("a"), await self.tab("b")
        self.accepted(await first.post("me/makeMeAvailable", {}), 204)
        told = await first.events()
        self.assertEqual([e.rel for e in told][-1], "communication")
        self.assertEqual([e.brief for e in await second.events()], [e.brief for e in told])
        third = await self.tab("c")
        self.accepted(await first.post("me/note", {"message": "busy"}), 204)
        for tab in (first, second, third):
            self.assertEqual([e.brief for e in await tab.events()], [("me", "note", "updated")])

    async def test_strange_names(self) -> None:
        """Any text can be an instance id: links lead back to that instance."""
        plain = await self.tab("plain")
        for name in ("a&p=9&n=9", "ü/€ #?%", "a b+c"):
            tab = await self.tab(name)
            shown = await tab.document(tab.application["_links"]["self"]["href"])
            self.assertEqual(shown["instanceId"], name)
            self.assertEqual(shown["_links"]["events"]["href"], tab.next)
        self.accepted(await plain.post("me/makeMeAvailable", {}), 204)
        self.assertEqual(len(await tab.events()), 5)

    async def test_after_restart(self) -> None:
        """A tab goes on from its link after a restart, whatever was asked for in between."""
        first, second = await self.tab("a"), await self.tab("b")
        self.accepted(await first.post("me/makeMeAvailable", {}), 204)
        await first.events()
        await self.service.restart()
        await self.tab("b", 200)
        await second.document()
        self.assertEqual(len(await second.events()), 5)
        self.assertTrue(await first.nothing_more())

    async def test_end_of_a_tab(self) -> None:
        """DELETE of a tab ends its channel alone; of the last one, the application."""
        first, second = await self.tab("a"), await self.tab("b")
        parked = second.park()
        self.accepted(await second.delete(second.application["_links"]["self"]["href"]), 204)
        self.refused(await parked, 404, "NotFound", "ApplicationNotFound")
        self.refused(await second.park(), 404, "NotFound", "ApplicationNotFound")
        await first.document()
        self.accepted(await first.delete(first.application["_links"]["self"]["href"]), 204)
        self.refused(await first.get(), 404, "NotFound", "ApplicationNotFound")


class ApplicationTests(UcwaTestCase):
    """GET and DELETE application, policies, reportMyNetwork, onlineMeetings."""

    async def test_lurker(self) -> None:
        """Before makeMeAvailable `me` has no presence, note or location, and those answer 409."""
        alice = await self.service.sign_in("alice", available=False)
        shown = await alice.document()
        self.assertEqual(
            set(shown["_embedded"]["me"]["_links"]),
            {
                "self",
                "makeMeAvailable",
                "phones",
                "photo",
                "mobility:photo",
                "mobility:pushSubscriptions",
            },
        )
        self.assertEqual(shown["_embedded"]["communication"]["supportedModalities"], [])
        for path, body in (
            ("me/presence", {"availability": "Busy"}),
            ("me/note", {"message": "x"}),
            ("me/location", {"location": "x"}),
        ):
            for response in (await alice.get(path), await alice.post(path, body)):
                self.refused(response, 409, "Conflict", "MakeMeAvailableRequired")
        response = await alice.post("me/reportMyActivity")
        self.refused(response, 409, "Conflict", "MakeMeAvailableRequired")

    async def test_available(self) -> None:
        """After it they are there, and makeMeAvailable is gone."""
        alice = await self.service.sign_in("alice")
        shown = await alice.document()
        self.assertEqual(
            set(shown["_embedded"]["me"]["_links"]),
            {
                "self",
                "note",
                "presence",
                "location",
                "reportMyActivity",
                "phones",
                "photo",
                "mobility:photo",
                "mobility:pushSubscriptions",
            },
        )
        communication = shown["_embedded"]["communication"]
        self.assertEqual(communication["supportedModalities"], ["Messaging"])
        self.assertEqual(communication["supportedMessageFormats"], ["Plain"])
        for rel, link in shown["_embedded"]["people"]["_links"].items():
            if rel not in ("self", "search"):
                self.assertEqual((await alice.document(link["href"]))["rel"], rel)

    async def test_delete(self) -> None:
        """DELETE ends the application, its parked request and its links; the token lives on."""
        alice = await self.service.sign_in("alice")
        parked = alice.park()
        self.assertFalse(parked.called)
        self.accepted(await alice.delete(), 204)
        self.refused(await parked, 404, "NotFound", "ApplicationNotFound")
        for path in ("", "me", "policies", "communication"):
            self.refused(await alice.get(path), 404, "NotFound", "ApplicationNotFound")
        self.refused(await alice.delete(), 404, "NotFound", "ApplicationNotFound")
        self.assertEqual((await alice.register()).status, 201)

    async def test_idle_expiry(self) -> None:
        """An application ends when it is silent for its time, and not while it is parked."""
        alice = await self.service.sign_in("alice")
        bob = await self.service.sign_in("bob")
        quiet = await self.service.sign_in("carol", available=False)
        parked = alice.park("&timeout=1800")
        life = self.service.config.ucwa.idle_expiry_s
        self.clock.pump([900] * (life // 900 + 1))
        await self.service.settle()
        self.refused(await bob.get(), 404, "NotFound", "ApplicationNotFound")
        self.refused(await quiet.get(), 404, "NotFound", "ApplicationNotFound")
        alice.take(await parked)
        await alice.document()

    async def test_policies(self) -> None:
        """Policies are texts; what is not built is not enabled."""
        alice = await self.service.sign_in("alice")
        shown = await alice.document("policies")
        self.assertEqual(shown.pop("rel"), "policies")
        self.assertEqual(shown.pop("_links"), {"self": {"href": f"{alice.href}/policies"}})
        self.assertEqual(shown["telephonyMode"], "None")
        self.assertEqual(shown["htmlMessaging"], "Enabled")
        self.assertTrue(all(isinstance(value, str) for value in shown.values()))

    async def test_telephony(self) -> None:
        """Who gets Enterprise Voice is told that policies have changed, and which they are now."""
        alice = await self.service.sign_in("alice")
        users = self.service.front_end.users
        for voice, mode in ((True, "AudioVideo"), (False, "None")):
            changed = partial(attrs.evolve, enterprise_voice=voice)
            await users.update(uri("alice"), changed, self.clock.seconds())
            told = [event.brief for event in await alice.events()]
            self.assertEqual(told, [("me", "me", "updated"), ("policies", "policies", "updated")])
            self.assertEqual((await alice.document("policies"))["telephonyMode"], mode)

    async def test_applications(self) -> None:
        """GET applications shows those of the caller, on both paths, with their parts."""
        bob = await self.service.sign_in("bob")
        alice = await self.service.sign_in("alice")
        for path in (APPLICATIONS, REFERENCE_APPLICATIONS):
            shown = (await alice.get(path)).json()
            self.assertEqual(shown["rel"], "applications")
            self.assertEqual(shown["_links"]["self"]["href"], APPLICATIONS)
            (own,) = shown["_embedded"]["application"]
            self.assertEqual(own, await alice.document())
        await bob.delete()
        left = (await bob.get(APPLICATIONS)).json()
        self.assertEqual(left["_embedded"], {"application": []})

    async def test_network(self) -> None:
        """reportMyNetwork takes the documented fields; clientNetworkType is required."""
        alice = await self.service.sign_in("alice")
        report = {"clientNetworkType": "external", "ip": "192.0.2.7", "rssi": -60, "wapBSSID": None}
        self.accepted(await alice.post("reportMyNetwork", report), 201)
        self.assertEqual(
            self.wrong_parameters(await alice.post("reportMyNetwork", {"mac": "x" * 257})),
            {"clientNetworkType", "mac"},
        )
