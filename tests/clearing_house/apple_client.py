"""`python -m tests.clearing_house.apple_client`: sends pushes with aioapns, an independent client.

Standard input is a JSON object: host, port, CA file, key, key id, team, topic, and `pushes`, each
with device token, payload, type and priority.  Standard output is a JSON list of status and
description of each.
"""

import asyncio
import json
import ssl
import sys
from typing import Any

from aioapns import APNs, NotificationRequest, PushType
from aioapns.connection import APNsProductionClientProtocol


async def send(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Status and description of what became of each push."""

    class Server(APNsProductionClientProtocol):
        APNS_SERVER = told["host"]
        APNS_PORT = told["port"]

    client = APNs(
        key=told["key"],
        key_id=told["key_id"],
        team_id=told["team"],
        topic=told["topic"],
        ssl_context=ssl.create_default_context(cafile=told["ca"]),
        max_connections=1,
    )
    client.pool.protocol_class = Server
    results = []
    for one in told["pushes"]:
        request = NotificationRequest(
            device_token=one["token"],
            message=one["payload"],
            push_type=PushType(one["type"]),
            priority=one["priority"],
            apns_topic=one.get("topic"),
        )
        answer = await client.send_notification(request)
        results.append((answer.status, answer.description or ""))
    client.pool.close()
    return results


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(send(json.load(sys.stdin)))))
