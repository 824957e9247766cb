"""Two registries on this machine, so that the tests of setup drive the real clients and need no network.

pip reads a folder of wheels; npm talks to a small HTTP server. Each offers one package `meuse-fixture` 1.0.0.
"""

import hashlib
import http.server
import io
import json
import tarfile
import threading
import zipfile

WHEEL = "meuse_fixture-1.0.0-py3-none-manylinux_2_28_x86_64.whl"
TARBALL = "meuse-fixture-1.0.0.tgz"
WHEEL_LIBRARY = b"a library from a wheel" * 1000
TARBALL_LIBRARY = b"a library from a tarball" * 1000
LICENSE = b"Do what you like.\n"
HEADER = b"int answer(void);\n"


def wheel():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("fixture/libwheel.so.1", WHEEL_LIBRARY)
        archive.writestr("fixture/LICENSE", LICENSE)
        archive.writestr("fixture/include/inner/answer.h", HEADER)
        about = "meuse_fixture-1.0.0.dist-info"
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: meuse-fixture\nVersion: 1.0.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return packed.getvalue()


def tarball():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        manifest = json.dumps({"name": "meuse-fixture", "version": "1.0.0"}).encode()
        members = {"package.json": manifest, "libtarball.so": TARBALL_LIBRARY, "LICENSE": LICENSE}
        for name, content in members.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class NpmRegistry:
    """Serves one tarball to npm while a `with` block lasts."""

    def __init__(self, content):
        self.content = content

    def __enter__(self):
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = registry.content if self.path.endswith(".tgz") else registry.document()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def document(self):
        version = {"name": "meuse-fixture", "version": "1.0.0", "dist": {"tarball": self.address + TARBALL}}
        document = {"name": "meuse-fixture", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        return json.dumps(document).encode()
