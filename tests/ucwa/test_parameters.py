"""One wrong parameter of an operation: 400, and `parameters` names it and nothing else.

Every operation that is declared is asked, on a resource that is there.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from mobility.testing import MemoryResponse
from mobility.ucwa.declaration import Operation, Resource
from mobility.ucwa.documents import PUT_TOKEN_VALUE
from mobility.ucwa.resources import RESOURCES
from tests.ucwa.inputs import ABSENT, Parameter, json_body, parameters, query, xml_body
from tests.ucwa.walk import EverythingTestCase

IGNORED = {
    ("accept", "sessionContext"): "belongs to media, of which a message has none",
    ("decline", "sessionContext"): "as of accept",
    ("sendMessage", "OperationContext"): "stands for an operationId that is not there",
}
"""Parameters that are not looked at."""

LENIENT = {
    ("acceptWithAnswer", "sessionContext"): "a device has one call at a time",
    ("addAudio", "to"): "the conversation has one other participant",
    ("addAudioVideo", "to"): "as addAudio",
    ("addVideo", "to"): "as addAudio",
    ("escalateAudio", "operationId"): "as sendMessage",
    ("escalateAudio", "sessionContext"): "as acceptWithAnswer",
    ("escalateAudioVideo", "operationId"): "as sendMessage",
    ("escalateAudioVideo", "sessionContext"): "as acceptWithAnswer",
    ("renegotiations", "operationId"): "as sendMessage",
    ("resumeAudio", "operationId"): "as sendMessage",
    ("resumeAudioVideo", "operationId"): "as sendMessage",
    ("sendProvisionalAnswer", "sessionContext"): "as acceptWithAnswer",
    ("addToContactList", "displayName"): "the path says which group it is",
    ("addToContactList", "smtpAddress"): "as displayName",
    ("sendMessage", "operationId"): "clients leave it out",
    ("startMessaging", "operationId"): "as sendMessage",
}
"""Parameters that are said to be required and need not come."""

SERVED = {
    ("events", "timeout", "179"): "deployed clients ask for less than UCWA has",
}
"""Values out of the documented range that are served."""

TEXTS = {"sendMessage"}
"""Resources whose body is the text itself; their parameters are in the query."""

OPERATIONS = [(resource, operation) for resource in RESOURCES for operation in resource.operations]

JSON, XML = "application/json", "application/xml"

SUBCODE = re.compile(rb"<subcode>([A-Za-z]+)</subcode>")
NAMED_IN_XML = re.compile(rb"<parameters>.*?</parameters>", re.DOTALL)
NAME = re.compile(rb'name="([^"]+)"')


@attrs.frozen
class Case:
    """A request with one wrong value, in JSON or XML if it has a body."""

    resource: Resource
    operation: Operation
    parameter: Parameter
    value: Any
    xml: bool


def in_body(resource: Resource, operation: Operation, parameter: Parameter) -> bool:
    if operation.method == "GET" or resource.rel in TEXTS:
        return False
    return "body" in parameter.where


def cases() -> Iterator[Case]:
    for resource, operation in OPERATIONS:
        for parameter in parameters(resource, operation):
            key = (resource.rel, parameter.name)
            if key in IGNORED:
                continue
            absent = [ABSENT] if parameter.required and key not in LENIENT else []
            of_text = [*absent, *parameter.wrong_texts()]
            if in_body(resource, operation, parameter):
                for value in (*absent, *parameter.wrong_values()):
                    yield Case(resource, operation, parameter, value, xml=False)
                for value in of_text:
                    yield Case(resource, operation, parameter, value, xml=True)
            else:
                for value in of_text:
                    if (*key, value) not in SERVED:
                        short = value and value[:2_000]
                        yield Case(resource, operation, parameter, short, xml=False)


class ParameterTests(EverythingTestCase):
    """Every declared operation, one wrong value after another."""

    timeout = 300
    maxDiff = None

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.alice, self.places = await self.walk()

    async def test_named(self) -> None:
        """Whatever is wrong with a parameter, the answer names it; nothing is done or logged."""
        asked: Counter[str] = Counter()
        wrong: dict[str, object] = {}
        for case in cases():
            response = await self.answer(case)
            found = response.status, self.subcode(response), self.named(response)
            if found != (400, "ParameterValidationFailure", {case.parameter.name}):
                wrong[str((case.resource.rel, case.parameter.name))] = (
                    str(case.value)[:50],
                    case.xml,
                    found,
                )
            asked[case.resource.rel] += 1
        self.assertEqual(wrong, {})
        self.assertEqual(self.service.failures(), [])
        with_parameters = {r.rel for r, operation in OPERATIONS if [*parameters(r, operation)]}
        self.assertEqual(with_parameters - set(asked) - {rel for rel, _ in IGNORED}, set())

    async def answer(self, case: Case) -> MemoryResponse:
        """Send the case: all other parameters are right, and a PUT follows a GET."""
        resource, operation = case.resource, case.operation
        href = self.places.get(resource.rel, f"{self.alice.href}/{resource.path}")
        headers = {"Accept": "application/json"}
        before: dict[str, Any] = {}
        if operation.method == "PUT":
            shown = await self.alice.get(href)
            before = shown.json()
            headers["If-Match"] = shown.header("ETag") or ""
        values = {
            parameter: value
            for parameter in parameters(resource, operation)
            if (value := before.get(parameter.name) if before else parameter.sensible())
            is not ABSENT
        }
        tokens = [name for name, value in before.items() if value == PUT_TOKEN_VALUE]
        values |= {Parameter(name, "String", ("body",)): PUT_TOKEN_VALUE for name in tokens}
        values = {**values, case.parameter: case.value}
        body, asked = self.parts(
            resource, operation, {p: v for p, v in values.items() if v is not ABSENT}
        )
        if asked:
            href += ("&" if "?" in href else "?") + query(asked)
        content = b""
        if resource.rel in TEXTS:
            headers["Content-Type"] = "text/plain"
            content = b"Hello"
        elif body:
            headers["Accept"] = headers["Content-Type"] = XML if case.xml else JSON
            content = (xml_body if case.xml else json_body)(body)
        return await self.alice.request(operation.method, href, headers=headers, body=content)

    def parts(
        self, resource: Resource, operation: Operation, values: Mapping[Parameter, Any]
    ) -> tuple[dict[Parameter, Any], dict[Parameter, Any]]:
        """What goes into the body, and what into the query."""
        body = {p: value for p, value in values.items() if in_body(resource, operation, p)}
        return body, {p: value for p, value in values.items() if p not in body}

    def named(self, response: MemoryResponse) -> set[str]:
        """The names in the `parameters` of an error."""
        if (response.header("Content-Type") or "").startswith(XML):
            found = NAMED_IN_XML.search(response.body)
            return {name.decode() for name in NAME.findall(found[0])} if found else set()
        shown = response.json() if response.body else {}
        return {one["name"] for one in shown.get("parameters", ())}

    def subcode(self, response: MemoryResponse) -> str:
        if (response.header("Content-Type") or "").startswith(XML):
            found = SUBCODE.search(response.body)
            return found[1].decode() if found else ""
        return str(response.json().get("subcode")) if response.body else ""
