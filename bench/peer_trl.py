"""TRL's SFTTrainer with PEFT's LoRA on given rows; other benchmarks run it in the environment that peers.py creates.

The job names a model folder, a folder with the initial adapter, the rows in order, and the settings.
"""

import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import transformers

from bench.usage import documented


class Clock(transformers.TrainerCallback):
    """Records when each step ends."""

    def __init__(self) -> None:
        self.ended: list[tuple[float, float]] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Record wall-clock and processor time."""
        self.ended.append((time.perf_counter(), time.process_time()))


def train(job: dict[str, Any]) -> dict[str, Any]:
    """Train on the rows in their order; returns losses, times and memory."""
    # Only the environment of peers.py has all of these, but --help works in any.
    import peft
    import trl  # type: ignore[import-not-found]
    from datasets import Dataset  # type: ignore[import-not-found]

    torch.manual_seed(job["seed"])
    base = transformers.AutoModelForCausalLM.from_pretrained(job["model"], dtype=getattr(torch, job["dtype"]))
    model = peft.PeftModel.from_pretrained(base, job["adapter"], is_trainable=True)
    rows = [
        {"input_ids": ids, "labels": [i if trained else -100 for i, trained in zip(ids, mask, strict=True)]}
        for ids, mask in job["rows"]
    ]
    clock = Clock()
    with tempfile.TemporaryDirectory() as temporary:
        settings = trl.SFTConfig(
            output_dir=temporary,
            per_device_train_batch_size=job["batch"],
            max_steps=job["steps"],
            learning_rate=job["rate"],
            lr_scheduler_type=job["schedule"],
            warmup_steps=job["warmup"],
            weight_decay=0.0,
            max_grad_norm=1.0,
            gradient_checkpointing=job["checkpointing"],
            bf16=False,  # weights and activations already have the dtype
            max_length=None,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            train_sampling_strategy="sequential",
            seed=job["seed"],
        )
        trainer = trl.SFTTrainer(model=model, args=settings, train_dataset=Dataset.from_list(rows), callbacks=[clock])
        trainer.train()
        if job.get("save"):
            model.save_pretrained(job["save"])
        losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {
        "losses": losses,
        "ended": clock.ended,
        "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10,
        "versions": {module.__name__: module.__version__ for module in (trl, peft, transformers, torch)},
    }


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("job", metavar="JOB.json", type=Path)
    parser.add_argument("result", metavar="RESULT.json", type=Path)
    given = parser.parse_args()
    given.result.write_text(json.dumps(train(json.loads(given.job.read_text()))))
