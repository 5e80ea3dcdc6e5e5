#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Checks the search server of docs/examples from outside: search_server_test.py PROGRAM [unittest's arguments].

The answers are compared with a plain implementation over a generated tree. Every wait is bounded and every port is one
that the system chose.
"""
import http.client
import json
import os
import queue
import random
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

PROGRAM = "search_server"
PATIENCE = 30  # seconds; what is slower has failed
KEYS = {"state", "files", "skipped", "bytes", "tokens", "loops", "tasks_run", "steals", "parks", "requests"}


class Server:
    """A running server; its lines of output are in a queue."""

    def __init__(self, *arguments, stdin=subprocess.PIPE, descriptors=1024):
        limited = ["prlimit", f"--nofile={descriptors}", PROGRAM, "--port", "0", *arguments]
        self.process = subprocess.Popen(limited, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        self.errors = []
        threading.Thread(target=lambda: [self.lines.put(line) for line in self.process.stdout], daemon=True).start()
        threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True).start()
        self.port = int(self.line("listening on http://127.0.0.1:").rsplit(":", 1)[1])

    def line(self, start):
        """Waits for the next line of output, which has to begin with `start`."""
        try:
            line = self.lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"no line {start!r} came; status {self.process.poll()}; {''.join(self.errors)}") from None
        assert line.startswith(start), f"{line!r} does not start with {start!r}; {self.errors}"
        return line.rstrip("\n")

    def say(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def get(self, target, method="GET"):
        """Returns the status, the headers and the body of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, target)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def search(self, query, **more):
        status, _, body = self.get("/search?" + urllib.parse.urlencode({"q": query, **more}))
        assert status == 200, (query, status)
        return json.loads(body)

    def raw(self, data):
        """Sends bytes, and returns all that comes until the server closes the connection."""
        with self.connect() as client:
            client.sendall(data)
            return read_all(client)

    def end(self, how=signal.SIGTERM):
        """Ends the server; returns its exit code and how long it took."""
        start = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(timeout=PATIENCE)
        return code, time.monotonic() - start

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


def read_all(client):
    received = b""
    while chunk := client.recv(65536):
        received += chunk
    return received


def status_of(reply):
    return int(reply.split()[1]) if reply.startswith(b"HTTP/1.") else None


class Reference:
    """What the answers have to be."""

    WORD = re.compile(rb"[A-Za-z0-9_]+")

    def __init__(self, root):
        self.files, self.skipped, self.bytes, self.tokens = {}, 0, 0, 0
        for directory, folders, names in os.walk(root):
            for path in (os.path.join(directory, name) for name in names):
                if not stat.S_ISREG(os.lstat(path).st_mode):
                    continue
                with open(path, "rb") as file:
                    data = file.read()
                if b"\0" in data[:8192]:
                    self.skipped += 1
                    continue
                words = {}
                for number, line in enumerate(data.split(b"\n"), 1):
                    for word in self.WORD.findall(line):
                        words.setdefault(word.lower().decode(), []).append(number)
                self.files[path] = words
                self.bytes += len(data)
                self.tokens += sum(map(len, words.values()))

    def search(self, query, limit=20):
        wanted = {word.decode().lower() for word in self.WORD.findall(query.encode())}
        hits = []
        for path, words in self.files.items():
            if wanted and all(word in words for word in wanted):
                lines = [line for word in wanted for line in words[word]]
                hits.append({"file": path, "count": len(lines), "lines": sorted(set(lines))[:10]})
        hits.sort(key=lambda hit: (-hit["count"], hit["file"]))
        return {"query": query, "total": len(hits), "hits": hits[:limit]}


VOCABULARY = [f"{stem}{end}" for stem in ("alpha", "beta", "Gamma", "d", "_x", "ONE", "two2", "7")
              for end in ("", "_", "s", "9", "_Tail")]


def write_tree(root, seed, files=120):
    chance = random.Random(seed)
    for number in range(files):
        folder = os.path.join(root, *(f"d{chance.randrange(4)}" for _ in range(chance.randrange(4))))
        os.makedirs(folder, exist_ok=True)
        text = "".join(chance.choice(VOCABULARY) + chance.choice((" ", "\n", "-", ".", "\t", "\r\n", " \u00e9\u20ac "))
                       for _ in range(chance.choice((0, 1, 30, 2000))))
        with open(os.path.join(folder, f"f{number}.txt"), "w", newline="", encoding="utf-8") as file:
            file.write(text)
    special = {
        "binary": b"alpha \0 beta", "late_nul": b"alpha " * 2000 + b"\0beta", "nul_at_8191": b" " * 8191 + b"\0 alpha",
        "nul_at_8192": b" " * 8192 + b"\0 alpha", "no_newline": b"zebra", "empty": b"", "newlines": b"\n\n\nzebra\n\n",
        "word_over_8192": b" " * 8190 + b"zebra_crossing", "long_word": b"z" * 300000, "with space & +": b"zebra spaced",
    }
    for name, data in special.items():
        with open(os.path.join(root, name), "wb") as file:
            file.write(data)
    with open(os.path.join(os.fsencode(root), b"not_utf8_\xff"), "wb") as file:
        file.write(b"lynx")
    os.symlink(os.path.join(root, "no_newline"), os.path.join(root, "link_to_file"))
    os.symlink(root, os.path.join(root, "link_to_itself"))
    os.mkfifo(os.path.join(root, "pipe"))
    os.symlink("nowhere", os.path.join(root, "dangling"))


def queries(seed):
    chance = random.Random(seed)
    fixed = ["zebra", "ZEBRA", "zebra zebra", "zebra_crossing", "", "-- ,", "no_such_word", "alpha no_such_word",
             "alpha-beta", "z" * 300, "\u00e9", "spaced zebra"]
    return fixed + [" ".join(chance.choices(VOCABULARY, k=chance.choice((1, 1, 2, 3)))) for _ in range(40)]


class WithTree(unittest.TestCase):
    """One tree and one server for all tests of a class."""

    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.root = cls.enterClassContext(tempfile.TemporaryDirectory())
        write_tree(cls.root, seed=1)
        cls.reference = Reference(cls.root)
        cls.server = cls.enterClassContext(Server("--root", cls.root, *cls.arguments))
        cls.server.line("indexed ")


class Answers(WithTree):
    def test_searches_agree_with_the_reference(self):
        for query in queries(seed=2):
            with self.subTest(query=query[:40]):
                self.assertEqual(self.server.search(query), self.reference.search(query))

    def test_limit_cuts_the_hits_but_not_the_total(self):
        for limit in (0, 1, 5, 1000, 10**9):
            with self.subTest(limit=limit):
                self.assertEqual(self.server.search("alpha", limit=limit), self.reference.search("alpha", limit))

    def test_a_query_is_decoded(self):
        for query, meant in (("alpha+beta", "alpha beta"), ("alpha%20beta", "alpha beta"), ("%61lpha", "alpha"),
                             ("alpha%2Bbeta", "alpha+beta"), ("%C3%A9+zebra", "\u00e9 zebra")):
            status, _, body = self.server.get("/search?q=" + query)
            self.assertEqual(status, 200)
            self.assertEqual(json.loads(body), self.reference.search(meant), query)

    def test_what_is_not_utf8_does_not_break_the_json(self):
        status, _, body = self.server.get("/search?q=zebra%FF")
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(body)["total"], self.reference.search("zebra")["total"])
        self.assertEqual([hit["file"][-10:] for hit in self.server.search("lynx")["hits"]], ["not_utf8_?"])

    def test_stats_count_the_tree(self):
        status, headers, body = self.server.get("/stats")
        stats = json.loads(body)
        self.assertEqual((status, headers["Content-Type"], set(stats)), (200, "application/json", KEYS))
        self.assertEqual(stats["state"], "ready")
        counted = tuple(stats[key] for key in ("files", "skipped", "bytes", "tokens"))
        self.assertEqual(counted, (len(self.reference.files), self.reference.skipped, self.reference.bytes,
                                   self.reference.tokens))

    def test_the_page_and_the_health_check(self):
        status, headers, body = self.server.get("/")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn(b"<input", body)
        self.assertEqual(self.server.get("/healthz")[::2], (200, b"ok"))

    def test_head_sends_the_length_without_the_body(self):
        for target in ("/", "/healthz", "/search?q=alpha"):
            status, headers, body = self.server.get(target)
            head_status, head_headers, head_body = self.server.get(target, method="HEAD")
            self.assertEqual((head_status, head_headers, head_body), (status, headers, b""))
            self.assertEqual(int(headers["Content-Length"]), len(body))


class Requests(WithTree):
    def test_wrong_requests_get_their_status(self):
        for target, status in (("/search", 400), ("/search?limit=3", 400), ("/search?q=a&limit=", 400),
                               ("/search?q=a&limit=-1", 400), ("/search?q=a&limit=3x", 400), ("/search?q=%zz", 400),
                               ("/search?q=%4", 400), ("/nothing", 404), ("/searching?q=a", 404), ("//", 404)):
            self.assertEqual(self.server.get(target)[0], status, target)
        for method, status in (("POST", 405), ("DELETE", 405), ("OPTIONS", 405), ("BREW", 501)):
            got, headers, _ = self.server.get("/healthz", method)
            self.assertEqual(got, status, method)
            self.assertEqual(headers.get("Allow"), "GET, HEAD")

    def test_what_is_not_http_gets_400_and_a_closed_connection(self):
        for data in (b"hello\r\n\r\n", b"GET /healthz\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"\x16\x03\x01\x02\x00" * 9,
                     b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
            self.assertEqual(status_of(self.server.raw(data)), 400, data)

    def test_a_large_header_gets_431(self):
        for size in (20_000, 1_000_000):
            reply = self.server.raw(b"GET / HTTP/1.1\r\nHost: x\r\nLong: " + b"x" * size + b"\r\n\r\n")
            self.assertEqual(status_of(reply), 431, size)

    def test_a_large_body_gets_413(self):
        reply = self.server.raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000)
        self.assertEqual(status_of(reply), 413)

    def test_a_connection_serves_many_requests(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        connection.connect()
        first = connection.sock
        for target in ("/healthz", "/nothing", "/search?q=alpha", "/search", "/healthz") * 20:
            connection.request("GET", target)
            connection.getresponse().read()
        self.assertIs(connection.sock, first)
        connection.close()

    def test_pipelined_requests_are_answered_in_order(self):
        request = b"GET /%s HTTP/1.1\r\nHost: x\r\n%s\r\n"
        reply = self.server.raw(request % (b"healthz", b"") + request % (b"nothing", b"") +
                                request % (b"healthz", b"Connection: close\r\n"))
        self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", reply), [b"200", b"404", b"200"])

    def test_http_1_0_closes_the_connection(self):
        reply = self.server.raw(b"GET /healthz HTTP/1.0\r\n\r\n")
        self.assertTrue(reply.startswith(b"HTTP/1.0 200 ") and reply.endswith(b"\r\n\r\nok"), reply)

    def test_a_half_open_client_gets_its_answer_and_the_end(self):
        with self.server.connect() as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
            reply = read_all(client)
        self.assertEqual(reply.count(b"HTTP/1.1"), 1)
        self.assertTrue(reply.endswith(b"ok"))

    def test_clients_that_vanish_do_no_harm(self):
        for data in (b"", b"GET /hea", b"GET /search?q=alpha HTTP/1.1\r\nHost: x\r\n\r\n"):
            for _ in range(20):
                client = self.server.connect()
                client.sendall(data)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not a close
                client.close()
        self.assertEqual(self.server.get("/healthz")[0], 200)


class SlowClients(WithTree):
    arguments = ("--header-timeout-ms", "400")

    def test_a_request_that_trickles_in_is_ended_and_others_are_served(self):
        clients = [self.server.connect() for _ in range(50)]
        start = time.monotonic()
        try:
            for byte in b"GET / HTTP/1.1":
                for client in clients:
                    try:
                        client.sendall(bytes([byte]))
                    except OSError:
                        pass
                self.assertEqual(self.server.get("/healthz")[0], 200)
                time.sleep(0.04)
            for client in clients:
                try:
                    self.assertIn(status_of(read_all(client)), (408, None))
                except ConnectionError:
                    pass
            self.assertLess(time.monotonic() - start, 10)
        finally:
            for client in clients:
                client.close()

    def test_an_idle_connection_outlives_the_header_timeout(self):
        with self.server.connect() as client:
            time.sleep(0.8)
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertEqual(status_of(read_all(client)), 200)


class Reindexing(WithTree):
    def test_no_request_is_lost_and_the_new_files_are_found(self):
        failures, done, count = [], threading.Event(), [0] * 4

        def load(worker):
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
            expected = self.reference.search("gamma")
            while not done.is_set():
                try:
                    connection.request("GET", "/search?q=gamma")
                    response = connection.getresponse()
                    answer = json.loads(response.read())
                    if response.status != 200 or answer != expected:
                        failures.append((response.status, answer))
                except (OSError, http.client.HTTPException) as error:
                    failures.append(error)
                    connection.close()
                count[worker] += 1
            connection.close()

        workers = [threading.Thread(target=load, args=(worker,)) for worker in range(len(count))]
        for worker in workers:
            worker.start()
        try:
            for turn in range(5):
                with open(os.path.join(self.root, f"new{turn}"), "w") as file:
                    file.write(f"fresh fresh{turn}\n")
                self.server.say("reindex")
                self.server.line("indexed ")
                self.assertEqual(self.server.search("fresh")["total"], turn + 1)
        finally:
            done.set()
            for worker in workers:
                worker.join()
        self.assertEqual(failures, [])
        self.assertGreater(min(count), 5)

    def test_reindexes_at_the_same_time_take_turns(self):
        for _ in range(5):
            self.server.say("reindex")
        for _ in range(5):
            self.server.line("indexed ")
        self.assertEqual(self.server.get("/healthz")[0], 200)


class Lifetime(unittest.TestCase):
    def setUp(self):
        self.root = self.enterContext(tempfile.TemporaryDirectory())
        with open(os.path.join(self.root, "file"), "w") as file:
            file.write("word\n" * 100)

    def test_a_signal_ends_it_with_0_within_two_seconds(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=how.name), Server("--root", self.root) as server:
                server.line("indexed ")
                idle = [server.connect() for _ in range(50)]
                idle[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                idle[0].recv(1000)
                idle[1].sendall(b"GET /hea")
                time.sleep(0.1)
                code, seconds = server.end(how)
                self.assertEqual((code, server.errors), (0, []))
                self.assertLess(seconds, 2)
                for client in idle:
                    client.close()

    def test_a_signal_during_the_first_index_ends_it_too(self):
        for turn in range(5):
            with Server("--root", "/usr/include") as server:
                time.sleep(0.05 * turn)
                code, seconds = server.end()
                self.assertEqual((code, server.errors), (0, []))
                self.assertLess(seconds, 2)

    def test_quit_ends_it_and_stats_prints_them(self):
        with Server("--root", self.root) as server:
            server.line("indexed 1 files")
            server.say("stats")
            self.assertEqual(set(json.loads(server.line("{"))), KEYS)
            server.say("quit")
            self.assertEqual(server.process.wait(timeout=PATIENCE), 0)

    def test_the_end_of_standard_input_ends_only_the_commands(self):
        with Server("--root", self.root, stdin=subprocess.DEVNULL) as server:
            server.line("indexed ")
            self.assertEqual(server.get("/healthz")[0], 200)
            self.assertEqual(server.end()[0], 0)

    def test_a_port_in_use_is_one_line_and_exit_1(self):
        with socket.create_server(("127.0.0.1", 0)) as taken, Server("--root", self.root) as running:
            for port in (taken.getsockname()[1], running.port):
                second = subprocess.run([PROGRAM, "--root", self.root, "--port", str(port)], stdin=subprocess.DEVNULL,
                                        capture_output=True, text=True, timeout=PATIENCE)
                self.assertEqual((second.returncode, second.stdout), (1, ""))
                self.assertEqual(len(second.stderr.splitlines()), 1, second.stderr)
                self.assertIn(str(port), second.stderr)

    def test_wrong_options_are_refused(self):
        for wrong in (["--root", "/no/such/folder"], ["--loops", "0"], ["--port", "70000"], ["--host", "x"], ["extra"]):
            ended = subprocess.run([PROGRAM, *wrong], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
            self.assertNotEqual(ended.returncode, 0, wrong)

    def test_any_number_of_roots_and_loops(self):
        with tempfile.TemporaryDirectory() as other:
            with open(os.path.join(other, "more"), "w") as file:
                file.write("word again\n")
            for loops in (1, 2, 4, 8, 64):
                with self.subTest(loops=loops), \
                     Server("--loops", str(loops), "--root", self.root, "--root", other) as server:
                    server.line("indexed 2 files")
                    hits = server.search("word")["hits"]
                    self.assertEqual([os.path.basename(hit["file"]) for hit in hits], ["file", "more"])
                    self.assertEqual(json.loads(server.get("/stats")[2])["loops"], loops)
                    self.assertEqual(server.end()[0], 0)

    def test_a_lack_of_descriptors_passes(self):
        with Server("--root", self.root, "--loops", "2", descriptors=80) as server:
            server.line("indexed ")
            clients = [server.connect() for _ in range(150)]
            time.sleep(0.3)
            for client in clients:
                client.close()
            self.assertEqual(server.get("/healthz")[0], 200)
            self.assertEqual(server.end()[0], 0)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
