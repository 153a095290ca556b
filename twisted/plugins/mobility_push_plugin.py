"""Lets `twistd` find `mobility-push`."""

from twisted.application.service import ServiceMaker

mobility_push = ServiceMaker(
    "mobility clearing house",
    "mobility.push_tap",
    "A clearing house for push notifications (APNs, FCM, Web Push, UnifiedPush, WNS)",
    "mobility-push",
)
"""`twistd mobility-push`: its options, and the service that holds a clearing house."""
