"""Starting on a home that a newer Meuse has used."""

import contextlib
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

from world import BINARIES, STARTED_WITHIN


class NewerDatabase(unittest.TestCase):
    def test_a_database_of_a_newer_meuse_is_refused_and_left_as_it_is(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="meuse-newer-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        home = folder / "home"
        command = [BINARIES / "meuse", "serve", "--home", home, "--listen", "127.0.0.1:0"]
        command += ["--address-file", folder / "address", "--admin-key-file", folder / "admin.key"]
        first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while not (folder / "address").exists():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.fail(f"the server ended with {first.wait(0.05)}")
        first.terminate()
        self.assertEqual(first.wait(STARTED_WITHIN), 0)

        with contextlib.closing(sqlite3.connect(home / "meuse.db")) as database:
            columns = [row[1] for row in database.execute("PRAGMA table_info(meuse_schema)")]
            values = {"version": 99, "meuse": "9.0.0"}
            marks = ", ".join("?" for _ in columns)
            database.execute(f"INSERT INTO meuse_schema VALUES ({marks})", [values.get(name, 0) for name in columns])
            database.commit()
        second = subprocess.run(command, capture_output=True, text=True, timeout=STARTED_WITHIN, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn("9.0.0", second.stderr)
        with contextlib.closing(sqlite3.connect(home / "meuse.db")) as database:
            self.assertEqual(database.execute("SELECT max(version) FROM meuse_schema").fetchone(), (99,))


if __name__ == "__main__":
    unittest.main()
