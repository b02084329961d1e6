"""Fine-tune with TRL's own SFT script, in this process, and prove that it finished.

    train.py --config sft.yaml --result result.json [--resume]

The configuration is what `trl sft --config` takes, with every data set given
as `datasets: [{path: json, data_files: ..., split: train}]`; LoRA
(`use_peft: true`) or full fine-tuning. `--resume` continues from the newest
checkpoint in `output_dir` if there is one.

stdout: JSON lines and nothing else, one at every logging step:
    {"step": 10, "max_steps": 50, "loss": 1.234, "eta_s": 87}
stderr: what the libraries say, without progress bars; the cause of a failure is
the last line.
result.json, written last and only after success:
    {"step", "max_steps", "loss", "seconds", "tokens", "adapter", "weights",
     "versions": {"torch", "transformers", "trl", "peft"}}
    loss is the mean over the run, tokens are those of real samples, without
    padding; adapter says whether `weights`, the files in output_dir, need a
    base model.

Exit codes: 0 done; 3 stopped before the last step (a signal; the checkpoint
stays, run again with --resume); 40 the configuration is wrong; 42 the data is
wrong; 137 out of memory; 1 anything else.
"""

import argparse
import json
import math
import os
import pathlib
import sys
import time
import traceback

EXIT_INCOMPLETE = 3
EXIT_CONFIGURATION = 40
EXIT_DATA = 42
EXIT_OUT_OF_MEMORY = 137
OUT_OF_MEMORY_TEXTS = ("out of memory", "can't allocate memory", "Cannot allocate memory")


class Refused(Exception):
    """A failure with a known class; the text is for the user."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def main():
    parser = argparse.ArgumentParser(description="supervised fine-tuning with TRL")
    parser.add_argument("--config", required=True)
    parser.add_argument("--result", required=True)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    progress = claim_stdout()
    try:
        result = train(options, progress)
        write_result(options.result, result)
    except Refused as refused:
        fail(refused.code, str(refused))
    except BaseException as error:
        traceback.print_exc()
        code = EXIT_OUT_OF_MEMORY if out_of_memory(error) else 1
        fail(code, "%s: %s" % (type(error).__name__, error))


def claim_stdout():
    """Return the real stdout; whatever else prints to it goes to stderr."""
    stream = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return stream


def train(options, progress):
    os.environ["TQDM_DISABLE"] = "1"
    from transformers import trainer as trainer_module
    from transformers.trainer_utils import get_last_checkpoint
    from trl.scripts import sft

    arguments = parse_config(sft, options.config)
    script, training, model, mixture = arguments
    check_data(mixture.datasets)
    training.disable_tqdm = True
    if options.resume and os.path.isdir(training.output_dir):
        training.resume_from_checkpoint = get_last_checkpoint(training.output_dir)
    reporter = make_reporter(progress)
    # The script builds its trainer itself; this list is what every trainer starts from.
    trainer_module.DEFAULT_CALLBACKS.append(reporter)
    started = time.monotonic()
    sft.main(script, training, model, mixture)
    check_finished(reporter)
    return {
        "step": reporter.step,
        "max_steps": reporter.max_steps,
        "loss": reporter.loss,
        "seconds": round(time.monotonic() - started, 1),
        "tokens": reporter.tokens,
        "adapter": model.use_peft,
        "weights": find_weights(training.output_dir, model.use_peft),
        "versions": versions(),
    }


def parse_config(sft, path):
    """TRL's own parser; it reports with exceptions or, like argparse, by leaving."""
    try:
        arguments = sft.make_parser().parse_args_and_config(["--config", path], fail_with_unknown_args=True)
    except SystemExit:
        raise Refused(EXIT_CONFIGURATION, f"{path} is not what TRL accepts, see above") from None
    except Exception as error:
        raise Refused(EXIT_CONFIGURATION, f"{path}: {error}") from error
    if not arguments[3].datasets:
        raise Refused(EXIT_CONFIGURATION, f"{path} names no datasets")
    return arguments


def check_data(datasets):
    """Refuse rows that TRL would only complain about after the model is loaded."""
    for dataset in datasets:
        files = dataset.data_files
        for name in [files] if isinstance(files, str) else files or []:
            check_file(name)


def check_file(name):
    rows = 0
    try:
        with open(name, encoding="utf-8") as content:
            for rows, line in enumerate(content, start=1):
                check_row(json.loads(line))
    except OSError as error:
        raise Refused(EXIT_DATA, f"{name}: {error.strerror}") from error
    except ValueError as error:
        raise Refused(EXIT_DATA, f"{name}, line {rows}: {error}") from error
    if rows == 0:
        raise Refused(EXIT_DATA, f"{name} has no samples")


def check_row(row):
    messages = row.get("messages") if isinstance(row, dict) else None
    if not isinstance(messages, list) or not all(map(is_message, messages)):
        raise ValueError("messages must be a list of {role, content} texts")
    if not any(m["role"] == "assistant" and m.get("loss") != "none" for m in messages):
        raise ValueError("no assistant turn is learned")


def is_message(message):
    texts = (message.get("role"), message.get("content")) if isinstance(message, dict) else (None,)
    return all(isinstance(text, str) for text in texts)


def make_reporter(progress):
    from transformers import TrainerCallback

    class Reporter(TrainerCallback):
        """Prints progress and remembers where the training ended."""

        step = max_steps = tokens = 0
        loss = None
        begun = None
        first_step = 0

        def on_train_begin(self, args, state, control, **kwargs):
            self.begun = time.monotonic()
            self.first_step = state.global_step

        def on_log(self, args, state, control, logs=None, **kwargs):
            logs = logs or {}
            self.tokens = int(logs.get("num_tokens", self.tokens))
            if "train_loss" in logs:
                self.loss = logs["train_loss"]
            if "loss" not in logs:
                return
            done = max(1, state.global_step - self.first_step)
            rate = (time.monotonic() - self.begun) / done
            line = {
                "step": state.global_step,
                "max_steps": state.max_steps,
                "loss": round(float(logs["loss"]), 4),
                "eta_s": round(rate * (state.max_steps - state.global_step)),
            }
            print(json.dumps(line), file=progress, flush=True)

        def on_train_end(self, args, state, control, **kwargs):
            self.step, self.max_steps = state.global_step, state.max_steps

    return Reporter()


def check_finished(reporter):
    """The trainer also returns, and says that it is done, after a signal."""
    if reporter.step != reporter.max_steps or reporter.step == 0:
        raise Refused(EXIT_INCOMPLETE, f"stopped at step {reporter.step} of {reporter.max_steps}")
    if reporter.loss is None or not math.isfinite(reporter.loss):
        raise Refused(EXIT_CONFIGURATION, f"the loss is {reporter.loss}: the learning rate may be too high")


def find_weights(folder, adapter):
    pattern = "adapter_model*.safetensors" if adapter else "model*.safetensors"
    files = sorted(path.name for path in pathlib.Path(folder).glob(pattern) if path.stat().st_size > 0)
    if not files:
        raise Refused(1, f"training ended but {folder} has no {pattern}")
    return files


def versions():
    from importlib import metadata

    return {name: metadata.version(name) for name in ("torch", "transformers", "trl", "peft")}


def write_result(path, result):
    partial = path + ".partial"
    with open(partial, "w", encoding="utf-8") as content:
        json.dump(result, content)
    os.replace(partial, path)


def out_of_memory(error):
    return isinstance(error, MemoryError) or any(text in str(error) for text in OUT_OF_MEMORY_TEXTS)


def fail(code, text):
    """End with the cause as the last line, where a termination message looks for it."""
    sys.stdout.flush()
    print(text, file=sys.stderr, flush=True)
    # Threads of the libraries must not delay or change the exit code.
    os._exit(code)


if __name__ == "__main__":
    main()
