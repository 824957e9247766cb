"""What scripts/setup promises: it may be repeated, it believes no file that it has not verified, and it says what to do.

Usage: python3 -m unittest discover tests/setup
"""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

import registries

CHECKOUT = Path(__file__).resolve().parents[2]
NATIVE = CHECKOUT / "scripts" / "lib" / "native.py"
NOWHERE = "http://127.0.0.1:9/"  # the discard port: nothing listens there

LOCK = """
schema = 1
[[library]]
name = "wheel"
version = "1"
license = "0BSD"
registry = "pypi"
package = "meuse-fixture"
package_version = "1.0.0"
platform = "manylinux_2_28_x86_64"
archive = "{wheel_name}"
archive_size = {wheel_size}
archive_sha256 = "{wheel_sha256}"
[[library.file]]
member = "fixture/libwheel.so.1"
install = "libwheel.so.1"
links = ["libwheel.so"]
size = {wheel_library_size}
sha256 = "{wheel_library_sha256}"
[[library.notice]]
member = "fixture/LICENSE"
install = "LICENSE"
[[library]]
name = "tarball"
version = "1"
license = "0BSD"
registry = "npm"
package = "meuse-fixture"
package_version = "1.0.0"
archive = "{tarball_name}"
archive_size = {tarball_size}
archive_sha256 = "{tarball_sha256}"
[[library.file]]
member = "package/libtarball.so"
install = "libtarball.so"
size = {tarball_library_size}
sha256 = "{tarball_library_sha256}"
[[library.notice]]
member = "package/LICENSE"
install = "LICENSE"
[[library]]
name = "large"
version = "1"
group = "deep"
license = "0BSD"
registry = "pypi"
package = "meuse-fixture"
package_version = "1.0.0"
platform = "manylinux_2_28_x86_64"
archive = "{wheel_name}"
archive_size = {wheel_size}
archive_sha256 = "{wheel_sha256}"
[[library.file]]
member = "fixture/libwheel.so.1"
install = "liblarge.so"
size = {wheel_library_size}
sha256 = "{wheel_library_sha256}"
[[library.tree]]
member = "fixture/include/"
install = "include"
[[library.notice]]
member = "fixture/LICENSE"
install = "LICENSE"
"""


class NativeLibraries(unittest.TestCase):
    """scripts/lib/native.py with the real clients, against registries on this machine."""

    @classmethod
    def setUpClass(cls):
        cls.wheel, cls.tarball = registries.wheel(), registries.tarball()
        cls.npm = cls.enterClassContext(registries.NpmRegistry(cls.tarball))

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.wheels = self.folder / "wheels"
        self.wheels.mkdir()
        (self.wheels / registries.WHEEL).write_bytes(self.wheel)
        self.vendor, self.cache = self.folder / "vendor", self.folder / "cache"
        self.write_lock()

    def write_lock(self, **changed):
        facts = {"wheel_name": registries.WHEEL, "tarball_name": registries.TARBALL}
        contents = {
            "wheel": self.wheel,
            "tarball": self.tarball,
            "wheel_library": registries.WHEEL_LIBRARY,
            "tarball_library": registries.TARBALL_LIBRARY,
        }
        for name, content in contents.items():
            facts |= {f"{name}_size": len(content), f"{name}_sha256": registries.sha256(content)}
        (self.folder / "native.lock").write_text(LOCK.format(**facts | changed))

    def command(self, vendor=None, groups=()):
        folders = ["--vendor", str(vendor or self.vendor), "--cache", str(self.cache)]
        chosen = [word for group in groups for word in ("--group", group)]
        return [sys.executable, str(NATIVE), "--lock", str(self.folder / "native.lock"), *folders, *chosen]

    def environment(self, online=True):
        mine = {
            "HOME": str(self.folder / "home"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels if online else self.folder / "no-wheels"),
            "npm_config_registry": self.npm.address if online else NOWHERE,
        }
        return os.environ | mine

    def run_setup(self, vendor=None, online=True, groups=()):
        environment = self.environment(online)
        return subprocess.run(self.command(vendor, groups), env=environment, capture_output=True, text=True, timeout=120)

    def succeeds(self, **how):
        done = self.run_setup(**how)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def assert_complete(self, vendor):
        self.assertEqual((vendor / "lib/libwheel.so.1").read_bytes(), registries.WHEEL_LIBRARY)
        self.assertEqual((vendor / "lib/libwheel.so").read_bytes(), registries.WHEEL_LIBRARY)
        self.assertEqual((vendor / "lib/libtarball.so").read_bytes(), registries.TARBALL_LIBRARY)
        for name in ("wheel", "tarball"):
            self.assertEqual((vendor / "licenses" / name / "LICENSE").read_bytes(), registries.LICENSE)

    def test_an_empty_machine_ends_with_every_library_and_its_licence(self):
        self.succeeds()
        self.assert_complete(self.vendor)

    def test_a_second_run_changes_nothing_and_asks_no_registry(self):
        self.succeeds()
        before = picture(self.vendor)
        self.assertIn("nothing to do", self.succeeds(online=False))
        self.assertEqual(picture(self.vendor), before)

    def test_a_second_clone_is_served_from_the_cache(self):
        self.succeeds()
        self.succeeds(vendor=self.folder / "clone", online=False)
        self.assert_complete(self.folder / "clone")

    def test_a_wrong_hash_stops_with_both_hashes_and_installs_nothing(self):
        wrong = "0" * 64
        self.write_lock(tarball_sha256=wrong)
        done = self.run_setup()
        self.assertEqual(done.returncode, 1)
        for said in (wrong, registries.sha256(self.tarball), registries.TARBALL, "to do"):
            self.assertIn(said, done.stderr)
        self.assertEqual(picture(self.vendor / "lib"), {})
        self.assertFalse((self.cache / registries.TARBALL).exists())

    def test_a_wrong_hash_leaves_the_libraries_that_are_there(self):
        self.succeeds()
        before = picture(self.vendor)
        self.write_lock(tarball_sha256="0" * 64, tarball_library_sha256="0" * 64)
        self.assertEqual(self.run_setup().returncode, 1)
        self.assertEqual(picture(self.vendor), before)

    def test_a_member_that_is_not_the_pinned_one_never_reaches_the_libraries(self):
        self.write_lock(tarball_library_sha256="0" * 64)
        done = self.run_setup()
        self.assertEqual(done.returncode, 1)
        self.assertIn("package/libtarball.so", done.stderr)
        self.assertFalse((self.vendor / "lib/libtarball.so").exists())

    def test_a_truncated_archive_in_the_cache_is_fetched_again(self):
        self.cache.mkdir()
        (self.cache / registries.WHEEL).write_bytes(self.wheel[:100])
        (self.cache / registries.TARBALL).write_bytes(b"")
        self.succeeds()
        self.assert_complete(self.vendor)
        self.assertEqual((self.cache / registries.WHEEL).read_bytes(), self.wheel)

    def test_a_damaged_library_is_unpacked_again_without_a_registry(self):
        self.succeeds()
        (self.vendor / "lib/libtarball.so").write_bytes(registries.TARBALL_LIBRARY[::-1])
        (self.vendor / "lib/libwheel.so").unlink()
        self.succeeds(online=False)
        self.assert_complete(self.vendor)

    def test_a_library_of_a_group_comes_only_when_it_is_asked_for(self):
        self.succeeds()
        self.assertFalse((self.vendor / "lib/liblarge.so").exists())
        self.succeeds(groups=["deep"])
        self.assert_large(self.vendor)
        done = self.run_setup(groups=["depe"])
        self.assertEqual(done.returncode, 1)
        self.assertIn("no group `depe`; it has: deep", done.stderr)

    def test_a_library_of_a_group_is_unpacked_once_for_all_checkouts(self):
        self.succeeds(groups=["deep"])
        clone = self.folder / "clone"
        self.succeeds(vendor=clone, online=False, groups=["deep"])
        self.assert_large(clone)
        first, second = ((vendor / "lib/liblarge.so").resolve() for vendor in (self.vendor, clone))
        self.assertEqual(first, second)
        self.assertIn("nothing to do", self.succeeds(online=False, groups=["deep"]))

    def test_a_copy_depends_on_nobody_s_cache(self):
        done = subprocess.run(
            [*self.command(groups=["deep"]), "--copy"], env=self.environment(), capture_output=True, text=True, timeout=120
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        shutil.rmtree(self.cache)
        self.assert_complete(self.vendor)
        self.assertEqual((self.vendor / "lib/liblarge.so").read_bytes(), registries.WHEEL_LIBRARY)
        self.assertFalse((self.vendor / "lib/liblarge.so").is_symlink() or (self.vendor / "large").exists())

    def test_a_damaged_library_of_a_group_is_unpacked_again(self):
        self.succeeds(groups=["deep"])
        (self.vendor / "lib/liblarge.so").resolve().write_bytes(b"")
        (self.vendor / "large").unlink()
        self.succeeds(online=False, groups=["deep"])
        self.assert_large(self.vendor)

    def assert_large(self, vendor):
        self.assertEqual((vendor / "lib/liblarge.so").read_bytes(), registries.WHEEL_LIBRARY)
        self.assertEqual((vendor / "large/include/inner/answer.h").read_bytes(), registries.HEADER)
        self.assertEqual((vendor / "licenses/large/LICENSE").read_bytes(), registries.LICENSE)

    def test_two_at_once_both_succeed(self):
        both = [subprocess.Popen(self.command(), env=self.environment(), stdout=subprocess.DEVNULL) for _ in range(2)]
        self.assertEqual([one.wait(timeout=120) for one in both], [0, 0])
        self.assert_complete(self.vendor)

    def test_nothing_temporary_is_left_behind(self):
        self.succeeds()
        self.assertEqual(sorted(os.listdir(self.vendor)), [".lock", "lib", "licenses"])
        self.assertEqual(sorted(os.listdir(self.cache)), sorted([".lock", registries.WHEEL, registries.TARBALL]))


class DebianPackages(unittest.TestCase):
    """scripts/setup on a machine without a single package, played by stand-ins for dpkg-query, apt-get and id."""

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.stand_in("dpkg-query", "exit 1")
        self.stand_in("apt-get", f'echo "$@" >>{self.folder}/asked')

    def stand_in(self, name, line):
        script = self.folder / name
        script.write_text(f"#!/bin/sh\n{line}\n")
        script.chmod(0o755)

    def run_setup(self, user):
        self.stand_in("id", f"echo {user}")
        environment = os.environ | {"PATH": f"{self.folder}:{os.environ['PATH']}"}
        command = [CHECKOUT / "scripts" / "setup"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    def test_root_gets_them_installed_after_one_update(self):
        done = self.run_setup(user=0)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        update, install = (self.folder / "asked").read_text().splitlines()
        self.assertIn("update", update)
        self.assertRegex(install, r"install .*gcc.* libgomp1")

    def test_anyone_else_gets_the_one_line_that_does_it(self):
        done = self.run_setup(user=1000)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"sudo apt-get update && sudo apt-get install .*gcc.* libgomp1")
        self.assertFalse((self.folder / "asked").exists())


class TheLock(unittest.TestCase):
    """native.lock itself, and what scripts/setup made of it in this checkout."""

    def setUp(self):
        self.libraries = tomllib.loads((CHECKOUT / "native.lock").read_text())["library"]

    def test_every_library_is_pinned_by_hash_and_brings_its_licence(self):
        for library in self.libraries:
            with self.subTest(library["name"]):
                self.assertTrue(library["license"] and library["notice"] and library["package_version"])
                for digest in [library["archive_sha256"], *(file["sha256"] for file in library["file"])]:
                    self.assertRegex(digest, r"^[0-9a-f]{64}$")

    def test_what_computes_on_a_gpu_comes_from_the_wheel_of_the_same_libtorch(self):
        by_name = {library["name"]: library for library in self.libraries}
        for key in ["version", "archive", "archive_sha256"]:
            self.assertEqual(by_name["libtorch"][key], by_name["libtorch-cuda"][key])
        groups = {library["name"]: library.get("group") for library in self.libraries}
        self.assertEqual([groups["libtorch"], groups["libtorch-cuda"], groups["cudnn"]], ["deep", "cuda", "cuda"])

    def test_what_stands_in_vendor_is_what_the_lock_names(self):
        # CUDA is set up where there is a GPU, and only there.
        has_gpu = (CHECKOUT / "vendor/lib/libtorch_cuda.so").exists()
        for library in self.libraries:
            if library.get("group") == "cuda" and not has_gpu:
                continue
            for file in library["file"]:
                with self.subTest(file["install"]):
                    content = (CHECKOUT / "vendor" / "lib" / file["install"]).read_bytes()
                    self.assertEqual(registries.sha256(content), file["sha256"])


def picture(folder):
    """Every path below a folder with what tells whether it was written again."""
    paths = sorted(folder.rglob("*")) if folder.exists() else []
    facts = {path: path.lstat() for path in paths if path.name != ".lock"}
    return {path: (fact.st_ino, fact.st_mtime_ns) for path, fact in facts.items() if not stat.S_ISDIR(fact.st_mode)}


if __name__ == "__main__":
    unittest.main()
