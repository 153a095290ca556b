"""Mobility policy as clients meet it: sign-in, `policies`, links, refusals, and the Wi-Fi rules."""

from typing import Any

import attrs

from mobility.domain.call_policy import CELLULAR, WIFI
from mobility.domain.mobility_policy import GROUP_KIND, KIND
from mobility.domain.records import DistributionGroup
from tests.descriptions import sdp
from tests.ucwa.service import MOBILE, OUTSIDE, Client, uri
from tests.ucwa.test_calls import ANSWER, OFFER, CallTestCase, text_of

AUDIO_ONLY = sdp("audio", "video:-")


class MobilityTestCase(CallTestCase):
    """Alice and Bob with clients that take calls, and policies that may be set."""

    async def put(self, name: str = "global", **values: object) -> None:
        """Change a policy, or make it; what follows has happened then."""
        policies = self.service.front_end.mobility.policies
        if name == "global" or policies.named(KIND, name) is not None:
            await policies.change(KIND, name, values, policies.find(KIND, name).version)
        else:
            await policies.add(KIND, name, values)
        await self.service.follow()

    async def grant(self, client: Client, name: str) -> None:
        policies = self.service.front_end.mobility.policies
        version = policies.grant_of(client.uri).version
        await policies.grant(client.uri, {"mobility_policy": name}, version)
        await self.service.follow()

    async def move(self, client: Client, site: str) -> None:
        users, now = self.service.front_end.users, self.clock.seconds()
        await users.update(client.uri, lambda user: attrs.evolve(user, site=site), now)
        await self.service.follow()

    async def connect_by(self, client: Client, bearer: str) -> None:
        body = {"clientNetworkType": "External", "bearer": bearer}
        response = await client.post("reportMyNetwork", body)
        self.accepted(response, 201)

    async def links(self, client: Client) -> set[str]:
        return set((await client.document("communication"))["_links"])


class SignInTests(MobilityTestCase):
    """EnableMobility."""

    async def test_refused(self) -> None:
        """Who may not use mobile clients is refused a new application, and told why."""
        await self.put("Desk", EnableMobility=False)
        await self.grant(self.alice, "Desk")
        for kind in ("", "Mobile"):
            response = await self.alice.register(type=kind)
            body = self.refused(response, 403, "Forbidden", "MobileApplicationNoLongerAllowed")
            self.assertEqual(
                body["message"],
                "Mobility is turned off for this user: EnableMobility is False in mobility policy "
                "tag:Desk.",
            )

    async def test_browser(self) -> None:
        """A browser is no mobile client: it signs in, and stays."""
        browser = Client(self.service, "alice", self.alice.token)
        self.assertEqual(201, (await browser.register(type="Browser")).status)
        await self.put(EnableMobility=False)
        self.assertEqual(200, (await browser.get()).status)
        again = Client(self.service, "alice", self.alice.token)
        response = await again.register(type="browser", endpointId="another")
        self.assertEqual(201, response.status)

    async def test_live_applications_end(self) -> None:
        """Applications end with the permission, of those whom the policy rules and no others."""
        await self.put("site:Redmond", EnableMobility=False)
        await self.move(self.bob, "Redmond")
        self.refused(await self.bob.get(), 404, "NotFound", "ApplicationNotFound")
        self.assertEqual(200, (await self.alice.get()).status)
        await self.put(EnableMobility=False)
        self.refused(await self.alice.get(), 404, "NotFound", "ApplicationNotFound")

    async def test_guests(self) -> None:
        """People without an account are under no mobility policy."""
        body = {"subject": "S", "accessLevel": "Everyone"}
        made = await self.alice.post("onlineMeetings/myOnlineMeetings", body)
        await self.put(EnableMobility=False)
        await self.service.guest(made.json())


class PublishedTests(MobilityTestCase):
    """The `policies` resource."""

    async def test_every_value(self) -> None:
        """Each value follows its parameter, and each change is told."""
        for parameter, name, shown_when_true in (
            ("RequireWiFiForIPAudio", "audioOnlyOnWifi", "Enabled"),
            ("RequireWiFiForIPVideo", "videoOnlyOnWifi", "Enabled"),
            ("RequireWiFiForSharing", "sharingOnlyOnWifi", "Enabled"),
            ("AllowSaveCallLogs", "saveCallLogs", "Enabled"),
            ("AllowSaveIMHistory", "saveMessagingHistory", "Enabled"),
            ("AllowSaveCredentials", "saveCredentials", "Enabled"),
            ("AllowExchangeConnectivity", "clientExchangeConnectivity", "Enabled"),
            ("AllowDeviceContactsSync", "allowDeviceContactsSync", "Enabled"),
            ("EncryptAppData", "encryptAppData", "Enabled"),
            (
                "AllowCustomerExperienceImprovementProgram",
                "customerExperienceImprovementProgram",
                "Enabled",
            ),
        ):
            before = (await self.alice.document("policies"))[name]
            await self.put(**{parameter: before != shown_when_true})
            brief = [event.brief for event in await self.alice.events()]
            self.assertEqual([("policies", "policies", "updated")], brief, parameter)
            after = (await self.alice.document("policies"))[name]
            self.assertNotEqual(before, after, parameter)

    async def test_levels(self) -> None:
        """A live application drops from the user's policy to the site's and the global one."""
        await self.put("site:Redmond", EncryptAppData=False)
        await self.move(self.alice, "Redmond")
        await self.alice.events()
        self.assertEqual("Disabled", (await self.alice.document("policies"))["encryptAppData"])
        await self.put("Sales", AllowSaveCallLogs=False)
        await self.grant(self.alice, "Sales")
        await self.alice.events()
        shown = await self.alice.document("policies")
        self.assertEqual(("Enabled", "Disabled"), (shown["encryptAppData"], shown["saveCallLogs"]))
        policies = self.service.front_end.mobility.policies
        for name, expected in (("Sales", "Disabled"), ("site:Redmond", "Enabled")):
            await policies.remove(KIND, name, 1)
            self.assertIn("policies", {event.rel for event in await self.alice.events()})
            shown = await self.alice.document("policies")
            self.assertEqual(
                ("Enabled", expected), (shown["saveCallLogs"], shown["encryptAppData"])
            )

    async def test_same(self) -> None:
        """Nobody is told of a policy that is only described otherwise, or named."""
        await self.put("Twin", Description="The same")
        await self.grant(self.alice, "Twin")
        self.assertTrue(await self.alice.nothing_more())


class GroupTests(MobilityTestCase):
    """Policies of distribution groups."""

    async def test_members(self) -> None:
        """Who comes into a group, or into one in it, has its policy at once, and loses it again."""
        front_end = self.service.front_end
        groups, policies = front_end.distribution_groups, front_end.mobility.policies
        team, inner = uri("team"), uri("inner")
        await groups.put(DistributionGroup(team, "Team", inner, "", ""))
        await self.put("Team", EncryptAppData=False)
        await policies.add(GROUP_KIND, team, {"policy": "Team"})
        for members, expected in ((self.alice.uri, "Disabled"), ("", "Enabled")):
            await groups.put(DistributionGroup(inner, "Inner", members, "", ""))
            await self.service.follow()
            self.assertIn("policies", {event.rel for event in await self.alice.events()})
            shown = await self.alice.document("policies")
            self.assertEqual(expected, shown["encryptAppData"])
        self.assertEqual("Enabled", (await self.bob.document("policies"))["encryptAppData"])

    async def test_circle(self) -> None:
        """Groups that are in one another are followed once."""
        front_end = self.service.front_end
        one, two = uri("one"), uri("two")
        for group, other in ((one, two), (two, f"{one} {self.bob.uri}")):
            made = DistributionGroup(group, "G", other, "", "")
            await front_end.distribution_groups.put(made)
        await self.put("Mute", EnableIPAudioVideo=False)
        await front_end.mobility.policies.add(GROUP_KIND, one, {"policy": "Mute"})
        self.assertNotIn("startAudio", await self.links(self.bob))
        self.assertIn("startAudio", await self.links(self.alice))


class AudioVideoTests(MobilityTestCase):
    """EnableIPAudioVideo."""

    async def test_links_and_refusals(self) -> None:
        """The links of calls over IP go, with what they lead to, and come again."""
        calls = {"startAudio", "startAudioVideo", "startVideo"}
        self.assertLessEqual(calls, await self.links(self.alice))
        await self.put(EnableIPAudioVideo=False)
        told = [event for event in await self.alice.events() if event.rel == "communication"]
        self.assertFalse(calls & set(told[0].resource["_links"]))
        self.assertFalse(calls & await self.links(self.alice))
        body = self.refused(await self.start(self.alice), 403, "Forbidden")
        self.assertEqual("Mobility policy global forbids audio calls.", body["message"])
        await self.put(EnableIPAudioVideo=True)
        self.assertLessEqual(calls, await self.links(self.alice))

    async def test_nobody_rings(self) -> None:
        """A call rings no application that may not take it."""
        await self.put("Quiet", EnableIPAudioVideo=False)
        await self.grant(self.bob, "Quiet")
        await self.bob.events()
        self.accepted(await self.start(self.alice), 201)
        (over,) = self.of(await self.alice.events(), "audioVideoInvitation", "completed")
        self.assertEqual("Failure", over.status)
        self.assertFalse(self.of(await self.bob.events(), "audioVideoInvitation", "started"))

    async def test_conversation(self) -> None:
        """A conversation loses the links by which calls are added to it, and tells so."""
        messaging = await self.talk(self.alice, self.bob)
        audio_video = messaging.removesuffix("messaging") + "audioVideo"
        self.assertIn("addAudio", (await self.alice.document(audio_video))["_links"])
        await self.put(EnableIPAudioVideo=False)
        (told,) = self.of(await self.alice.events(), "audioVideo", "updated")
        self.assertNotIn("addAudio", told.resource["_links"])
        links = {"mediaOffer": {"href": "data:application/sdp," + OFFER.replace("\r\n", "%0d%0a")}}
        asked = {"operationId": "x", "_links": links}
        self.refused(await self.alice.post(f"{audio_video}/addAudio", asked), 403, "Forbidden")

    async def test_calls_go_on(self) -> None:
        """A call that goes on is not cut off."""
        conversation = await self.call()
        await self.put(EnableIPAudioVideo=False)
        shown = await self.alice.document(f"{conversation}/audioVideo")
        self.assertEqual("Connected", shown["state"])


class WiFiTests(MobilityTestCase):
    """The Wi-Fi rules, for clients that say what they are connected by."""

    async def test_unsaid(self) -> None:
        """Without a word of the client the rules are published and no more."""
        await self.put(RequireWiFiForIPAudio=True, RequireWiFiForIPVideo=True)
        self.assertIn("startAudioVideo", await self.links(self.alice))
        self.accepted(await self.start(self.alice), 201)

    async def test_outgoing(self) -> None:
        """Outside of Wi-Fi only audio is there, and on Wi-Fi video again."""
        await self.put(RequireWiFiForIPVideo=True)
        await self.alice.events()
        await self.connect_by(self.alice, CELLULAR)
        told = [event for event in await self.alice.events() if event.rel == "communication"]
        self.assertNotIn("startVideo", told[0].resource["_links"])
        self.assertIn("startAudio", told[0].resource["_links"])
        body = self.refused(await self.start(self.alice), 403, "Forbidden")
        self.assertEqual(
            "Mobility policy global forbids video calls outside of Wi-Fi.", body["message"]
        )
        self.accepted(await self.start(self.alice, "startAudio", sdp("audio")), 201)
        await self.connect_by(self.alice, WIFI)
        self.assertIn("startVideo", await self.links(self.alice))

    async def test_video_becomes_audio(self) -> None:
        """A video call is received as one with audio: its video is not offered."""
        await self.put(RequireWiFiForIPVideo=True)
        await self.connect_by(self.bob, CELLULAR)
        await self.bob.events()
        self.accepted(await self.start(self.alice), 201)
        invitation = await self.rung(self.bob)
        self.assertEqual(AUDIO_ONLY.replace("video 0", "video 50002"), self._offer(invitation))
        shown = await self.bob.document(invitation["_links"]["self"]["href"])
        self.assertEqual(self._offer(invitation), self._offer(shown))
        accept = invitation["_links"]["acceptWithAnswer"]["href"]
        self.refused(await self.post_sdp(self.bob, accept, ANSWER), 403, "Forbidden")
        answer = sdp("audio", "video:-", version=7)
        self.accepted(await self.post_sdp(self.bob, accept, answer), 204)
        await self.alice.events()
        (call,) = self.service.front_end.conversations
        self.assertEqual("Audio", call.call.media if call.call is not None else "")

    async def test_video_that_is_added(self) -> None:
        """Video that an offer within a call adds is not offered outside of Wi-Fi, also where the
        client has left it since the offer came; on Wi-Fi it is."""
        await self.put(RequireWiFiForIPVideo=True)
        session = await self._audio_call()
        for bearer in (CELLULAR, WIFI, CELLULAR):
            await self.connect_by(self.bob, bearer)
        with_video = sdp("audio", "video", version=2)
        sent = await self.post_sdp(self.alice, f"{session}/renegotiations", with_video)
        self.accepted(sent, 201)
        (started,) = self.of(await self.bob.events(), "audioVideoRenegotiation", "started")
        self._offer(started.resource)
        own = started.resource["_links"]["self"]["href"]
        await self.connect_by(self.bob, WIFI)
        shown = await self.bob.document(own)
        self.assertEqual(with_video, text_of(shown["_links"]["mediaOffer"]))
        await self.connect_by(self.bob, CELLULAR)
        self._offer(await self.bob.document(own))
        answer = started.resource["_links"]["answer"]["href"]
        both = sdp("audio", "video", version=8)
        self.refused(await self.post_sdp(self.bob, answer, both), 403, "Forbidden")
        closed = sdp("audio", "video:-", version=8)
        self.accepted(await self.post_sdp(self.bob, answer, closed), 204)
        (done,) = self.of(await self.alice.events(), "audioVideoRenegotiation", "completed")
        self.assertEqual(closed, text_of(done.resource["_links"]["mediaAnswer"]))
        (call,) = self.service.front_end.conversations
        self.assertEqual("Audio", call.call.media if call.call is not None else "")

    async def test_video_that_goes_on(self) -> None:
        """Video that is there when the client leaves Wi-Fi goes on, also through new offers."""
        await self.put(RequireWiFiForIPVideo=True)
        conversation = await self.call()
        session = f"{conversation}/audioVideo/audioVideoSession"
        await self.connect_by(self.bob, CELLULAR)
        await self.bob.events()
        again = sdp("audio", "video", version=2)
        self.accepted(await self.post_sdp(self.alice, f"{session}/renegotiations", again), 201)
        (started,) = self.of(await self.bob.events(), "audioVideoRenegotiation", "started")
        self.assertEqual(again, text_of(started.resource["_links"]["mediaOffer"]))
        answer = started.resource["_links"]["answer"]["href"]
        both = sdp("audio", "video", version=8)
        self.accepted(await self.post_sdp(self.bob, answer, both), 204)
        (call,) = self.service.front_end.conversations
        self.assertEqual("Audio,Video", call.call.media if call.call is not None else "")

    async def _audio_call(self) -> str:
        """Alice calls Bob with audio alone; the session's href."""
        self.accepted(await self.start(self.alice, "startAudio", sdp("audio")), 201)
        accept = (await self.rung(self.bob))["_links"]["acceptWithAnswer"]["href"]
        self.accepted(await self.post_sdp(self.bob, accept, sdp("audio", version=7)), 204)
        (changed,) = self.of(await self.alice.events(), "audioVideo", "updated")[-1:]
        await self.bob.events()
        href: str = changed.resource["_links"]["audioVideoSession"]["href"]
        return href

    async def test_audio_needs_wifi(self) -> None:
        """Where audio needs Wi-Fi too, a client outside of it does not ring."""
        await self.put(RequireWiFiForIPAudio=True, RequireWiFiForIPVideo=True)
        await self.connect_by(self.bob, CELLULAR)
        await self.bob.events()
        self.accepted(await self.start(self.alice), 201)
        self.assertFalse(self.of(await self.bob.events(), "audioVideoInvitation", "started"))

    async def test_wrong(self) -> None:
        """Another bearer than those that are known is refused, with the parameter's name."""
        body = {"clientNetworkType": "External", "bearer": "Pigeon"}
        self.assertEqual(
            {"bearer"}, self.wrong_parameters(await self.alice.post("reportMyNetwork", body))
        )

    async def test_kept(self) -> None:
        """The next process knows what a client is connected by; a report without it takes it
        back."""
        await self.put(RequireWiFiForIPVideo=True)
        await self.connect_by(self.alice, CELLULAR)
        await self.service.restart()
        self.assertNotIn("startVideo", await self.links(self.alice))
        body = {"clientNetworkType": "External"}
        self.accepted(await self.alice.post("reportMyNetwork", body), 201)
        self.assertIn("startVideo", await self.links(self.alice))

    @staticmethod
    def _offer(invitation: dict[str, Any]) -> str:
        """The offer, with the attributes that a closed stream keeps taken away."""
        text = text_of(invitation["_links"]["mediaOffer"])
        head, _, video = text.partition("m=video ")
        assert video.startswith("0 "), text
        rest = "".join(
            line for line in video[1:].splitlines(keepends=True) if not line.startswith("a=")
        )
        return f"{head}m=video 50002{rest}"


class OutsideVoiceTests(MobilityTestCase):
    """EnableOutsideVoice: calls with one's own telephone."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.service.let_phone("alice", "bob")
        await self.alice.events()

    async def start_phone(self) -> Any:
        body = {"to": OUTSIDE, "operationId": "op", "phoneNumber": MOBILE["alice"]}
        return await self.alice.post("communication/phoneAudioInvitations", body)

    async def test_what_it_needs(self) -> None:
        """It is in force with EnableMobility and simultaneous ringing alone; links and refusals
        say so, live."""
        self.assertIn("startPhoneAudio", await self.links(self.alice))
        await self.put(EnableOutsideVoice=False)
        told = [event for event in await self.alice.events() if event.rel == "communication"]
        self.assertNotIn("startPhoneAudio", told[0].resource["_links"])
        body = self.refused(await self.start_phone(), 403, "Forbidden")
        self.assertEqual(
            "Mobility policy global forbids calls with your telephone (EnableOutsideVoice is "
            "False).",
            body["message"],
        )
        await self.put(EnableOutsideVoice=True)
        voice = self.service.front_end.voice
        version = voice.find("policies", "global").version
        await voice.change("policies", "global", {"allow_simul_ring": False}, version)
        body = self.refused(await self.start_phone(), 403, "Forbidden")
        self.assertIn("AllowSimulRing", body["message"])
        await voice.change("policies", "global", {"allow_simul_ring": True}, version + 1)
        self.accepted(await self.start_phone(), 201)

    async def test_browser_without_mobility(self) -> None:
        """Without EnableMobility a browser has no calls with the telephone either."""
        browser = Client(self.service, "alice", self.alice.token)
        await browser.register(type="Browser")
        await self.put(EnableMobility=False)
        self.assertNotIn("startPhoneAudio", await self.links(browser))

    async def test_telephone_instead(self) -> None:
        """Outside of Wi-Fi, where audio needs it, the user's telephone rings in its place."""
        await self.put(RequireWiFiForIPAudio=True)
        client = await self.service.sign_in("bob", available=False, endpointId="by phone")
        values = {
            "SupportedModalities": ["Messaging", "Audio", "PhoneAudio"],
            "AudioPreference": "VoipAudio",
            "PhoneNumber": MOBILE["bob"],
        }
        self.accepted(await client.post("me/makeMeAvailable", values), 204)
        await self.connect_by(client, CELLULAR)
        await self.connect_by(self.bob, CELLULAR)
        self.accepted(await self.start(self.alice, offer=sdp("audio"), rel="startAudio"), 201)
        await self.service.follow()
        self.assertTrue(self.service.telephones.to(MOBILE["bob"]))
