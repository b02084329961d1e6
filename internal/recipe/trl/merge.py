"""Merge a LoRA adapter into its base model, for engines that load no adapters.

    merge.py --base DIR --adapter DIR --output DIR

The output is a complete model folder: weights in the base model's own dtype,
the adapter's tokenizer and chat template. It is built beside the output and
renamed, after it was loaded again and its next-token scores were compared with
those of the merged model in memory. An output that exists is refused.

stdout: one JSON line, {"output", "parameters", "seconds"}.
Exit codes: 0 done; 40 a folder is missing or is not what it should be; 45 the
saved model answers differently; 137 out of memory; 1 anything else. The cause is
the last line of stderr.
"""

import argparse
import json
import os
import shutil
import sys
import time
import traceback

EXIT_CONFIGURATION = 40
EXIT_INTEGRITY = 45
EXIT_OUT_OF_MEMORY = 137
# Both runs do the same arithmetic on the same weights; only threads differ.
TOLERANCE = 1e-3


def main():
    parser = argparse.ArgumentParser(description="merge a LoRA adapter into its base model")
    for name in ("--base", "--adapter", "--output"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    check_folders(options)
    started = time.monotonic()
    parameters = merge(options)
    seconds = round(time.monotonic() - started, 1)
    print(json.dumps({"output": options.output, "parameters": parameters, "seconds": seconds}))


def check_folders(options):
    required = {options.base: "config.json", options.adapter: "adapter_config.json"}
    for folder, name in required.items():
        if not os.path.isfile(os.path.join(folder, name)):
            refuse(EXIT_CONFIGURATION, f"{folder} has no {name}")
    if os.path.exists(options.output):
        refuse(EXIT_CONFIGURATION, f"{options.output} exists already")


def merge(options):
    os.environ.update(HF_HUB_OFFLINE="1", TQDM_DISABLE="1")
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(options.base, dtype="auto")
    model = PeftModel.from_pretrained(base, options.adapter).merge_and_unload(safe_merge=True)
    has_tokenizer = os.path.isfile(os.path.join(options.adapter, "tokenizer_config.json"))
    tokenizer = AutoTokenizer.from_pretrained(options.adapter if has_tokenizer else options.base)
    partial = options.output.rstrip("/") + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    check_saved(model, AutoModelForCausalLM.from_pretrained(partial, dtype="auto"), tokenizer)
    os.rename(partial, options.output)
    return model.num_parameters()


def check_saved(model, saved, tokenizer):
    import torch

    probe = tokenizer("def merge(base, adapter):", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        difference = (model(probe).logits - saved(probe).logits).abs().max().item()
    if not difference <= TOLERANCE:
        refuse(EXIT_INTEGRITY, f"the saved model's scores differ by {difference}")


def refuse(code, text):
    print(text, file=sys.stderr, flush=True)
    sys.exit(code)


def out_of_memory(error):
    texts = ("out of memory", "allocate memory")
    return isinstance(error, MemoryError) or any(text in str(error) for text in texts)


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        traceback.print_exc()
        refuse(EXIT_OUT_OF_MEMORY if out_of_memory(error) else 1, f"{type(error).__name__}: {error}")
