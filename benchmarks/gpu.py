"""What a GPU gives to small trials: aggregate FLOP/s of one trial at a time, of several processes beside each other,
and of the card's own matrix products, at widths 64 to 2048 of the built-in GPT.

    python benchmarks/gpu.py [--widths 64,128,...] [--processes 1,2,4,8,16] [--device cuda]

Each process trains for a few seconds as a trial does (flopsfit_tui/train/training.py: bfloat16 autocast, fused AdamW);
all begin at one moment, and only steps within the common window count. Goals: at the smallest width 5 times one at a
time, at the largest half of the peak. `--device cpu` tries the script where there is no card. About 10 minutes.
It has not been run on a GPU yet.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

WIDTHS = "64,128,256,512,1024,2048"
WINDOW_SECONDS, WARM_STEPS = 5.0, 10


def train(width: int, device: str) -> None:
    """Warm up, say so, wait for the moment on stdin, train through the window; print the FLOP/s that it made."""
    from dataclasses import replace

    import torch
    from steps import recipe_of

    from flopsfit_tui.core.events import TrialEnded
    from flopsfit_tui.core.trial import Outcome
    from flopsfit_tui.train.measure import measure_size
    from flopsfit_tui.train.model import first_batch
    from flopsfit_tui.train.peak import with_peak
    from flopsfit_tui.train.ready import fill_defaults
    from flopsfit_tui.train.training import Training
    from flopsfit_tui.workloads import resolve

    workload = fill_defaults(resolve("gpt-bytes"))
    batch = workload.batch_size or 0
    sample = first_batch(workload)
    tokens = workload.dataset.tokens_per_sample
    cost = measure_size(workload, width, sample, len(sample[0]) * tokens).flops_per_token * tokens * batch
    training = Training(workload, width, batch, 0, recipe_of(workload), device)
    for _ in range(WARM_STEPS):
        training.step(1e-3)
    ended = with_peak(TrialEnded("", Outcome("finished", flops=1.0, seconds=1.0, device=device)))
    print(json.dumps({"peak": ended.outcome.peak_flops}), flush=True)
    begin = float(sys.stdin.readline())
    time.sleep(max(0.0, begin - time.time()))
    steps = 0
    while time.time() < begin + WINDOW_SECONDS:
        training.step(1e-3)
        steps += 1
        if device == "cuda" and steps % 20 == 0:  # as progress does, so that the queue does not outrun the window
            torch.cuda.synchronize()
    if device == "cuda":
        torch.cuda.synchronize()
    print(json.dumps({"flops": steps * cost / (time.time() - begin)}), flush=True)
