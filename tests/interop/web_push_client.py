"""`python -m tests.interop.web_push_client`: sends with pywebpush, an independent sender.

Standard input is a JSON object: VAPID key file, subject, and `pushes`, each with a subscription
and a text.  Standard output is a JSON list of the statuses.  REQUESTS_CA_BUNDLE says whom to trust.
"""

import json
import sys
from typing import Any

from pywebpush import WebPushException, webpush


def send(told: dict[str, Any]) -> list[int]:
    """The status of each push."""
    results = []
    for one in told["pushes"]:
        try:
            answer = webpush(
                one["subscription"],
                one["text"],
                vapid_private_key=told["key"],
                vapid_claims={"sub": told["subject"]},
                ttl=60,
            )
        except WebPushException as error:
            results.append(error.response.status_code)
        else:
            results.append(answer.status_code)
    return results


if __name__ == "__main__":
    sys.stdout.write(json.dumps(send(json.load(sys.stdin))))
