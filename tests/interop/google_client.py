"""`python -m tests.interop.google_client`: sends messages with firebase-admin, Google's own SDK.

Standard input is a JSON object: URL of FCM, service account file, and `messages`, each with the
arguments of `messaging.Message`.  Standard output is a JSON list: for each its name, or the name of
the SDK's exception.  REQUESTS_CA_BUNDLE says whom to trust.
"""

import json
import sys
from datetime import timedelta
from typing import Any

import firebase_admin
from firebase_admin import credentials, exceptions, messaging


def send(told: dict[str, Any]) -> list[str]:
    """What became of each message."""
    service: Any = messaging._MessagingService
    service.FCM_URL = told["url"] + "/v1/projects/{0}/messages:send"
    app = firebase_admin.initialize_app(credentials.Certificate(told["account"]))
    results = []
    for one in told["messages"]:
        android = messaging.AndroidConfig(
            collapse_key="wake", priority="high", ttl=timedelta(seconds=one.pop("ttl"))
        )
        message = messaging.Message(android=android, **one)
        try:
            results.append(messaging.send(message, app=app))
        except exceptions.FirebaseError as error:
            results.append(type(error).__name__)
    return results


if __name__ == "__main__":
    sys.stdout.write(json.dumps(send(json.load(sys.stdin))))
