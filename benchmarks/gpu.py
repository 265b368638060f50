"""What a GPU gives to small trials: aggregate FLOP/s of one trial at a time, of several processes beside each other, as
the model is written and compiled (both passes as CUDA graphs), and of the card's own matrix products, at widths 64 to
2048 of the built-in GPT.

    python benchmarks/gpu.py [--widths 64,128,...] [--processes 1,2,4,8,16] [--steps written,compiled] [--device cuda]

Each process trains for a few seconds as a trial does (flopsfit_tui/train/training.py: bfloat16 autocast, fused AdamW,
data on the card); all begin at one moment, and only steps within the common window count. Where the daemon of NVIDIA's
MPS runs, processes share the card through it. Goals: at the smallest width 5 times one at a time as written, at the
largest half of the peak. `--device cpu` tries the script where there is no card. About 20 minutes.
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


def train(width: int, device: str, compiled: bool) -> None:
    """Warm up, say so, wait for the moment on stdin, train through the window; print the FLOP/s that it made."""
    import torch
    from steps import recipe_of

    from flopsfit_tui.train.compiled import prepare_compiler
    from flopsfit_tui.train.measure import measure_size
    from flopsfit_tui.train.model import first_batch
    from flopsfit_tui.train.peak import peak_flops
    from flopsfit_tui.train.ready import fill_defaults
    from flopsfit_tui.train.training import Training
    from flopsfit_tui.workloads import resolve

    workload = fill_defaults(resolve("gpt-bytes"))
    batch = workload.batch_size or 0
    sample = first_batch(workload)
    tokens = workload.dataset.tokens_per_sample
    cost = measure_size(workload, width, sample, len(sample[0]) * tokens).flops_per_token * tokens * batch
    training = Training(workload, width, batch, 0, recipe_of(workload), device)
    if compiled:
        prepare_compiler()
        training.compile()
        assert training.compiled is not None
        assert not training.compiled.problem, training.compiled.problem
    for _ in range(WARM_STEPS):
        training.step(1e-3)
    print(json.dumps(peak_flops(device)), flush=True)
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
    print(json.dumps(steps * cost / (time.time() - begin)), flush=True)


def aggregate(width: int, processes: int, device: str, kind: str) -> tuple[float, float] | None:
    """FLOP/s of so many processes together, and of a matrix product in one of them; None where one failed."""
    command = [sys.executable, __file__, "--train", str(width), "--device", device, "--steps", kind]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    try:
        ready = [_line(process) for process in running]
        for process in running:
            assert process.stdin is not None
            process.stdin.write(f"{time.time() + 1.0}\n" if process.poll() is None else "")
            process.stdin.flush()
        made = [_line(process) for process in running]
    except (ValueError, BrokenPipeError):  # such as out of memory: it says so on stderr
        return None
    finally:
        for process in running:
            process.kill()
            process.communicate()
    return sum(made), max(ready)


def _line(process: subprocess.Popen[str]) -> float:
    assert process.stdout is not None
    return float(json.loads(process.stdout.readline()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", default=WIDTHS)
    parser.add_argument("--processes", default="1,2,4,8,16")
    parser.add_argument("--steps", default="written,compiled")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--train", type=int, help="train one width here, as a process of the others")
    arguments = parser.parse_args()
    if arguments.train:
        train(arguments.train, arguments.device, arguments.steps == "compiled")
        return 0
    if arguments.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            print("there is no CUDA GPU here, so nothing was measured")
            return 0
    cases = [(kind, int(count)) for kind in arguments.steps.split(",") for count in arguments.processes.split(",")]
    print("| width | " + " | ".join(f"{count} {kind}" for kind, count in cases) + " | of peak |")
    print("|---" * (len(cases) + 2) + "|")
    for width in map(int, arguments.widths.split(",")):
        found = [aggregate(width, count, arguments.device, kind) for kind, count in cases]
        first = found[0]
        cells = [f"{one[0]:.3g} ({one[0] / first[0]:.2f})" if one and first else "failed" for one in found]
        best = max((one[0] for one in found if one), default=0.0)
        peak = max((one[1] for one in found if one), default=1.0)
        print(f"| {width} | " + " | ".join(cells) + f" | {best / peak:.1%} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
