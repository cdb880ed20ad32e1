"""An exporter of the tests' own, whose text they change while it is asked."""
import base64
import http.server
import threading


class Exporter:
    """Serves `text` on /metrics until stop(), and takes whatever is posted; `asked` holds the paths and headers of all requests. `tls`: its context."""

    def __init__(self, text, port=0, content_type="text/plain; version=0.0.4", user=None, tls=None):
        self.text, self.status, self.asked = text, 200, []
        exporter = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                exporter.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                want = "Basic " + base64.b64encode(user.encode()).decode() if user else None
                status = 401 if want and self.headers.get("Authorization") != want else exporter.status
                body = exporter.text.encode()
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except ConnectionError:  # who asked was killed meanwhile
                    pass

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                exporter.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
            self.server.handle_error = lambda *_: None  # who does not trust the certificate says so itself
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def port(self):
        return self.server.server_address[1]

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def stop(self):
        """Nobody listens there any more. Again: nothing."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
