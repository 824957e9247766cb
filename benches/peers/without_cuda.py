"""Makes the PyTorch of this environment start without the CUDA libraries: 3 GB that a machine without a GPU never uses.

PyPI's wheel for Linux links to them, and does not start when they are missing. Here a small library takes the place of
each that is missing: it defines what PyTorch asks of it, and ends the process if that is ever called. PyTorch itself
stays as it is. Needs cc and nm, which building Meuse needs too.

Usage: ENVIRONMENT/bin/python without_cuda.py
"""

import importlib.util
import pathlib
import subprocess
import sys
import tempfile

MISSING = ["libcublas.so.13", "libcublasLt.so.13", "libcudnn.so.9", "libcufft.so.12", "libcufile.so.0", "libcusolver.so.12",
           "libcusparse.so.12", "libcusparseLt.so.0", "libnccl.so.2", "libnvrtc.so.13", "libnvshmem_host.so.3"]
ASKING = ["libtorch_cuda.so", "libtorch_cuda_linalg.so", "libtorch_nvshmem.so", "libtorch_python.so"]
ASKED = ("cublas", "cudnn", "cufft", "cuFile", "cusolver", "cusparse", "nccl", "nvrtc", "nvshmem")


def undefined(library):
    """The names that a library asks others for."""
    said = subprocess.run(["nm", "-D", "--undefined-only", library], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].split("@")[0] for line in said.splitlines()}


def source(names):
    """C that defines functions of these names."""
    end = 'static void end(const char *name) { fprintf(stderr, "there is no CUDA here: %s\\n", name); abort(); }'
    functions = [f'void {name}(void) {{ end("{name}"); }}' for name in sorted(names)]
    return "\n".join(["#include <stdio.h>", "#include <stdlib.h>", end, *functions]) + "\n"


def main():
    torch = pathlib.Path(importlib.util.find_spec("torch").origin).parent / "lib"
    asked = set().union(*(undefined(torch / name) for name in ASKING))
    with tempfile.TemporaryDirectory() as scratch:
        code, built = pathlib.Path(scratch) / "none.c", pathlib.Path(scratch) / "none.so"
        code.write_text(source(name for name in asked if name.startswith(ASKED)))
        subprocess.run(["cc", "-shared", "-fPIC", "-w", "-o", built, code], check=True)
        for name in MISSING:
            (torch / name).write_bytes(built.read_bytes())
    subprocess.run([sys.executable, "-c", "import torch; print('PyTorch', torch.__version__, 'without CUDA')"], check=True)


if __name__ == "__main__":
    main()
