"""Agents' links and the page through TLS: what a user sets up, and what both ends say when it does not fit. Python's ssl is the peer that is not volta."""
import base64
import hashlib
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time

from cases_fleet import agent, host_named, key_of, server, token_for
from lib import SLOW, Folder, WebSocket, request, run, wait_until

# DER of a P-256 public key up to its point of 65 bytes (RFC 5480).
P256_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


def own_address():
    """An address of this machine that is not loopback, or None. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return None


def shown_key(port, least, most):
    """The public key (DER) that the server shows over these versions of TLS, and the version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version, context.maximum_version = least, most
    with socket.create_connection(("127.0.0.1", port), 10) as plain, context.wrap_socket(plain) as encrypted:
        certificate = encrypted.getpeercert(binary_form=True)
        at = certificate.index(P256_PREFIX)
        return certificate[at:at + len(P256_PREFIX) + 65], encrypted.version()


def make_certificate(folder, names):
    """cert.pem and key.pem, signed by itself, each replaced in one step."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "key.new", "-out",
                    folder / "cert.new", "-days", "2", "-subj", "/CN=volta.example", "-addext", f"subjectAltName={names}"], check=True, capture_output=True)
    os.chmod(folder / "key.new", 0o600)
    for name in ("cert", "key"):
        os.replace(folder / f"{name}.new", folder / f"{name}.pem")


def unverified():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def pin_of(public_key):
    return base64.urlsafe_b64encode(hashlib.sha256(public_key).digest()).decode().rstrip("=")


def case_beyond_loopback_the_link_is_encrypted_and_the_pin_decides():
    address = own_address()
    with Folder() as folder:
        # Where the machine has no address but loopback, rpc.tls makes loopback as strict.
        env = {} if address else {"VOLTA_RPC_TLS": "true"}
        with server(folder, "0.0.0.0:0" if address else "127.0.0.1:0", "127.0.0.1:0", env=env) as hub:
            rpc = f"{address or '127.0.0.1'}:{hub.port('rpc')}"
            token, key = token_for(folder, "web-1"), key_of(folder)
            pin = run("server", "--show-pin", "--data", folder / "server").strip()
            assert f"--pin {pin} " in run("host", "add", "web-2", "--data", folder / "server")
            with agent(folder, rpc, token, "--pin", pin):
                wait_until("live", lambda: host_named(hub.port(), key, "web-1")["state"] == "live")
                assert not host_named(hub.port(), key, "web-1").get("plaintext")
            wrong = ("A" if pin[0] != "A" else "B") + pin[1:]
            for more, here, there in (
                    (("--pin", wrong), f"but {pin}", "expects another key"),
                    (("--pin", wrong, "--insecure-plaintext"), f"but {pin}", "expects another key"),  # a pin is never talked out of
                    (("--tls",), "signed by no authority that is trusted here", "trusts nobody who signed"),
                    (("--insecure-plaintext",), "over TLS only", "the agent speaks plaintext"),
                    ((), "signed by no authority" if address else "over TLS only", "TLS handshake" if address else "the agent speaks plaintext")):
                time.sleep(1.1)  # the server speaks of strangers once a second
                hub.lines.clear()
                with agent(folder, rpc, token, *more) as sender:
                    wait_until(f"the agent's sentence on {more}", lambda: here in sender.stderr, 15)
                    wait_until(f"the server's sentence on {more}", lambda: there in hub.stderr, 15)
                    assert "connected to the server" not in sender.stderr, sender.stderr


def case_the_key_for_agents_is_kept_and_lasts():
    with Folder() as folder:
        with server(folder) as hub:
            pin = run("server", "--show-pin", "--data", folder / "server").strip()
            assert oct(os.stat(folder / "server/tls-key.pem").st_mode & 0o777) == "0o600"
            for least, most, version in ((ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
                public_key, spoken = shown_key(hub.port("rpc"), least, most)
                assert pin_of(public_key) == pin and spoken == version, (pin_of(public_key), pin, spoken)
            token = token_for(folder, "web-1")
        with server(folder) as hub, agent(folder, hub.ready["rpc"], token, "--pin", pin):  # the same after a restart
            wait_until("live", lambda: host_named(hub.port(), key_of(folder), "web-1")["state"] == "live")
        # A backup of the store alone is not the key: what is broken is said and not replaced.
        file = folder / "server/tls-key.pem"
        good = file.read_text()
        arguments = ("server", "--listen", "127.0.0.1:0", "--rpc-listen", "127.0.0.1:0", "--data", folder / "server")
        for content, mode, hint in (("hello", 0o600, "no private key"), (good[:300], 0o600, "no"), (good, 0o644, "chmod 600")):
            file.write_text(content)
            os.chmod(file, mode)
            code, _, err = run(*arguments, expected=None)
            assert code == 3 and hint in err and "tls-key.pem" in err, (code, err)
            assert file.read_text() == content


def case_an_agent_knows_its_server_by_a_certificate():
    """A server of another make stands for one whose certificate an authority has signed: only the handshake matters here."""
    with Folder() as folder:
        make_certificate(folder, "DNS:volta.example,IP:127.0.0.2")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        token = folder / "token"
        token.write_text("0" * 64)
        os.chmod(token, 0o600)
        heard = []

        def serve(listener):
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                try:
                    with plain, context.wrap_socket(plain, server_side=True) as encrypted:
                        heard.append(encrypted.recv(8))
                except OSError as failure:
                    heard.append(str(failure).encode())

        with socket.create_server(("0.0.0.0", 0)) as listener:
            threading.Thread(target=serve, args=(listener,), daemon=True).start()
            port = listener.getsockname()[1]
            more = ("--tls", "--ca-file", folder / "cert.pem")
            with agent(folder, f"127.0.0.2:{port}", token, *more):
                wait_until("the preface inside TLS", lambda: any(word.startswith(b"VOLTA") for word in heard), 15)
            with agent(folder, f"127.0.0.3:{port}", token, *more) as sender:
                wait_until("another name", lambda: "for another name: volta.example" in sender.stderr, 15)
            listener.close()
        code, _, err = run("agent", "--server", "127.0.0.2:1", "--token-file", token, "--ca-file", folder / "none.pem", "--data", folder / "agent", expected=None)
        assert code == 3 and "none.pem" in err, (code, err)
        code, _, err = run("agent", "--server", "127.0.0.2:1", "--token-file", token, "--pin", "abc", "--data", folder / "agent", expected=None)
        assert code == 3 and "43 characters" in err, (code, err)


def case_the_page_is_https_and_plaintext_is_sent_there():
    with Folder() as folder, server(folder, "127.0.0.1:0", "127.0.0.1:0", "--tls") as hub:
        port, key, tls = hub.port(), key_of(folder), unverified()
        assert pin_of(shown_key(port, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)[0]) == run("server", "--show-pin", "--data", folder / "server").strip()
        assert request(port, "/healthz", tls=tls)[0] == 200
        status, headers, page = request(port, "/", tls=tls)
        assert status == 200 and "<html" in page
        # Who asks in the clear is sent on, who sends something in the clear is told not to; neither gets anything.
        status, headers, text = request(port, "/hosts?a=b%20c")
        assert (status, headers["location"]) == (308, f"https://127.0.0.1:{port}/hosts?a=b%20c") and "HTTPS" in text, (status, headers, text)
        status, headers, text = request(port, "/api/v1/hosts", "POST", {"name": "x"}, key=key)
        assert status == 400 and json.loads(text)["code"] == "https_only" and "location" not in headers, (status, text)
        assert request(port, "/api/v1/hosts", tls=tls)[0] == 401
        assert request(port, "/api/v1/hosts", tls=tls, key=key)[0] == 200
        # Small commands go by the pin.
        pin = run("server", "--show-pin", "--data", folder / "server").strip()
        asked = ("query", "1+1", "--server", f"https://127.0.0.1:{port}", "--key-file", folder / "server/access-key")
        assert "2" in run(*asked, "--pin", pin)
        for more, hint, expected in ((("--pin", ("A" if pin[0] != "A" else "B") + pin[1:]), "not the one that is pinned", 5), ((), "certificate", 5),
                                     (("--pin", "abc"), "43 characters", 2)):
            code, _, err = run(*asked, *more, expected=None)
            assert code == expected and hint in err, (more, code, err)
        code, _, err = run("query", "1", "--server", f"http://127.0.0.1:{port}", "--pin", pin, expected=None)
        assert code == 2 and "https://" in err, (code, err)
        # The cookie of an encrypted page never travels in the clear; its Origin is https.
        origin = {"Origin": f"https://127.0.0.1:{port}"}
        status, headers, text = request(port, "/api/v1/session", "POST", {"access_key": key}, tls=tls, headers=origin)
        cookie = headers.get("set-cookie", "")
        assert status in (200, 201, 204) and cookie.startswith("__Host-") and "Secure" in cookie and "HttpOnly" in cookie, (status, headers, text)
        cleartext = {"Origin": f"http://127.0.0.1:{port}"}
        assert request(port, "/api/v1/session", "POST", {"access_key": key}, tls=tls, headers=cleartext)[0] == 403
        # Answers of many records, bodies and streams go through it whole.
        script = re.search(r'src="(/[^"]+\.js)"', page).group(1)
        status, headers, text = request(port, script, tls=tls)
        assert status == 200 and len(text.encode()) == int(headers["content-length"]) > 20000, (status, headers)
        query = "1" + "+1" * 30000
        status, _, text = request(port, "/prometheus/api/v1/query", "POST", "query=" + query.replace("+", "%2B"), tls=tls, key=key,
                                  headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert status in (200, 400) and json.loads(text)["status"] in ("success", "error"), (status, text[:300])
        file = folder / "web-1.token"
        file.write_text(run("host", "add", "web-1", "--token", "--data", folder / "server"))  # by the admin socket
        os.chmod(file, 0o600)
        with agent(folder, hub.ready["rpc"], file, "--pin", run("server", "--show-pin", "--data", folder / "server").strip()):
            wait_until("live", lambda: json.loads(request(port, "/api/v1/hosts", tls=tls, key=key)[2])["items"][0]["state"] == "live")
            host = json.loads(request(port, "/api/v1/hosts", tls=tls, key=key)[2])["items"][0]["id"]
            socket_ = WebSocket(port, headers={"Authorization": f"Bearer {key}"}, tls=tls)
            assert socket_.status == 101, socket_.head
            socket_.send({"op": "subscribe", "id": "a", "host": host, "names": ["volta_load1"], "interval_ms": 1000})
            while socket_.receive()["op"] != "data":
                pass
            socket_.close()


def case_a_renewed_certificate_is_served_and_a_broken_one_is_not():
    with Folder() as folder:
        make_certificate(folder, "IP:127.0.0.1")
        env = {"VOLTA_HTTP_CERTIFICATE": str(folder / "cert.pem"), "VOLTA_HTTP_KEY": str(folder / "key.pem")}
        with server(folder, "127.0.0.1:0", "127.0.0.1:0", "--tls", env=env) as hub:
            def trusts(file):
                try:
                    return request(hub.port(), "/healthz", tls=ssl.create_default_context(cafile=file))[0] == 200
                except ssl.SSLError:
                    return False
            first = folder / "first.pem"
            first.write_bytes((folder / "cert.pem").read_bytes())
            assert trusts(first)
            make_certificate(folder, "IP:127.0.0.1")
            wait_until("the renewed certificate", lambda: trusts(folder / "cert.pem"))
            assert not trusts(first)
            good = (folder / "cert.pem").read_bytes()
            (folder / "good.pem").write_bytes(good)
            (folder / "cert.pem").write_bytes(good[:200])
            wait_until("a word on it", lambda: trusts(folder / "good.pem") and "a renewed certificate cannot be used" in hub.stderr)
            assert trusts(folder / "good.pem")
            # An agent that goes by certificates sees the page's one, an agent with a pin volta's own.
            (folder / "cert.pem").write_bytes(good)
            token = token_for(folder, "web-1")
            pin = run("server", "--show-pin", "--data", folder / "server").strip()
            for more in (("--tls", "--ca-file", folder / "good.pem"), ("--pin", pin)):
                with agent(folder, hub.ready["rpc"], token, *more) as sender:
                    wait_until(f"connected with {more[0]}", lambda: "connected to the server" in sender.stderr)
        os.chmod(folder / "key.pem", 0o644)
        code, _, err = run("server", "--listen", "127.0.0.1:0", "--rpc-listen", "127.0.0.1:0", "--data", folder / "server", env=env, expected=None)
        assert code == 3 and "chmod o-rwx" in err, (code, err)


def case_a_handshake_that_stalls_holds_nothing_up():
    with Folder() as folder, server(folder, "127.0.0.1:0", "127.0.0.1:0", "--tls") as hub:
        stalled = [socket.create_connection(("127.0.0.1", hub.port()), 30 * SLOW) for _ in range(20)]
        for number, link in enumerate(stalled):
            link.sendall(bytes.fromhex("160301020001000001fc0303")[:1 + number % 12] if number % 3 else b"")
        assert request(hub.port(), "/healthz", tls=unverified())[0] == 200
        begun = time.monotonic()
        for link in stalled:
            assert link.recv(100) == b"", "closed without a word"
            link.close()
        assert 5 < time.monotonic() - begun < 25 * SLOW
        garbage = socket.create_connection(("127.0.0.1", hub.port()), 30 * SLOW)
        garbage.sendall(b"\x16" + os.urandom(4000))
        while garbage.recv(4096):
            pass
        garbage.close()
        assert request(hub.port(), "/healthz", tls=unverified())[0] == 200
