"""What the way through the reverse proxy must be like."""

from mobility.check.findings import Rule, Severity

HAIRPIN = Rule(
    "proxy.hairpin",
    Severity.ERROR,
    "the external web FQDN cannot be reached from inside",
    "Mobility URLs are on the external web FQDN for users inside, too: their packets leave the "
    "network and come back through the reverse proxy.  A rule against spoofing that drops what "
    "comes back on the interface it left by breaks mobility for everybody inside.",
    "Allow hairpinning, best at the reverse proxy's external interface and not at the firewall's, "
    "and give the proxy its own record in internal DNS.",
)
UNREACHABLE = Rule(
    "proxy.unreachable",
    Severity.ERROR,
    "the published URL cannot be reached from outside",
    "No client outside gets anywhere.",
    "Look at the record in public DNS, the firewall (443 to the reverse proxy), and the proxy.",
)
OTHER_SERVICE = Rule(
    "proxy.other-service",
    Severity.ERROR,
    "what answers at the published URL is not the front end",
    "Discovery gets no answer that a client understands: a rule of the proxy leads elsewhere, asks "
    "for a sign-in of its own, or finds no front end behind it.",
    "Let the publishing rule pass everything under the web FQDN and the lyncdiscover names on to "
    "the front end's external site; `mobility proxy-config` writes such rules.",
)
WRONG_SITE = Rule(
    "proxy.wrong-site",
    Severity.ERROR,
    "the proxy leads to the internal web site",
    "The site that answers tells clients where they are; those outside are then sent to internal "
    "names that they cannot reach.  Public 443 belongs to 4443, and public 80 to 8080.",
    "Let the proxy lead to the external listeners.",
)
HOST_CHANGED = Rule(
    "proxy.host-changed",
    Severity.ERROR,
    "the proxy changes the Host header",
    "Autodiscover reads the SIP domain from the name that the client asked for; with another name "
    "the users of all but the first SIP domain are looked for in the wrong one.",
    "Pass the original Host header on (nginx: proxy_set_header Host $http_host).",
)
PATH_CASE = Rule(
    "proxy.path-case",
    Severity.WARNING,
    "the proxy distinguishes upper and lower case in paths",
    "Clients and people write /Autodiscover/autodiscoverservice.svc/Root in several ways, and "
    "Windows servers have never minded.",
    "Let the publishing rule take every path, or match without regard to case.",
)
HTTP_REDIRECTED = Rule(
    "proxy.http-redirected",
    Severity.ERROR,
    "the proxy redirects port 80 by itself",
    "The first hop over HTTP must be answered 200 with a link in its body; clients take a 301 or "
    "302 to another domain for a failure.",
    "Pass public port 80 on to the front end's 8080 and remove the redirect.",
)
HTTP_FIRST_HOP = Rule(
    "proxy.http-first-hop",
    Severity.WARNING,
    "discovery over HTTP does not work",
    "Clients try the first hop over HTTP and HTTPS.  Where the proxy's certificate lacks the "
    "lyncdiscover names, HTTP is the only way.",
    "Publish port 80 for the lyncdiscover names and lead it to the front end's 8080.",
)
LINKS_ELSEWHERE = Rule(
    "proxy.links-elsewhere",
    Severity.ERROR,
    "discovery gives links that are not on the published URL",
    "Clients follow these links; they end where the reverse proxy is not.",
    "Set web.external_url to the URL that is published, restart the front end, and let no proxy "
    "rewrite bodies.",
)
CHALLENGE_CHANGED = Rule(
    "proxy.challenge-changed",
    Severity.ERROR,
    "the challenge to sign in does not come through",
    "Clients learn from the two WWW-Authenticate headers of a 401 where they get a token; a proxy "
    "that signs users in by itself, or merges the headers, keeps them out.",
    "Turn pre-authentication off for this rule, and pass 401 answers on as they are.",
)
CORS_REFUSED = Rule(
    "proxy.cors-refused",
    Severity.ERROR,
    "a web page that is allowed to use UCWA gets no CORS headers",
    "The browser keeps every answer from the page.",
    "Name the page's origin in web.cross_domain_origins, and let the proxy pass OPTIONS requests "
    "and Access-Control headers on.",
)
CORS_OPEN = Rule(
    "proxy.cors-open",
    Severity.WARNING,
    "a web page that is not allowed to use UCWA gets CORS headers",
    "Any page that a user visits could then read answers of the service.",
    "Let the proxy add no Access-Control headers of its own.",
)
CORS_DOUBLED = Rule(
    "proxy.cors-doubled",
    Severity.ERROR,
    "answers have the CORS headers twice",
    "Browsers refuse an answer with two Access-Control-Allow-Origin headers.",
    "Let the proxy add no Access-Control headers of its own.",
)
METHODS = Rule(
    "proxy.methods",
    Severity.ERROR,
    "the proxy does not let every method through",
    "UCWA uses GET, POST, PUT and DELETE, and browsers send OPTIONS before them.",
    "Allow all five in the publishing rule.",
)
NO_AFFINITY = Rule(
    "proxy.no-affinity",
    Severity.ERROR,
    "connections of one client go to different front ends",
    "The external web services behind a load balancer need source affinity, so that the "
    "connections of one client go to the server that holds its session.",
    "Configure affinity by the client's address; `mobility proxy-config` does.",
)
CACHED = Rule(
    "proxy.cached",
    Severity.WARNING,
    "the proxy keeps answers, or lets others keep them",
    "Discovery and events are different for each client and each time.",
    "Turn caching off for this rule, and leave Cache-Control headers as they are.",
)
SIGN_IN = Rule(
    "proxy.sign-in",
    Severity.ERROR,
    "signing in through the published URL does not work",
    "It is what every client does after discovery.",
    "Try it at the front end itself.  If it works there, look at what the proxy does to POST "
    "requests and to Authorization headers.",
)
MOBILITY_URL = Rule(
    "proxy.mobility-url",
    Severity.ERROR,
    "the mobility URL is not on the external web FQDN",
    "Users inside and outside must get the same mobility URL, on the external web FQDN, so that a "
    "phone that leaves the building keeps it.",
    "Set web.external_url to the URL that is published, and restart the front end.",
)
TIME_OUT = Rule(
    "proxy.time-out",
    Severity.ERROR,
    "the proxy ends requests for events early",
    "A client waits for events with a request that is answered when something happens, after 180 "
    "s unless it asks for more, up to 1800 s.  When the proxy gives up first, the client takes it "
    "for a failure, and events come late.",
    "Set the time to wait for an answer above 1800 s, and let idle connections live as long.",
)
BUFFERED = Rule(
    "proxy.buffered",
    Severity.ERROR,
    "events come through the proxy late",
    "An answer to a request for events must be passed on at once: it is a call that rings, or a "
    "message.",
    "Turn response buffering off for this rule (nginx: proxy_buffering off).",
)
RULES = (
    HAIRPIN,
    UNREACHABLE,
    OTHER_SERVICE,
    WRONG_SITE,
    HOST_CHANGED,
    PATH_CASE,
    HTTP_REDIRECTED,
    HTTP_FIRST_HOP,
    LINKS_ELSEWHERE,
    CHALLENGE_CHANGED,
    CORS_REFUSED,
    CORS_OPEN,
    CORS_DOUBLED,
    METHODS,
    NO_AFFINITY,
    CACHED,
    SIGN_IN,
    MOBILITY_URL,
    TIME_OUT,
    BUFFERED,
)
