"""The walk that the tests of bad input start from: nothing that is declared is left out of them."""

from mobility.ucwa.resources import RESOURCES
from tests.ucwa.walk import EverythingTestCase

UNREAD = {
    "audioTranscript": "the transcript that is found tells of messages",
    "errorTranscript": "as audioTranscript",
    "nextConversationLogTranscripts": "the past conversation was short",
    "contactPhoto": "nobody has a photo",
    "participantMessaging": "the participant that is found first does not write",
    "search": "what is looked for must be said",
}
"""What a GET without more does not show."""


class WalkTests(EverythingTestCase):
    """`one_of_each`."""

    async def test_everything(self) -> None:
        """Every declared resource has a place, and every readable one is there."""
        alice, places = await self.walk()
        self.assertEqual({one.rel for one in RESOURCES if one.operations} - set(places), set())
        unread = set()
        for resource in RESOURCES:
            for operation in resource.operations:
                if operation.method == "GET" and not operation.may_park:
                    answer = await alice.get(places[resource.rel])
                    if answer.status != 200:
                        unread.add(resource.rel)
        self.assertEqual(unread, set(UNREAD))
