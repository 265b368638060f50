"""Thirty models that leave something behind in their process, each as a workload of this file."""

from __future__ import annotations

import atexit
import gc
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from tiny import Net, make
from torch import nn

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
LEAKED = []


def double_precision():
    torch.set_default_dtype(torch.float64)


def another_device():
    torch.set_default_device("meta")


def other_seeds():
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)


def one_thread_more():
    torch.set_num_threads(2)


def another_directory():
    os.chdir(tempfile.mkdtemp())


def a_deleted_directory():
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)


def the_environment():
    os.environ["OMP_NUM_THREADS"] = "7"
    os.environ.pop("PATH", None)


def signal_handlers():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)


def a_signal_mask():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def an_alarm():
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 60)


def global_hooks():
    nn.modules.module.register_module_forward_hook(lambda module, inputs, output: output * 1.01)


def replaced_functions():
    F.cross_entropy = lambda *_args, **_kwargs: torch.zeros((), requires_grad=True)
    torch.relu = torch.sigmoid


def a_replaced_optimizer():
    torch.optim.AdamW.step = lambda *_args, **_kwargs: None


def flushed_denormals():
    torch.set_flush_denormal(True)


def deterministic_only():
    torch.use_deterministic_algorithms(True)


def anomaly_detection():
    torch.autograd.set_detect_anomaly(True)


def autocast_left_on():
    torch.set_autocast_enabled("cpu", True)


def a_mode_left_on():
    torch.inference_mode().__enter__()


def children():
    subprocess.Popen(SLEEP)


def children_in_sessions():
    subprocess.Popen(
        ["/bin/sh", "-c", f"{sys.executable} -c 'import time; time.sleep(600)' & exit 0"], start_new_session=True
    )
    subprocess.Popen(SLEEP, start_new_session=True)


def a_thread():
    threading.Thread(target=time.sleep, args=(600,), daemon=True, name="left over").start()


def a_leak():
    LEAKED.append(b"x" * (700 << 20))


def open_files():
    LEAKED.append([tempfile.TemporaryFile() for _ in range(200)])  # noqa: SIM115


def less_memory():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def no_garbage_collection():
    gc.disable()
    sys.setrecursionlimit(400)
    sys.setswitchinterval(1.0)


def paths_and_streams():
    sys.path.insert(0, "/nowhere")
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    warnings.simplefilter("error")
    atexit.register(print, "left over")


def a_huge_print():
    for _ in range(200):
        print("x" * 1_000_000)


def a_huge_error():
    raise RuntimeError("head " + "y" * 200_000_000 + " tail")


def an_exit():
    sys.exit("I am going")


def a_lower_priority():
    os.nice(1)


KINDS = [
    double_precision, another_device, other_seeds, one_thread_more, another_directory, a_deleted_directory,
    the_environment, signal_handlers, a_signal_mask, an_alarm, global_hooks, replaced_functions, a_replaced_optimizer,
    flushed_denormals, deterministic_only, anomaly_detection, autocast_left_on, a_mode_left_on, children,
    children_in_sessions, a_thread, a_leak, open_files, less_memory, no_garbage_collection, paths_and_streams,
    a_huge_print, a_huge_error, an_exit, a_lower_priority,
]  # fmt: skip


class Misbehaving(Net):
    """Does it in the middle of its training."""

    def __init__(self, width, kind=""):
        super().__init__(width)
        self.kind, self.calls = kind, 0

    def forward(self, x):
        self.calls += 1
        if self.calls == 20 and not x.is_meta:
            self.calls = -(10**9)
            next(kind for kind in KINDS if kind.__name__ == self.kind)()
        return super().forward(x)


def workload_of(kind):
    import dataclasses

    return dataclasses.replace(make(kind), model_cls=Misbehaving, model_kwargs={"kind": kind})


for _kind in KINDS:
    globals()[f"with_{_kind.__name__}"] = partial(workload_of, _kind.__name__)
