"""makeMeAvailable, own presence, note and location, activity, phones."""

from tests.ucwa.service import Client, UcwaTestCase, uri


class MakeMeAvailableTests(UcwaTestCase):
    """POST makeMeAvailable."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice", available=False)

    async def test_events(self) -> None:
        """The channel tells of it in the order of "Receive an IM" step 7, without aggregation."""
        body = {"SupportedModalities": ["Messaging"]}
        self.accepted(await self.alice.post("me/makeMeAvailable", body), 204)
        told = await self.alice.events()
        self.assertEqual(
            [event.brief for event in told],
            [
                ("me", "me", "updated"),
                ("me", "presence", "added"),
                ("me", "note", "added"),
                ("me", "location", "added"),
                ("communication", "communication", "updated"),
            ],
        )
        self.assertEqual([event.shown is not None for event in told], [False] * 4 + [True])
        self.assertEqual(told[-1].shown, await self.alice.document("communication"))
        self.assertTrue(await self.alice.nothing_more())

    async def test_twice(self) -> None:
        """Again is 409 AlreadyExists and changes nothing."""
        self.accepted(await self.alice.post("me/makeMeAvailable", {"signInAs": "Busy"}), 204)
        again = await self.alice.post("me/makeMeAvailable", {"signInAs": "Away"})
        self.refused(again, 409, "Conflict", "AlreadyExists")
        self.assertEqual((await self.alice.document("me/presence"))["availability"], "Busy")

    async def test_without_body(self) -> None:
        """Without a body one is Online, for plain messages."""
        self.accepted(await self.alice.post("me/makeMeAvailable"), 204)
        self.assertEqual((await self.alice.document("me/presence"))["availability"], "Online")
        communication = await self.alice.document("communication")
        self.assertEqual(communication["supportedModalities"], ["Messaging"])
        self.assertEqual(communication["supportedMessageFormats"], ["Plain"])

    async def test_every_setting(self) -> None:
        """All documented settings are taken, also on the reference pages' path."""
        response = await self.alice.post(
            "communication/makeMeAvailable",
            {
                "audioPreference": "PhoneAudio",
                "phoneNumber": "4255552222",
                "signInAs": "BeRightBack",
                "supportedMessageFormats": ["Plain", "Html"],
                "supportedModalities": ["PhoneAudio", "Messaging"],
                "inactiveTimeout": "00:10:00",
                "voipFallbackToPhoneAudioTimeOut": "PT10S",
            },
        )
        self.accepted(response, 204)
        shown = await self.alice.document("communication")
        self.assertEqual(
            {n: shown[n] for n in ("audioPreference", "phoneNumber", "supportedModalities")},
            {
                "audioPreference": "PhoneAudio",
                "phoneNumber": "4255552222",
                "supportedModalities": ["PhoneAudio", "Messaging"],
            },
        )
        self.assertEqual((await self.alice.document("me/presence"))["availability"], "BeRightBack")

    async def test_wrong_values(self) -> None:
        """Every wrong value is listed, and one stays a lurker."""
        response = await self.alice.post(
            "me/makeMeAvailable",
            {
                "audioPreference": "Shouting",
                "phoneNumber": "1" * 101,
                "signInAs": "IdleOnline",
                "supportedMessageFormats": "Rtf",
                "supportedModalities": ["Messaging", "Telepathy"],
                "inactiveTimeout": "five minutes",
                "voipFallbackToPhoneAudioTimeOut": "PT",
            },
        )
        self.assertEqual(
            self.wrong_parameters(response),
            {
                "audioPreference",
                "phoneNumber",
                "signInAs",
                "supportedMessageFormats",
                "supportedModalities",
                "inactiveTimeout",
                "voipFallbackToPhoneAudioTimeOut",
            },
        )
        self.assertIn("makeMeAvailable", (await self.alice.document("me"))["_links"])

    async def test_inactive_timeout(self) -> None:
        """inactiveTimeout is a time span from one minute to a day, in either spelling."""
        arabic = "00:05:00".translate({ord("0"): 0x660, ord("5"): 0x665})
        for text in ("PT59S", "00:00:59", "24:00:01", "PT", "P1D", "5", "-PT5M", "PT5M ", arabic):
            response = await self.alice.post("me/makeMeAvailable", {"inactiveTimeout": text})
            self.assertEqual(self.wrong_parameters(response), {"inactiveTimeout"}, text)
        response = await self.alice.post("me/makeMeAvailable", {"inactiveTimeout": "PT1M0.5S"})
        self.accepted(response, 204)


class OwnPresenceTests(UcwaTestCase):
    """POST presence, note and location; what the others see of it."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.bob = await self.service.sign_in("bob")

    async def seen(self, part: str = "presence") -> dict[str, object]:
        return await self.bob.document(f"people/alice@example.test/{part}")

    async def test_presence(self) -> None:
        """A chosen availability shows at once; an empty body lets it follow activity again."""
        for chosen, shown, activity in (
            ("Busy", "Busy", None),
            ("dOnOtDisturb", "DoNotDisturb", None),
            ("Offwork", "Away", "off-work"),
        ):
            self.accepted(await self.alice.post("me/presence", {"availability": chosen}), 204)
            (event,) = await self.alice.events()
            self.assertEqual(event.brief, ("me", "presence", "updated"))
            for document in (await self.alice.document("me/presence"), await self.seen()):
                self.assertEqual(document["availability"], shown)
                self.assertEqual(document.get("activity"), activity)
        self.accepted(await self.alice.post("me/presence"), 204)
        self.assertEqual((await self.seen())["availability"], "Online")

    async def test_wrong_presence(self) -> None:
        """Values that can only be read are refused."""
        for value in ("IdleBusy", "IdleOnline", "Offline", "None", 5, ["Busy"], {"a": 1}):
            response = await self.alice.post("me/presence", {"availability": value})
            self.assertEqual(self.wrong_parameters(response), {"availability"})

    async def test_note(self) -> None:
        """A note of up to 500 characters is shown to contacts; an empty one clears it."""
        for text in ("Back at 5 … 🙂", "x" * 500, ""):
            self.accepted(await self.alice.post("me/note", {"message": text}), 204)
            (event,) = await self.alice.events()
            self.assertEqual(event.brief, ("me", "note", "updated"))
            self.assertEqual((await self.alice.document("me/note"))["message"], text)
            note = await self.seen("note")
            self.assertEqual((note["message"], note["type"]), (text, "Personal"))
        response = await self.alice.post("me/note", {"message": "x" * 501})
        self.assertEqual(self.wrong_parameters(response), {"message"})

    async def test_note_in_query(self) -> None:
        """The note may come in the query, as its page lists it there too."""
        self.accepted(await self.alice.post("me/note?message=Gone+fishing"), 204)
        self.assertEqual((await self.seen("note"))["message"], "Gone fishing")

    async def test_location(self) -> None:
        """A location has up to 60 characters."""
        self.accepted(await self.alice.post("me/location", {"location": "x" * 60}), 204)
        self.assertEqual((await self.seen("location"))["location"], "x" * 60)
        response = await self.alice.post("me/location", {"location": "x" * 61})
        self.assertEqual(self.wrong_parameters(response), {"location"})

    async def test_modalities(self) -> None:
        """Contacts see the modalities of all of a user's applications together."""
        self.assertEqual((await self.seen("supportedMedia"))["modalities"], ["Messaging"])

    async def test_inactivity(self) -> None:
        """After 5 minutes without activity IdleOnline, 5 later Away, and back when reported."""
        parked = self.alice.park("&timeout=1800")
        for wait_s, shown in ((280, "Online"), (20, "IdleOnline"), (300, "Away")):
            self.clock.advance(wait_s)
            await self.service.settle()
            self.assertEqual((await self.seen())["availability"], shown)
        self.accepted(await self.alice.post("me/reportMyActivity"), 204)
        self.assertEqual((await self.seen())["availability"], "Online")
        self.alice.take(await parked)

    async def test_two_endpoints(self) -> None:
        """A user is Online while one of the endpoints is, and Offline without any."""
        phone = await self.service.sign_in("alice", EndpointId="phone", Type="Phone")
        self.accepted(await self.alice.delete(), 204)
        seen = await self.seen()
        self.assertEqual((seen["availability"], seen["deviceType"]), ("Online", "Mobile"))
        self.accepted(await phone.delete(), 204)
        seen = await self.seen()
        self.assertEqual((seen["availability"], seen["deviceType"]), ("Offline", "Unknown"))
        self.assertEqual((await self.seen("supportedMedia"))["modalities"], [])

    async def test_other_application_hears(self) -> None:
        """A change made on one device is told to the user's other devices."""
        phone = await self.service.sign_in("alice", EndpointId="phone")
        self.accepted(await self.alice.post("me/note", {"message": "x"}), 204)
        self.assertEqual([e.brief for e in await phone.events()], [("me", "note", "updated")])

    async def test_survives_restart(self) -> None:
        """Presence, note and location are the same after a restart."""
        self.accepted(await self.alice.post("me/presence", {"availability": "Busy"}), 204)
        self.accepted(await self.alice.post("me/note", {"message": "back soon"}), 204)
        before = [await self.seen(part) for part in ("presence", "note", "location")]
        await self.service.restart()
        after = [await self.seen(part) for part in ("presence", "note", "location")]
        self.assertEqual(before, after)


class PhonesTests(UcwaTestCase):
    """phones and phone."""

    async def test_phones(self) -> None:
        """The numbers of the directory are embedded; each has a resource of its own."""
        bob: Client = await self.service.sign_in("bob")
        shown = await bob.document("me/phones")
        work = shown["_embedded"]["phone"][0]
        self.assertEqual(
            (work["rel"], work["type"], work["number"]), ("phone", "Work", "tel:+14255550102")
        )
        self.assertEqual(await bob.document(work["_links"]["self"]["href"]), work)
        response = await bob.get("me/phones/fax")
        self.refused(response, 404, "NotFound", "ResourceNotFound")
        self.assertEqual((await bob.document("me"))["workPhoneNumber"], "tel:+14255550102")

    async def test_none(self) -> None:
        """Without numbers there are those that can be set; the work number is not the user's."""
        alice = await self.service.sign_in("alice")
        phones = (await alice.document("me/phones"))["_embedded"]["phone"]
        self.assertEqual([one["type"] for one in phones], ["Mobile", "Home", "Other"])
        for phone in phones:
            self.assertNotIn("number", phone)
            self.assertLessEqual({"changeNumber", "changeVisibility"}, set(phone["_links"]))

    async def befriend(self, client: Client, name: str) -> None:
        """Let somebody see all numbers of the client's user."""
        privacy = self.service.front_end.privacy
        await privacy.assign(uri(client.name), uri(name), "FriendsAndFamily", "Colleagues")
        await client.events()

    async def test_change_number(self) -> None:
        """A number is normalised, shown to who may see it and told to the user's applications."""
        alice = await self.service.sign_in("alice")
        bob = await self.service.sign_in("bob")
        await self.befriend(alice, "bob")
        href = "me/phones/mobile/changeNumber"
        self.accepted(await alice.post(href, {"number": "tel:+1 (425) 555-0199"}), 204)
        self.assertEqual([e.brief for e in await alice.events()], [("me", "me", "updated")])
        contact = await bob.document("people/alice@example.test")
        self.assertEqual(contact["mobilePhoneNumber"], "tel:+14255550199")
        found = await bob.document("people/search?query=5550199")
        self.assertEqual(len(found["_embedded"]["contact"]), 1)
        self.accepted(await alice.post(f"{href}?number=12345;ext=9"), 204)
        self.assertEqual((await alice.document("me"))["mobilePhoneNumber"], "tel:12345;ext=9")
        self.accepted(await alice.post(href), 204)
        self.assertNotIn("mobilePhoneNumber", await alice.document("me"))

    async def test_no_number(self) -> None:
        """What cannot be a number is refused, and says so."""
        alice = await self.service.sign_in("alice")
        for number in ("12", "+1425abc", "1" * 16, "sip:bob@example.test", "5;ext=", "55555;ext=x"):
            response = await alice.post("me/phones/home/changeNumber", {"number": number})
            self.refused(response, 400, "BadRequest", "NormalizationFailed")
        response = await alice.post("me/phones/home/changeNumber", {"number": "1" * 81})
        self.refused(response, 400, "BadRequest", "ParameterValidationFailure")

    async def test_visibility(self) -> None:
        """A private number is the user's to see; others, even friends, neither see nor find it."""
        alice = await self.service.sign_in("alice")
        bob = await self.service.sign_in("bob")
        await self.befriend(alice, "bob")
        body = {"number": "+14255550177", "includeInContactCard": False}
        self.accepted(await alice.post("me/phones/home/changeNumber", body), 204)
        self.assertEqual((await alice.document("me"))["homePhoneNumber"], "tel:+14255550177")
        self.assertNotIn("homePhoneNumber", await bob.document("people/alice@example.test"))
        found = await bob.document("people/search?query=5550177")
        self.assertEqual(found["_embedded"]["contact"], [])
        shown = {"includeInContactCard": "true"}
        self.accepted(await alice.post("me/phones/home/changeVisibility", shown), 204)
        self.assertIn("homePhoneNumber", await bob.document("people/alice@example.test"))

    async def test_fixed(self) -> None:
        """The work number is the administrator's."""
        bob = await self.service.sign_in("bob")
        work = await bob.document("me/phones/work")
        self.assertEqual(set(work["_links"]), {"self"})
        for action in ("changeNumber", "changeVisibility"):
            response = await bob.post(f"me/phones/work/{action}", {"number": "+1425"})
            self.refused(response, 409, "Conflict")

    async def test_me(self) -> None:
        """`me` shows what the directory has, and nothing empty."""
        alice = await self.service.sign_in("alice")
        shown = await alice.document("me")
        self.assertEqual(shown.pop("rel"), "me")
        shown.pop("_links")
        self.assertEqual(
            shown,
            {
                "name": "Alice Adams",
                "uri": uri("alice"),
                "emailAddresses": ["alice@example.test"],
                "title": "Engineer",
            },
        )
