// The cross-domain frame of UCWA ("Cross-domain IFrame"): a page of an allowed origin keeps this page
// in a hidden iframe, posts requests to it as JSON strings, and gets each response posted back.
"use strict";

(function () {
  const settings = JSON.parse(document.getElementById("settings").textContent);
  const allowed = new Set(settings.origins);

  // Browsers give header names in lower case; clients look for the spelling the server sent.
  const spellings = new Map([
    ["etag", "ETag"],
    ["www-authenticate", "WWW-Authenticate"],
    ["x-ms-diagnostics", "X-Ms-diagnostics"],
    ["x-ms-server-fqdn", "X-MS-Server-Fqdn"],
    ["x-ms-ucwaversion", "X-MS-UcwaVersion"],
  ]);

  function spelled(line) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const usual = name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
    return (spellings.get(name) || usual) + line.slice(colon);
  }

  function headersOf(xhr) {
    const lines = (xhr.getAllResponseHeaders() || "").split("\r\n").filter(Boolean);
    return lines.map((line) => spelled(line) + "\r\n").join("");
  }

  function isAllowed(origin) {
    return origin !== "null" && (allowed.has("*") || allowed.has(origin));
  }

  // The request in an event's data, or null when the message is not for this page.
  function requestOf(data) {
    if (typeof data !== "string") {
      return null;
    }
    try {
      const request = JSON.parse(data);
      return request !== null && typeof request === "object" && "messageId" in request
        ? request
        : null;
    } catch (error) {
      return null;
    }
  }

  function bodyOf(request) {
    const data = request.data;
    if (data === undefined || data === null) {
      return "";
    }
    if (typeof data !== "object") {
      return String(data);
    }
    const json = request.processData === false || /json/i.test(request.contentType || "");
    return json ? JSON.stringify(data) : new URLSearchParams(data).toString();
  }

  function acceptOf(accepts) {
    return accepts !== null && typeof accepts === "object"
      ? Object.values(accepts).join(", ")
      : accepts;
  }

  function headersFor(request, origin, hasBody) {
    const headers = new Headers(request.headers || {});
    const accept = acceptOf(request.accepts);
    if (accept && !headers.has("Accept")) {
      headers.set("Accept", accept);
    }
    if (hasBody && request.contentType !== false && !headers.has("Content-Type")) {
      const form = "application/x-www-form-urlencoded; charset=UTF-8";
      headers.set("Content-Type", request.contentType || form);
    }
    headers.set("X-Requested-With", "XMLHttpRequest");
    headers.set("X-Ms-Origin", origin);
    return headers;
  }

  // Throws when the request cannot be made, or is for another origin than this page's.
  function send(request, origin, answer) {
    const method = String(request.type || "GET").toUpperCase();
    const url = new URL(request.url, location.href);
    if (url.origin !== location.origin) {
      throw new Error("The URL is not on the server of this frame.");
    }
    let body = bodyOf(request);
    if (body && (method === "GET" || method === "HEAD")) {
      url.search += (url.search ? "&" : "?") + body;
      body = "";
    }
    const headers = headersFor(request, origin, body !== "");
    const xhr = new XMLHttpRequest();
    xhr.open(method, url.href);
    headers.forEach((value, name) => xhr.setRequestHeader(name, value));
    xhr.onloadend = () => answer(xhr.status, xhr.statusText, xhr.responseText, headersOf(xhr));
    xhr.send(body || null);
  }

  window.addEventListener("message", (event) => {
    const request = requestOf(event.data);
    if (request === null || event.source === null) {
      return;
    }
    // A page without an origin cannot be addressed; what it gets is a refusal, which is no secret.
    const target = event.origin === "null" ? "*" : event.origin;
    const answer = (status, statusText, responseText, headers) => {
      const messageId = request.messageId;
      const response = { status, statusText, responseText, headers, messageId };
      event.source.postMessage(JSON.stringify(response), target);
    };
    if (!isAllowed(event.origin)) {
      answer(403, "Forbidden", "", "X-Ms-diagnostics: " + settings.diagnostics + "\r\n");
      return;
    }
    try {
      send(request, event.origin, answer);
    } catch (error) {
      answer(400, "Bad Request", JSON.stringify({ code: "BadRequest", message: error.message }),
        "Content-Type: application/json\r\n");
    }
  });
})();
