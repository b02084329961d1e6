"""Count the tokens of samples with the model's own tokenizer and chat template.

    tokens.py --model DIR [--template FILE] < samples.jsonl > counts.jsonl

Every input line is an object with `messages`; other keys are ignored. Every
output line belongs to the input line of the same number:
    {"tokens": 412, "learned": 57}
tokens is the length in training, learned the part that carries loss: the
assistant turns, less those with `"loss": "none"`. `--template` replaces the
tokenizer's template; without a generation block in it learned is 0.

Exit codes: 0 done; 40 the tokenizer or the template cannot be used; 42 a line is
no sample; 1 anything else. The cause is the last line of stderr.
"""

import argparse
import json
import os
import sys

EXIT_CONFIGURATION = 40
EXIT_DATA = 42


def main():
    parser = argparse.ArgumentParser(description="count the tokens of samples")
    parser.add_argument("--model", required=True)
    parser.add_argument("--template")
    options = parser.parse_args()
    try:
        tokenizer = load_tokenizer(options)
    except (OSError, ValueError) as error:
        refuse(EXIT_CONFIGURATION, f"{options.model}: {error}")
    for number, line in enumerate(sys.stdin, start=1):
        try:
            counts = count(tokenizer, json.loads(line)["messages"])
        except Exception as error:  # a template may raise anything on odd messages
            refuse(EXIT_DATA, f"line {number}: {type(error).__name__}: {error}")
        print(json.dumps(counts))


def load_tokenizer(options):
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    if options.template:
        with open(options.template, encoding="utf-8") as content:
            tokenizer.chat_template = content.read()
    if not tokenizer.chat_template:
        raise ValueError("there is no chat template")
    return tokenizer


def count(tokenizer, messages):
    encoded = tokenizer.apply_chat_template(
        messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    return {"tokens": len(encoded["input_ids"]), "learned": sum(encoded["assistant_masks"])}


def refuse(code, text):
    print(text, file=sys.stderr, flush=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
