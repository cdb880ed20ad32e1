"""Agents' links through TLS: what a user sets up, and what both ends say when it does not fit. Python's ssl is the peer that is not volta."""
import base64
import hashlib
import os
import socket
import ssl
import subprocess
import threading
import time

from cases_fleet import agent, host_named, key_of, server, token_for
from lib import Folder, Volta, run, wait_until

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


def pin_of(public_key):
    return base64.urlsafe_b64encode(hashlib.sha256(public_key).digest()).decode().rstrip("=")


def case_beyond_loopback_the_link_is_encrypted_and_the_pin_decides():
    address = own_address()
    with Folder() as folder:
        # Where the machine has no address but loopback, --tls makes loopback as strict.
        flags = () if address else ("--tls",)
        with server(folder, "0.0.0.0:0" if address else "127.0.0.1:0", "127.0.0.1:0", *flags) as hub:
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
            assert oct(os.stat(folder / "server/rpc-key.pem").st_mode & 0o777) == "0o600"
            for least, most, version in ((ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
                public_key, spoken = shown_key(hub.port("rpc"), least, most)
                assert pin_of(public_key) == pin and spoken == version, (pin_of(public_key), pin, spoken)
            token = token_for(folder, "web-1")
        with server(folder) as hub, agent(folder, hub.ready["rpc"], token, "--pin", pin):  # the same after a restart
            wait_until("live", lambda: host_named(hub.port(), key_of(folder), "web-1")["state"] == "live")
        # A backup of the store alone is not the key: what is broken is said and not replaced.
        file = folder / "server/rpc-key.pem"
        good = file.read_text()
        arguments = ("server", "--listen", "127.0.0.1:0", "--rpc-listen", "127.0.0.1:0", "--data", folder / "server")
        for content, mode, hint in (("hello", 0o600, "no private key"), (good[:300], 0o600, "no"), (good, 0o644, "chmod 600")):
            file.write_text(content)
            os.chmod(file, mode)
            code, _, err = run(*arguments, expected=None)
            assert code == 3 and hint in err and "rpc-key.pem" in err, (code, err)
            assert file.read_text() == content


def case_an_agent_knows_its_server_by_a_certificate():
    """A server of another make stands for one whose certificate an authority has signed: only the handshake matters here."""
    with Folder() as folder:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "key.pem", "-out",
                        folder / "cert.pem", "-days", "2", "-subj", "/CN=volta.example", "-addext", "subjectAltName=DNS:volta.example,IP:127.0.0.2"],
                       check=True, capture_output=True)
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
