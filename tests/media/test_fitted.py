"""A telephone's descriptions in calls that have more than its audio."""

from twisted.trial.unittest import TestCase

from mobility.domain.descriptions import AUDIO, VIDEO
from mobility.media.fitted import audio_alone, in_place
from mobility.media.offers import read_description
from mobility.media.sdp import parse
from tests.descriptions import sdp


class FittedTests(TestCase):
    def test_in_place(self) -> None:
        """Its audio stands where the audio stood, and every other stream is ended."""
        said = sdp("video", "audio", version=7)
        own = read_description(sdp("audio:sendonly", version=3))
        made = in_place(said, own, said)
        self.assertEqual(
            [(one.medium, one.open) for one in made.streams], [(VIDEO, False), (AUDIO, True)]
        )
        self.assertEqual(made.streams[1], own.streams[0])
        made.must_follow(read_description(said).streams)
        self.assertEqual(parse(made.text).media[1], parse(own.text).media[0])

    def test_one_session(self) -> None:
        """It goes on with the session of what its side has said before."""
        said = sdp("audio", version=7)
        other = sdp("audio").replace("o=- 4611731400430051336", "o=phone 1")
        made = in_place(said, read_description(other), said)
        self.assertEqual(parse(made.text).origin.session_id, "4611731400430051336")
        self.assertEqual(parse(made.text).origin.version, "8")
        later = in_place(said, read_description(sdp("audio", version=9)), said)
        self.assertEqual(parse(later.text).origin.version, "9")

    def test_answers(self) -> None:
        """With the streams of an offer it answers that."""
        offer = read_description(sdp("audio", "video"))
        made = in_place(offer.text, read_description(sdp("audio")), "")
        made.must_answer(offer.streams)

    def test_what_cannot_be_fitted(self) -> None:
        """What has no audio, or is to stand where there is none, is left as it is."""
        audio, video = read_description(sdp("audio")), read_description(sdp("video"))
        for layout, own in ((video.text, audio), (audio.text, video), ("", audio), ("x", audio)):
            self.assertIs(in_place(layout, own, ""), own)

    def test_alone(self) -> None:
        """Of several streams the audio that is open is left."""
        self.assertEqual(audio_alone(sdp("audio", "video")), sdp("audio"))
        self.assertEqual(audio_alone(sdp("video", "audio:sendonly")).count("m="), 1)
        self.assertEqual(parse(audio_alone(sdp("audio:-", "audio"))).media[0].port, 50_002)
        for kept in (sdp("audio"), sdp("video"), "x", ""):
            self.assertEqual(audio_alone(kept), kept)
