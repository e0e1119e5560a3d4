#!/usr/bin/python3
"""Holds proto/openapi.yaml against src/web/routes.def and a running server: every path and method that the one has the
other has, every documented status but those of NOT_FORCED is had from the server, and each reply is as documented:
status, type, headers, and bodies by their schemas. The last line is for Automake's log: Checks, Failures, Errors."""

import os
import sys

try:  # of a minimal Python even the standard library is not whole
    import gzip
    import http.client
    import json
    import re
    import resource
    import shutil
    import signal
    import socket
    import subprocess
    import tempfile

    import jsonschema
    import yaml
except ImportError as missing:
    print(f"left out: {missing}: install python3, python3-yaml and python3-jsonschema")
    sys.exit(77)

SOURCES = os.environ.get("TALLYCAST_SRCDIR", os.path.join(os.path.dirname(__file__), "../.."))
BINARY = os.environ.get("TALLYCAST_BINARY", "./tallycast")
TIMEOUT_S = 10 * int(os.environ.get("CK_TIMEOUT_MULTIPLIER", "1"))
METHODS = ("get", "head", "post", "options")

# What only a malformed request, or a server at its limit, is answered; test_http_codec and test_http have these.
NOT_FORCED = {("get", "/web/{file}", "5XX"), ("options", "*", "4XX"), ("options", "*", "5XX"), ("head", "*", "5XX")}


# ---- the document ----

class Document:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.root = yaml.safe_load(file)

    def resolve(self, value):
        """The value, or what its $ref leads to; its own members go before."""
        while isinstance(value, dict) and "$ref" in value:
            target = self.root
            for part in value["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            value = target
        return value

    def operations(self):
        for path, item in self.root["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method, path, item[method]

    def response(self, method, path, status):
        """The documented response to a status, and its key: the status, or its class."""
        responses = self.root["paths"][path][method]["responses"]
        for key in (str(status), f"{status // 100}XX"):
            if key in responses:
                return key, self.resolve(responses[key])
        return None, None

    def check(self, schema, value):
        """Raises what is wrong with a value."""
        resolver = jsonschema.RefResolver("", self.root)
        jsonschema.Draft202012Validator(schema, resolver=resolver).validate(value)


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for member in value:
            yield from references(member)


# ---- the server ----

class Server:
    """A server on free ports with a database of its own."""

    def __init__(self, *options):
        self.directory = tempfile.mkdtemp(prefix="tallycast-openapi-")
        self.log = open(os.path.join(self.directory, "log"), "w+", encoding="utf-8")
        database = os.path.join(self.directory, "test.db")
        self.process = subprocess.Popen(
            [BINARY, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--database", database, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True)
        ready = self.process.stdout.readline()
        words = dict(word.split("=", 1) for word in ready.split()[1:])
        if not ready.startswith("ready ") or "http" not in words:
            self.stop()
            raise RuntimeError(f"the server is not ready: {ready!r}")
        self.admin = words["admin"]
        self.host, port = words["http"].rsplit(":", 1)
        self.port = int(port)

    def command(self, *lines):
        """Has the administrator say lines; each must succeed."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as admin:
            admin.settimeout(TIMEOUT_S)
            admin.connect(self.admin)
            replies = admin.makefile("r", encoding="utf-8", newline="\n")
            replies.readline()
            for line in lines:
                admin.sendall(f"{line}\n".encode())
                reply = replies.readline()
                if not reply.startswith("+OK"):
                    raise RuntimeError(f"{line}: {reply}")

    def connect(self):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        connection.connect()
        return connection

    def send(self, method, target, body=None, headers=None):
        """One request on a connection of its own: status, headers, body. Of an event stream, the first event."""
        connection = self.connect()
        try:
            connection.request(method.upper(), target, body, headers or {})
            response = connection.getresponse()
            if response.headers.get("Content-Type", "").startswith("text/event-stream") and method == "get":
                return response.status, response.headers, first_event(response)
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def send_bytes(self, request):
        """Bytes that are no proper request."""
        with socket.create_connection((self.host, self.port), TIMEOUT_S) as connection:
            connection.sendall(request)
            response = http.client.HTTPResponse(connection)
            response.begin()
            return response.status, response.headers, response.read()

    def stop(self):
        """Has it end, as it must: a sanitizer that found something shows here."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.process.stdout.close()
        self.log.seek(0)
        log = self.log.read()
        self.log.close()
        shutil.rmtree(self.directory)
        if status != 0:
            raise RuntimeError(f"the server ended with status {status}: {log[-4000:]}")


def first_event(response):
    """What a stream begins with, up to the end of its first event."""
    text = b""
    while not re.search(rb"data: .*\n\n$", text):
        line = response.readline()
        if not line:
            raise RuntimeError(f"the stream ended: {text!r}")
        text += line
    return text


# ---- what is checked ----

class Test:
    def __init__(self, document):
        self.document = document
        self.parts = 0
        self.failed_parts = 0
        self.failures = 0  # of the present part
        self.seen = set()  # (method, path, key of the response)

    def run(self, part, *arguments):
        self.parts += 1
        self.failures = 0
        part(self, *arguments)
        self.failed_parts += self.failures > 0

    def expect(self, condition, text):
        if not condition:
            self.failures += 1
            print(f"FAILED: {text}")

    def expect_valid(self, schema, value, text):
        try:
            self.document.check(schema, value)
            self.expect(True, text)
        except jsonschema.ValidationError as error:
            self.expect(False, f"{text}: {error.message}, at {'/'.join(map(str, error.absolute_path)) or 'its top'}")

    def check_headers(self, where, documented, headers):
        for name, header in documented.get("headers", {}).items():
            header = self.document.resolve(header)
            value = headers.get(name)
            self.expect(value is not None or not header.get("required"), f"{where}: no {name}")
            if value is None:
                continue
            schema = self.document.resolve(header["schema"])
            self.expect_valid(schema, int(value) if schema.get("type") == "integer" else value, f"{where}: {name}")

    def check_body(self, where, documented, headers, body):
        content = documented.get("content", {})
        media = headers.get("Content-Type", "").split(";")[0]
        if not content:
            self.expect(body == b"", f"{where}: a body, and none is documented")
            return
        self.expect(media in content, f"{where}: {media or 'no type'}, and documented are {', '.join(content)}")
        schema = content.get(media, {}).get("schema", {})
        if media.endswith("json"):
            self.expect_valid(schema, json.loads(body), where)
        elif media == "text/event-stream":
            self.check_event(where, schema["contentSchema"], body.decode())
        else:
            text = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
            self.expect(text.decode() != "", f"{where}: an empty body")

    def check_event(self, where, schema, text):
        events = re.fullmatch(r"retry: (\d+)\n\nevent: tally\nid: (\d+)\ndata: (.*)\n\n", text)
        self.expect(events, f"{where}: {text!r}")
        if events:
            tally = json.loads(events[3])
            self.expect_valid(schema, tally, where)
            self.expect(tally["seq"] == int(events[2]), f"{where}: id and seq differ")
            self.expect(2000 <= int(events[1]) <= 5000, f"{where}: retry {events[1]}")

    def check(self, method, path, expected, reply):
        """A reply against what the document says of it."""
        status, headers, body = reply
        where = f"{method.upper()} {path} {status}"
        self.expect(status == expected, f"{where}: {expected} was expected; {body[:200]!r}")
        key, documented = self.document.response(method, path, status)
        self.expect(key, f"{where}: the status is not documented")
        if key is None:
            return reply
        self.seen.add((method, path, key))
        self.check_headers(where, documented, headers)
        if method != "head":
            self.check_body(where, documented, headers, body)
        else:
            self.expect(body == b"", f"{where}: a body")
        return reply


def test_document(test):
    """References lead somewhere, examples are what their schemas say, and schemas are schemas."""
    document = test.document
    for reference in references(document.root):
        test.expect(document.resolve(reference) is not None, reference)
    for name, schema in document.root["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        if "example" in schema:
            test.expect_valid(schema, schema["example"], f"the example of {name}")
    body = document.root["paths"]["/polls/{poll}/ballots"]["post"]["requestBody"]["content"]
    for media, content in body.items():
        test.expect_valid(content["schema"], content["example"], f"the example of {media}")


def test_routes(test):
    """The document and the server have the same routes."""
    with open(os.path.join(SOURCES, "src/web/routes.def"), encoding="utf-8") as file:
        routes = re.findall(r'^ROUTE\((GET_|POST_), "([^"]+)"', file.read(), re.MULTILINE)
    methods = {"GET_": {"get", "head", "options"}, "POST_": {"post", "options"}}
    served = {path: methods[kind] for kind, path in routes}
    documented = {}
    for method, path, _ in test.document.operations():
        documented.setdefault(re.sub(r"\{[^}]+\}", "*", path), set()).add(method)
    test.expect(len(routes) >= 14, "routes.def is read")
    for path in sorted(served.keys() | documented.keys()):
        test.expect(served.get(path) == documented.get(path),
                    f"{path}: served {served.get(path)}, documented {documented.get(path)}")


FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def json_ballot(**members):
    return {"body": json.dumps(members), "headers": {"Content-Type": JSON}}


# A poll of each method that does more than add up.
METHOD_POLLS = ("CREATE star a b c method=star", "CREATE schulze a b c method=schulze", "CREATE irv a b c method=irv",
                "CREATE stv a b c method=stv seats=2")


def make_polls(server):
    server.command(
        "CREATE lunch pizza sushi tacos", "TITLE lunch What shall we eat? <b>\"1\" & 2</b>",
        "LABEL lunch tacos Tacos \N{TACO}", "CREATE board yes no voters=named ballots=once record=name",
        "CREATE secret a b reveal=closed voters=address", "CREATE over a b state=closed",
        "CREATE applause loud louder ballots=unlimited", *METHOD_POLLS, f"CREATE many {' '.join(f'c{i}' for i in range(120))}",
        *(f"CREATE poll-{i} a b" for i in range(100)))


def test_reading(test, server):
    def get(path, target, expected=200, **headers):
        return test.check("get", path, expected, server.send("get", target, None, headers))

    for path in ("/", "/journey", "/metrics", "/healthz", "/readyz", "/hello", "/about", "/polls", "/events"):
        get(path, path)
    for poll in ("lunch", "LUNCH", "board", "secret", "over", "applause", "many"):
        for path in ("/p/{poll}", "/screen/{poll}", "/polls/{poll}", "/polls/{poll}/result", "/polls/{poll}/events"):
            get(path, path.replace("{poll}", poll))
    for path in ("/p/{poll}", "/screen/{poll}", "/polls/{poll}", "/polls/{poll}/result", "/polls/{poll}/events"):
        for poll in ("none", "%00", "a%2Fb", "-", "x" * 65):
            get(path, path.replace("{poll}", poll), 404)
        # A person is shown a page.
        _, headers, _ = server.send("get", path.replace("{poll}", "none"), None, {"Accept": "text/html,*/*;q=0.8"})
        test.expect(headers["Content-Type"].startswith("text/html"), f"{path}: 404 for a browser")
    get("/p/{poll}", "/p/lunch?choice=pizza")
    _, headers, _ = get("/p/{poll}", "/p/board")
    test.expect("Set-Cookie" not in headers, "a cookie where voters are named")
    for file in ("tallycast.css", "icon.svg"):
        _, headers, _ = get("/web/{file}", f"/web/{file}", **{"Accept-Encoding": "gzip"})
        test.expect(headers.get("Content-Encoding") == "gzip", f"{file} is not compressed")
        _, headers, _ = get("/web/{file}", f"/web/{file}")
        get("/web/{file}", f"/web/{file}", 304, **{"If-None-Match": headers["ETag"]})
    get("/web/{file}", "/web/none", 404)
    get("/web/{file}", "/web/..%2F..%2Fetc%2Fpasswd", 404)
    for path, target in (("/polls", "/polls"), ("/polls/{poll}", "/polls/lunch"),
                         ("/polls/{poll}/result", "/polls/lunch/result")):
        _, headers, _ = get(path, target)
        get(path, target, 304, **{"If-None-Match": headers["ETag"]})
        get(path, target, 200, **{"If-None-Match": '"1-0"'})


def test_what_is_told(test, server):
    """Values that no schema knows."""
    poll = json.loads(server.send("get", "/polls/lunch")[2])
    test.expect(poll["title"] == "What shall we eat? <b>\"1\" & 2</b>", "the title")
    test.expect(poll["choices"][2]["label"] == "Tacos \N{TACO}", "the label")
    secret = json.loads(server.send("get", "/polls/secret")[2])
    test.expect(secret["hidden"] and secret["choices"][0]["count"] is None, "hidden results")
    over = json.loads(server.send("get", "/polls/over")[2])
    test.expect(not over["open"] and over["settings"]["state"] == "closed", "a closed poll")
    about = server.send("get", "/about")[2].decode()
    test.expect(test.document.root["info"]["version"] in about, "the version")


def test_results(test, server):
    """Each method's, before and after a ballot."""
    path = "/polls/{poll}/result"

    def result_of(poll):
        return json.loads(test.check("get", path, 200, server.send("get", f"/polls/{poll}/result?pairs=yes"))[2])

    for line in METHOD_POLLS:
        poll = line.split()[1]
        test.expect(result_of(poll)["winners"] == [] and "nobody" in result_of(poll), f"{poll} without ballots")
        server.command(f"VOTE {poll} {'b=5,c=1' if poll == 'star' else 'b>c'}", f"CLOSE {poll}")
        result = result_of(poll)
        test.expect(result["winners"][0] == "b" and not result["hidden"], f"{poll}: {result}")
        test.expect(result["seq"] == json.loads(server.send("get", f"/polls/{poll}")[2])["seq"], f"{poll}: seq")
    secret = result_of("secret")
    test.expect(secret["hidden"] and secret["winners"] == [] and "rounds" not in secret, f"hidden: {secret}")
    for query in ("pairs=", "pairs=1"):
        test.check("get", path, 400, server.send("get", f"/polls/lunch/result?{query}"))
    test.check("get", "/polls/{poll}/events", 400, server.send("get", "/polls/lunch/events?results=1"))
    test.check("get", "/events", 400, server.send("get", "/events?results=1"))


def test_listing(test, server):
    """Every poll once, page by page."""
    names, target, pages = [], "/polls?limit=50", 0
    while target and pages < 10:
        _, _, body = test.check("get", "/polls", 200, server.send("get", target))
        page = json.loads(body)
        names += [poll["poll"] for poll in page["polls"]]
        target = page["next"]
        pages += 1
    test.expect(len(names) == 110 == len(set(names)) and pages == 3, f"{len(names)} polls on {pages} pages")
    test.expect(len(json.loads(server.send("get", "/polls")[2])["polls"]) == 100, "the default limit")
    for query in ("limit=0", "limit=101", "limit=", "limit=x", "after=-1", "after=10001", "limit=1&limit=1x"):
        test.check("get", "/polls", 400, server.send("get", f"/polls?{query}"))
    _, headers, _ = server.send("get", "/")
    test.check("get", "/", 304, server.send("get", "/", None, {"If-None-Match": headers["ETag"]}))
    for query in ("from=-1", "from=10001", "from=", "from=x"):
        test.check("get", "/", 400, server.send("get", f"/?{query}"))


def test_voting(test, server):
    path = "/polls/{poll}/ballots"

    def vote(poll, expected, body=None, headers=None):
        return test.check("post", path, expected, server.send("post", f"/polls/{poll}/ballots", body, headers or {}))

    _, headers, body = vote("lunch", 201, **json_ballot(choice="pizza"))
    cookie = headers["Set-Cookie"].split(";")[0]
    first = json.loads(body)
    _, headers, body = vote("lunch", 201, '{"choice":"1"}', {"Content-Type": JSON, "Cookie": cookie})
    test.expect(json.loads(body) == {"seq": first["seq"], "duplicate": True}, "a repeat by cookie")
    test.expect("Set-Cookie" not in headers, "a second cookie")
    _, headers, _ = vote("lunch", 303, "choice=sushi&voter=&id=", {"Content-Type": FORM, "Accept": "text/html"})
    test.expect(headers["Location"] == "../../p/lunch", headers["Location"])
    _, _, page = vote("applause", 201, "choice=loud", {"Content-Type": FORM, "Accept": "text/html"})
    test.expect(b"is recorded" in page, "a ballot's page")
    mine = "/polls/{poll}/ballots/mine"
    _, _, body = test.check("get", mine, 200, server.send("get", "/polls/lunch/ballots/mine", None, {"Cookie": cookie}))
    own = json.loads(body)
    test.expect(own["seq"] == first["seq"] and own["choice"] == "pizza", f"one's own ballot: {own}")
    test.check("get", mine, 404, server.send("get", "/polls/none/ballots/mine"))
    test.check("get", mine, 403, server.send("get", "/polls/lunch/ballots/mine", None, {"Origin": "http://example.org"}))
    vote("lunch", 201, "choice=sushi", {"Content-Type": FORM})
    vote("secret", 201, **json_ballot(choice="a"))
    vote("applause", 201, **json_ballot(choice="loud", id="k-1"))
    _, _, body = vote("applause", 201, **json_ballot(choice="loud", id="k-1"))
    test.expect(json.loads(body)["duplicate"], "a repeat by id")

    def refused(poll, status, code, **request):
        _, _, body = vote(poll, status, **request)
        problem = json.loads(body)
        test.expect(problem.get("code") == code and problem["status"] == status, f"{code}: {problem}")
        return problem

    vote("board", 201, **json_ballot(choice="yes", voter="ann", id="k-1"))
    problem = refused("board", 409, "ALREADY-VOTED", **json_ballot(choice="no", voter="ann", id="k-1"))
    test.expect(problem.get("seq", 0) > 0, "ALREADY-VOTED has a seq")
    problem = refused("board", 409, "ALREADY-VOTED", **json_ballot(choice="no", voter="ann"))
    test.expect("seq" not in problem, "ALREADY-VOTED tells nobody else the seq")
    refused("board", 422, "VOTER-REQUIRED", **json_ballot(choice="no"))
    refused("lunch", 400, "BAD-ARGUMENT", **json_ballot(choice="pizza", voter="ann"))
    refused("lunch", 422, "NO-SUCH-CHOICE", **json_ballot(choice="burger"))
    refused("over", 409, "POLL-CLOSED", **json_ballot(choice="a"))
    refused("none", 404, "NO-SUCH-POLL", **json_ballot(choice="a"))
    refused("lunch", 400, "BAD-ARGUMENT", **json_ballot(choice="pizza", extra="1"))
    refused("lunch", 400, "BAD-ARGUMENT", body="{", headers={"Content-Type": JSON})
    refused("lunch", 415, None, body="pizza", headers={"Content-Type": "text/plain"})
    origin = {"Content-Type": JSON, "Origin": "http://example.org"}
    refused("lunch", 403, "OTHER-SITE", body='{"choice":"pizza"}', headers=origin)
    host = f"Host: {server.host}:{server.port}\r\n"
    test.check("post", path, 411, server.send_bytes(
        f"POST /polls/lunch/ballots HTTP/1.1\r\n{host}Content-Type: {JSON}\r\n\r\n".encode()))


# A path of each operation.
def target_of(path):
    return path.replace("{poll}", "lunch").replace("{file}", "tallycast.css")


def test_every_operation(test, server):
    """What every route does in the same way: HEAD, OPTIONS, and the refusals that don't depend on it."""
    for method, path, _ in test.document.operations():
        target = target_of(path)
        if method == "options":
            test.check(method, path, 204, server.send(method, target))
            continue
        if method == "head":
            test.check(method, path, 200, server.send(method, target))
            _, headers, _ = server.send("get", target)
            _, head, _ = server.send("head", target)
            test.expect(headers["Content-Type"] == head["Content-Type"], f"HEAD {path}: another type than GET")
            test.expect(headers["Content-Length"] == head["Content-Length"] or path == "/metrics",
                        f"HEAD {path}: another length than GET")
        elif method == "get":
            test.check(method, path, 400, server.send_bytes(b"%s %s HTTP/1.1\r\n\r\n" % (b"GET", target.encode())))
        # The server does not go by that name.
        request = f"{method.upper()} {target} HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"
        if method != "head":
            test.check(method, path, 421, server.send_bytes(request.encode()))
            request = request.replace("HTTP/1.1", "HTTP/2.0")
            test.check(method, path, 505, server.send_bytes(request.encode()))
        else:
            status, headers, _ = server.send("head", target, None, {"Host": "example.org"})
            test.check(method, path, 421, (status, headers, b""))
    for method, target in (("delete", "/polls"), ("post", "/polls"), ("get", "/polls/lunch/ballots")):
        status, headers, body = server.send(method, target)
        test.expect(status == 405 and "OPTIONS" in headers["Allow"], f"{method} {target}: {status}")
        test.expect_valid(test.document.root["components"]["schemas"]["Problem"], json.loads(body), "405")


def test_full_disk(test):
    """No file may grow: nothing is recorded, and the server says that it isn't ready."""
    server = Server("--poll", "lunch=pizza,sushi,tacos")
    try:
        ballot = json_ballot(choice="pizza")
        test.check("get", "/readyz", 200, server.send("get", "/readyz"))
        limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, limits[1]))
        test.check("post", "/polls/{poll}/ballots", 503, server.send("post", "/polls/lunch/ballots", **ballot))
        test.check("get", "/readyz", 503, server.send("get", "/readyz"))
        metrics = server.send("get", "/metrics")[2].decode()
        test.expect("\ntallycast_ledger_writable 0\n" in metrics, "the metric of a full disk")
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
        test.check("post", "/polls/{poll}/ballots", 201, server.send("post", "/polls/lunch/ballots", **ballot))
        test.check("get", "/readyz", 200, server.send("get", "/readyz"))
    finally:
        server.stop()


def test_one_too_many(test):
    """A server at its limit refuses whatever is asked, but for how it is."""
    server = Server("--max-connections", "1", "--poll", "lunch=pizza,sushi,tacos")
    connection = server.connect()
    try:
        connection.request("GET", "/hello")
        connection.getresponse().read()
        for method, path, _ in test.document.operations():
            if method == "get":
                status = 200 if path in ("/healthz", "/readyz") else 503
                test.check(method, path, status, server.send(method, target_of(path)))
    finally:
        connection.close()
        server.stop()


def test_all_was_seen(test):
    for method, path, operation in test.document.operations():
        for key in map(str, operation["responses"]):
            forced = not {(method, path, key), (method, "*", key)} & NOT_FORCED
            test.expect((method, path, key) in test.seen or not forced,
                        f"{method.upper()} {path}: {key} is documented, and the server never gave it")


def main():
    test = Test(Document(os.path.join(SOURCES, "proto/openapi.yaml")))
    test.run(test_document)
    test.run(test_routes)
    server = Server()
    try:
        make_polls(server)
        for part in (test_reading, test_what_is_told, test_results, test_listing, test_voting, test_every_operation):
            test.run(part, server)
    finally:
        server.stop()
    test.run(test_full_disk)
    test.run(test_one_too_many)
    test.run(test_all_was_seen)
    print(f"Checks: {test.parts}, Failures: {test.failed_parts}, Errors: 0")
    return 1 if test.failed_parts else 0


if __name__ == "__main__":
    sys.exit(main())
