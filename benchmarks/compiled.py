"""What torch.compile gives a step on this CPU, one thread: models as they are written beside compiled ones, in turn.

    OMP_NUM_THREADS=1 python benchmarks/compiled.py [--widths 8,16,28,68] [--models gpt-bytes,modules,encoder]

`modules` is the GPT of gpt-bytes by torch's modules, without the blocks written out for narrow models; `encoder` is a
torch.nn.TransformerEncoder of the same shape. Seconds of the processor; the seconds of compiling are in wall time, and
again in a second process, which finds the first one's code in inductor's cache. No bound. 10 minutes on a free core.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from typing import Any

MODELS = "gpt-bytes,modules,encoder,vit-textures"


def measure(name: str, width: int, steps: int = 100) -> dict[str, float]:
    """Seconds of compiling, the factor, and how far the losses of 100 steps are apart."""
    import torch
    from steps import recipe_of

    from flopsfit_tui.train.compiled import prepare_compiler
    from flopsfit_tui.train.ready import fill_defaults
    from flopsfit_tui.train.timing import time_compiled
    from flopsfit_tui.train.training import Training
    from flopsfit_tui.workloads import block, resolve

    torch.set_num_threads(1)
    workload = fill_defaults(resolve("vit-textures" if name == "vit-textures" else "gpt-bytes"))
    if name == "modules":
        block.LONGEST = 0
    if name == "encoder":
        workload = replace(workload, model_cls=encoder)
    recipe, batch = recipe_of(workload), workload.batch_size or 0
    prepare_compiler()
    timing = time_compiled(workload, width, batch, recipe, "cpu")
    sides = [Training(workload, width, batch, 0, recipe, "cpu") for _ in range(2)]
    sides[1].compile()
    apart = max(abs(float(sides[0].step(0.1)) - float(sides[1].step(0.1))) for _ in range(steps))
    return {"seconds": timing.seconds, "speedup": timing.speedup, "apart": apart}


def encoder(d_model: int) -> Any:
    """A causal torch.nn.TransformerEncoder over bytes."""
    import torch
    from torch import nn

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.position = nn.Embedding(256, d_model), nn.Embedding(64, d_model)
            layer = nn.TransformerEncoderLayer(d_model, 2, 4 * d_model, 0.0, batch_first=True, norm_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(d_model, 256)
            self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(64))

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, None]:
            h = self.embed(x) + self.position.weight
            return self.head(self.encoder(h, mask=self.mask, is_causal=True)), None

    return Encoder()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", default="8,16,28,68")
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--one", help="measure model:width here, as a process of the others")
    arguments = parser.parse_args()
    if arguments.one:
        name, _, width = arguments.one.partition(":")
        print(json.dumps(measure(name, int(width))))
        return 0
    print("| model | width | times as fast | first compile, s | in another process, s | losses apart in 100 steps |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as cache:
        for name in arguments.models.split(","):
            for width in arguments.widths.split(","):
                command = [sys.executable, __file__, "--one", f"{name}:{width}"]
                environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache}
                first, again = (
                    json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
                    for _ in range(2)
                )
                factor = f"{first['speedup']:.2f}, {again['speedup']:.2f}"
                print(
                    f"| {name} | {width} | {factor} | {first['seconds']:.1f} | {again['seconds']:.1f} "
                    f"| {first['apart']:.1e} |",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
