"""Instant messages between two people: every event as the task pages show it."""

from tests.ucwa.service import Client, Told, UcwaTestCase, converted, uri

INVITATIONS = "communication/messagingInvitations"
TEXT_LINK = "data:text/plain;charset=utf-8,Hi%20Tosh%2C%2050%25%20off%20%26%20more%E2%80%A6"


def links(event: Told) -> set[str]:
    """The rels of the links an event's resource shows."""
    return set(event.resource["_links"])


def brief(events: list[Told]) -> list[tuple[str, str, str]]:
    return [event.brief for event in events]


def only(events: list[Told], rel: str, kind: str = "") -> Told:
    """The one event about `rel`."""
    (found,) = [event for event in events if event.rel == rel and kind in ("", event.type)]
    return found


class TalkTestCase(UcwaTestCase):
    """Alice and Bob are signed in and available."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.bob = await self.service.sign_in("bob")

    async def invite(self, caller: Client, callee: Client, **body: object) -> str:
        """Invite somebody; the Location of the invitation."""
        response = await caller.post(INVITATIONS, {"to": uri(callee.name), **body})
        return self.accepted(response, 201)


class SendAnImTests(TalkTestCase):
    """UCWA "Send an IM", step by step."""

    async def test_walk(self) -> None:
        """Invitation, answer, message and end come as the page shows them."""
        alice, bob = self.alice, self.bob
        response = await alice.post(
            "communication/startmessaging",
            {
                "importance": "Normal",
                "sessionContext": "33dc0ef6-0570-4467-bb7e-49fcbea8e944",
                "subject": "Task Sample",
                "telemetryId": None,
                "to": "sip:Bob@example.test",
                "operationId": "5028e824-2268-4b14-9e59-1abad65ff393",
            },
        )
        location = self.accepted(response, 201)

        step_4 = await alice.events()
        self.assertEqual(
            brief(step_4),
            [
                ("communication", "messagingInvitation", "started"),
                ("communication", "conversation", "added"),
                ("conversation", "localParticipant", "added"),
                ("conversation", "messaging", "updated"),
            ],
        )
        invitation, conversation, local, messaging = step_4
        self.assertEqual(invitation.href, location)
        self.assertEqual(
            {name: invitation.resource[name] for name in ("direction", "state", "operationId")},
            {
                "direction": "Outgoing",
                "state": "Connecting",
                "operationId": "5028e824-2268-4b14-9e59-1abad65ff393",
            },
        )
        self.assertEqual(
            links(invitation), {"self", "from", "to", "cancel", "conversation", "messaging"}
        )
        self.assertEqual(
            invitation.resource["_links"]["cancel"], messaging.resource["_links"]["stopMessaging"]
        )
        self.assertEqual(conversation.resource["state"], "Connecting")
        self.assertEqual(conversation.resource["activeModalities"], [])
        self.assertEqual(local.resource["rel"], "participant")
        self.assertEqual(local.resource["_links"]["me"], {"href": f"{alice.href}/me"})
        self.assertEqual(local.event["link"]["title"], "Alice Adams")
        self.assertEqual(messaging.resource["state"], "Connecting")
        self.assertEqual(links(messaging), {"self", "conversation", "stopMessaging"})

        accept = converted(f"{location}/accept", alice, bob)
        self.accepted(await bob.post(f"{accept}?sessionContext=2687ba8f"), 204)
        step_6 = await alice.events()
        self.assertEqual(
            [(*event.brief, event.within) for event in step_6],
            [
                ("communication", "conversation", "updated", ""),
                ("conversation", "participant", "added", ""),
                ("conversation", "participantMessaging", "added", "participant"),
                ("conversation", "participantMessaging", "added", "localParticipant"),
                ("conversation", "messaging", "updated", ""),
                ("communication", "messagingInvitation", "completed", ""),
            ],
        )
        connected, _, _, own_messaging, messaging, completed = step_6
        self.assertEqual(connected.resource["state"], "Connected")
        self.assertEqual(connected.resource["activeModalities"], ["Messaging"])
        self.assertEqual(links(own_messaging), {"self", "participant"})
        self.assertEqual(messaging.resource["negotiatedMessageFormats"], ["Plain"])
        self.assertEqual(
            links(messaging),
            {
                "self",
                "conversation",
                "stopMessaging",
                "sendMessage",
                "setIsTyping",
                "typingParticipants",
            },
        )
        self.assertEqual(completed.status, "Success")
        self.assertEqual(completed.resource["state"], "Connected")
        self.assertEqual(links(completed), {"self", "from", "to", "conversation", "messaging"})
        (accepted_by,) = completed.resource["_embedded"]["acceptedByParticipant"]
        self.assertEqual(accepted_by["uri"], uri("bob"))
        self.assertEqual(
            set(accepted_by["_links"]),
            {"self", "conversation", "contact", "contactPresence", "contactPhoto"},
        )

        shown = await alice.document(conversation.href)
        self.assertEqual(shown, connected.shown)

        send = messaging.resource["_links"]["sendMessage"]["href"]
        response = await alice.post(
            f"{send}?OperationContext=6b6ce55c", body=b"What's up?", content_type="text/plain"
        )
        sent_to = self.accepted(response, 201)
        (message,) = await alice.events()
        self.assertEqual(message.brief, ("conversation", "message", "completed"))
        self.assertEqual((message.href, message.status), (sent_to, "Success"))
        self.assertEqual(message.resource["direction"], "Outgoing")
        self.assertEqual(links(message), {"self", "messaging"})

        stop = messaging.resource["_links"]["stopMessaging"]["href"]
        self.accepted(await alice.post(stop), 204)
        briefs = [event.brief for event in await alice.events()]
        self.assertEqual(
            briefs[-2:],
            [
                ("communication", "conversation", "deleted"),
                ("communication", "missedItems", "updated"),
            ],
        )
        self.refused(await alice.get(conversation.href), 404, "NotFound", "ConversationNotFound")


class ReceiveAnImTests(TalkTestCase):
    """UCWA "Receive an IM", from the invitation on."""

    async def test_walk(self) -> None:
        """Invitation, accept and first message come as the page shows them."""
        alice, bob = self.alice, self.bob
        given = "data:text/plain,Hi+Tosh,+50%25+off+%26+more%E2%80%A6"
        await self.invite(alice, bob, _links={"message": {"href": given}})
        steps_8_and_9 = await bob.events()
        self.assertEqual(
            brief(steps_8_and_9),
            [
                ("communication", "messagingInvitation", "started"),
                ("communication", "conversation", "added"),
                ("conversation", "localParticipant", "added"),
                ("conversation", "participant", "added"),
            ],
        )
        invitation, conversation, local, remote = steps_8_and_9
        self.assertEqual(
            {n: invitation.resource[n] for n in ("direction", "importance", "state", "subject")},
            {"direction": "Incoming", "importance": "Normal", "state": "Connecting", "subject": ""},
        )
        self.assertNotIn("operationId", invitation.resource)
        self.assertEqual(
            links(invitation),
            {"self", "to", "conversation", "accept", "decline", "messaging", "message"},
        )
        self.assertEqual(invitation.resource["_links"]["message"]["href"], TEXT_LINK)
        sender = invitation.resource["_embedded"]["from"]
        self.assertEqual((sender["rel"], sender["uri"]), ("participant", uri("alice")))
        self.assertEqual(conversation.resource["state"], "Incoming")
        self.assertEqual(conversation.resource["activeModalities"], ["Messaging"])
        self.assertEqual(local.resource["uri"], uri("bob"))
        self.assertEqual(remote.event["link"]["title"], "Alice Adams")

        step_12 = await bob.document(remote.href)
        self.assertEqual(step_12, sender)

        self.accepted(await bob.post(invitation.resource["_links"]["accept"]["href"]), 204)
        steps_15_and_16 = await bob.events()
        self.assertEqual(
            [(*event.brief, event.within) for event in steps_15_and_16],
            [
                ("communication", "conversation", "updated", ""),
                ("conversation", "participantMessaging", "added", "participant"),
                ("conversation", "participantMessaging", "added", "localParticipant"),
                ("conversation", "messaging", "updated", ""),
                ("communication", "messagingInvitation", "completed", ""),
                ("conversation", "message", "completed", ""),
            ],
        )
        completed, message = steps_15_and_16[-2:]
        self.assertEqual((completed.status, completed.resource["state"]), ("Success", "Connected"))
        self.assertEqual(links(completed), {"self", "to", "conversation", "messaging", "message"})
        self.assertEqual(completed.resource["_embedded"]["from"], sender)
        self.assertEqual((message.status, message.resource["direction"]), ("Success", "Incoming"))
        self.assertEqual(
            links(message), {"self", "contact", "participant", "messaging", "plainMessage"}
        )
        self.assertEqual(message.resource["_links"]["plainMessage"]["href"], TEXT_LINK)
        self.assertEqual(message.resource["_links"]["participant"]["title"], "Alice Adams")
        self.assertEqual(await bob.document(message.href), message.shown)

    async def test_date_spelling(self) -> None:
        r"""A date is written `\/Date(ms)\/`, with the slashes escaped."""
        await self.invite(self.alice, self.bob)
        raw = (await self.bob.park()).body
        self.assertIn(rb'"created":"\/Date(1750000010000)\/"', raw)

    async def test_message_without_content(self) -> None:
        """An invitation without a message is accepted without a message event."""
        await self.talk(self.alice, self.bob)
        self.assertTrue(await self.bob.nothing_more())


class AlertingTests(UcwaTestCase):
    """What the caller is told while nobody has answered."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice = await self.service.sign_in("alice")
        self.phone = await self.service.sign_in("bob", EndpointId="phone")
        self.desk = await self.service.sign_in("bob", EndpointId="desk")
        body = {"to": uri("bob"), "operationId": "1"}
        invited = await self.alice.post("communication/messagingInvitations", body)
        self.location = self.accepted(invited, 201)

    async def test_once(self) -> None:
        """The first device that gets the invitation makes it Alerting, the next one nothing."""
        for told in await self.alice.events():
            if told.rel == "messagingInvitation":
                self.assertEqual(told.resource["state"], "Connecting")
        await self.phone.events()
        (rings,) = self.alice.take(await self.alice.park())
        self.assertEqual(rings.brief, ("communication", "messagingInvitation", "updated"))
        self.assertEqual(rings.resource["state"], "Alerting")
        self.assertIn("cancel", rings.resource["_links"])
        await self.service.settle()
        shown = await self.alice.document(self.location)
        self.assertEqual(shown["state"], "Alerting")
        await self.desk.events()
        self.assertTrue(await self.alice.nothing_more())

    async def test_waiting_for_it(self) -> None:
        """A device that waits for its events when somebody invites rings at once."""
        await self.phone.events()
        await self.service.settle()
        await self.alice.events()
        waiting = self.phone.park()
        body = {"to": uri("bob"), "operationId": "2"}
        await self.alice.post("communication/messagingInvitations", body)
        (started, *_) = self.phone.take(await waiting)
        self.assertEqual(started.brief, ("communication", "messagingInvitation", "started"))
        await self.service.settle()
        rings = [
            told.resource["state"]
            for told in await self.alice.events()
            if told.rel == "messagingInvitation"
        ]
        self.assertEqual(rings, ["Connecting", "Alerting"])

    async def test_after_a_restart(self) -> None:
        """Another process knows that it has rung."""
        await self.phone.events()
        await self.service.settle()
        await self.service.restart()
        self.assertEqual((await self.alice.document(self.location))["state"], "Alerting")

    async def test_asleep(self) -> None:
        """A phone that was away can still accept before the invitation expires."""
        self.clock.advance(29)
        (started, *_) = await self.phone.events()
        self.assertEqual(started.resource["state"], "Connecting")
        accepted = await self.phone.post(started.resource["_links"]["accept"]["href"])
        self.accepted(accepted, 204)
        told = await self.alice.events()
        (completed,) = [one for one in told if one.type == "completed"]
        self.assertEqual((completed.status, completed.resource["state"]), ("Success", "Connected"))

    async def test_too_late(self) -> None:
        """A phone that comes back later finds the invitation over and its message in the stream."""
        self.clock.advance(31)
        await self.service.settle()
        told = await self.phone.events()
        completed = [one for one in told if one.type == "completed"]
        self.assertEqual([one.status for one in completed], ["Failure"])
        accept = f"{converted(self.location, self.alice, self.phone)}/accept"
        self.refused(await self.phone.post(accept), 404, "NotFound", "ResourceNotFound")

    async def test_listed(self) -> None:
        """`invitations` links to what waits for an answer, on both sides, and to nothing else."""
        own = {"href": self.location}
        theirs = {"href": converted(self.location, self.alice, self.phone)}
        listed = await self.alice.document("communication/invitations")
        self.assertEqual(listed["_links"]["messagingInvitation"], [own])
        (started, *_) = await self.phone.events()
        listed = await self.phone.document("communication/invitations")
        self.assertEqual(listed["_links"]["messagingInvitation"], [theirs])
        await self.phone.post(started.resource["_links"]["decline"]["href"], {"reason": "Global"})
        for client in (self.alice, self.phone):
            listed = await client.document("communication/invitations")
            self.assertEqual(list(listed["_links"]), ["self"])


class EndingTests(TalkTestCase):
    """An invitation or a conversation ends, and both sides are told why."""

    def reason_of(self, events: list[Told]) -> tuple[str, str, str, str]:
        """Status, state and reason of the completed invitation."""
        completed = only(events, "messagingInvitation", "completed")
        reason = completed.event["reason"]
        return completed.status, completed.resource["state"], reason["code"], reason["subcode"]

    async def test_decline(self) -> None:
        """A declined invitation fails for the caller with RemoteFailure/Declined."""
        location = await self.invite(self.alice, self.bob, operationId="op1")
        await self.alice.events()
        await self.bob.events()
        mine = converted(location, self.alice, self.bob)
        self.accepted(await self.bob.post(f"{mine}/decline", {"reason": "Local"}), 204)
        told = await self.alice.events()
        self.assertEqual(self.reason_of(told), ("Failure", "Declined", "RemoteFailure", "Declined"))
        self.assertIn(("communication", "conversation", "deleted"), [one.brief for one in told])
        theirs = await self.bob.events()
        self.assertEqual(
            self.reason_of(theirs), ("Failure", "Declined", "LocalFailure", "Declined")
        )
        self.refused(await self.bob.post(f"{mine}/accept"), 404, "NotFound", "ResourceNotFound")

    async def test_wrong_decline_reason(self) -> None:
        """A reason that is no CallDeclineReason is refused and declines nothing."""
        location = await self.invite(self.alice, self.bob)
        mine = converted(location, self.alice, self.bob)
        response = await self.bob.post(f"{mine}/decline", {"reason": "Tired"})
        self.assertEqual(self.wrong_parameters(response), {"reason"})
        self.accepted(await self.bob.post(f"{mine}/accept"), 204)

    async def test_cancel(self) -> None:
        """The caller's cancel link ends the invitation for both."""
        await self.invite(self.alice, self.bob)
        invitation = (await self.alice.events())[0]
        await self.bob.events()
        self.accepted(await self.alice.post(invitation.resource["_links"]["cancel"]["href"]), 204)
        for client in (self.alice, self.bob):
            told = await client.events()
            self.assertEqual(self.reason_of(told)[0:2], ("Failure", "Cancelled"))
            self.assertIn("deleted", [one.type for one in told])

    async def test_cancel_on_reference_path(self) -> None:
        """`.../invitations/{id}/cancel` cancels too, but only for the caller."""
        location = await self.invite(self.alice, self.bob)
        number = location.rpartition("/")[2]
        path = f"communication/invitations/{number}/cancel"
        self.refused(await self.bob.post(path), 409, "Conflict")
        self.accepted(await self.alice.post(path), 204)

    async def test_expiry(self) -> None:
        """An invitation that nobody answers fails after 30 s, on the channel of both."""
        await self.invite(self.alice, self.bob)
        await self.alice.events()
        await self.bob.events()
        (rings,) = self.alice.take(await self.alice.park())
        self.assertEqual((rings.type, rings.resource["state"]), ("updated", "Alerting"))
        parked = self.alice.park()
        self.clock.advance(29)
        self.assertFalse(parked.called)
        self.clock.advance(2)
        told = self.alice.take(await parked)
        self.assertEqual(self.reason_of(told), ("Failure", "Failed", "RemoteFailure", "Timeout"))
        theirs = await self.bob.events()
        self.assertEqual(self.reason_of(theirs)[2:], ("LocalFailure", "Missed"))

    async def test_expiry_across_restart(self) -> None:
        """An invitation keeps its time limit when the process is replaced."""
        await self.invite(self.alice, self.bob)
        await self.alice.events()
        await self.service.restart()
        parked = self.alice.park()
        self.clock.advance(31)
        told = self.alice.take(await parked)
        self.assertEqual(self.reason_of(told), ("Failure", "Failed", "RemoteFailure", "Timeout"))

    async def test_nobody_to_answer(self) -> None:
        """A known person without a device, and a stranger, fail at once, each with its reason."""
        for name, code, subcode in (
            ("carol", "RemoteFailure", "Unavailable"),
            ("dave", "NotFound", "DestinationNotFound"),
        ):
            response = await self.alice.post(INVITATIONS, {"to": uri(name), "operationId": name})
            location = self.accepted(response, 201)
            told = await self.alice.events()
            self.assertEqual(told[0].brief, ("communication", "messagingInvitation", "started"))
            self.assertEqual(self.reason_of(told), ("Failure", "Failed", code, subcode))
            self.assertEqual(only(told, "messagingInvitation", "completed").href, location)

    async def test_second_device(self) -> None:
        """Both devices ring; when one answers, the other is told and loses the conversation."""
        tablet = await self.service.sign_in("bob", EndpointId="tablet")
        location = await self.invite(self.alice, self.bob)
        self.assertEqual((await self.bob.events())[0].type, "started")
        self.assertEqual((await tablet.events())[0].type, "started")
        answer = await tablet.post(f"{converted(location, self.alice, tablet)}/accept")
        self.accepted(answer, 204)
        told = await self.bob.events()
        self.assertEqual(self.reason_of(told)[2:], ("LocalFailure", "ConnectedElsewhere"))
        self.assertEqual(told[-1].type, "deleted")
        conversations = await self.bob.document("communication/conversations")
        self.assertEqual(conversations["_links"]["conversation"], [])
        late = await self.bob.post(f"{converted(location, self.alice, self.bob)}/accept")
        self.refused(late, 404, "NotFound", "ResourceNotFound")

    async def test_decline_on_one_device(self) -> None:
        """Local declines on this device while the other rings on; Global declines on all."""
        tablet = await self.service.sign_in("bob", EndpointId="tablet")
        location = await self.invite(self.alice, self.bob)
        await self.alice.events()
        mine = converted(location, self.alice, self.bob)
        self.accepted(await self.bob.post(f"{mine}/decline", {"reason": "Local"}), 204)
        self.assertTrue(await self.alice_waits())
        theirs = converted(location, self.alice, tablet)
        self.accepted(await tablet.post(f"{theirs}/decline", {"reason": "Global"}), 204)
        self.assertEqual(self.reason_of(await self.alice.events())[3], "Declined")

    async def alice_waits(self) -> bool:
        parked = self.alice.park()
        waits = not parked.called
        parked.addErrback(lambda _: None).cancel()
        return waits

    async def test_stop_and_delete(self) -> None:
        """stopMessaging and DELETE conversation end it for both; who left finds it no more."""
        for method, path in (("POST", "/terminate"), ("DELETE", "")):
            messaging = await self.talk(self.alice, self.bob)
            conversation = messaging.rpartition("/")[0]
            target = messaging + path if path else conversation
            self.accepted(await self.alice.request(method, target), 204)
            for client in (self.alice, self.bob):
                told = await client.events()
                self.assertEqual(
                    [(*event.brief, event.within) for event in told],
                    [
                        ("conversation", "messaging", "updated", ""),
                        ("conversation", "participantMessaging", "deleted", "participant"),
                        ("conversation", "participant", "deleted", ""),
                        ("conversation", "participantMessaging", "deleted", "localParticipant"),
                        ("conversation", "localParticipant", "deleted", ""),
                        ("communication", "conversation", "updated", ""),
                        ("communication", "conversation", "deleted", ""),
                        ("communication", "missedItems", "updated", ""),
                    ],
                )
                disconnected = told[0].shown
                assert disconnected
                self.assertEqual(disconnected["state"], "Disconnected")
                self.assertEqual(set(disconnected["_links"]), {"self", "conversation"})
            gone = await self.alice.request(method, target)
            self.refused(gone, 404, "NotFound", "ConversationNotFound")

    async def test_application_ends(self) -> None:
        """When one side signs out the other is told that the conversation is over."""
        await self.talk(self.alice, self.bob)
        self.accepted(await self.alice.delete(), 204)
        self.assertIn("deleted", [one.type for one in await self.bob.events()])
