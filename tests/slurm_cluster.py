"""A real Slurm of one node on this machine, without systemd: munged, slurmctld and slurmd, as children of this process.

Debian's slurm-wlm and munge are enough; no cgroups are used. Everything lies in one folder and ends with the context.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
CONFIG = """
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={ctld}
SlurmdPort={slurmd}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
MpiDefault=none
SwitchType=switch/none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
KillWait=30
MinJobAge=60
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> list[str]:
    """The programs that this machine has not."""
    return [name for name in PROGRAMS if _which(name) is None]


def _which(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def slurm(cpus: int = 4) -> Iterator[dict[str, str]]:
    """Start it; what the environment of its users needs. Raises RuntimeError where it does not come up."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # short: a socket's path is
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o400)
    ctld, slurmd = _free_ports(2)
    host = socket.gethostname().partition(".")[0]
    (folder / "slurm.conf").write_text(
        CONFIG.format(host=host, user=getpass.getuser(), folder=folder, ctld=ctld, slurmd=slurmd, cpus=cpus)
    )
    environment = {"SLURM_CONF": str(folder / "slurm.conf")}
    munge = ["munged", "--force", "--foreground", f"--key-file={folder}/munge.key", f"--socket={folder}/munge.socket"]
    munge += [f"--{name}-file={folder}/munge.{name}" for name in ("pid", "log", "seed")]
    running: list[subprocess.Popen[bytes]] = []
    try:
        for command in (munge, ["slurmctld", "-D", "-c"], ["slurmd", "-D", "-c"]):
            with open(folder / f"{command[0]}.out", "wb") as out:
                running.append(
                    subprocess.Popen(
                        [_which(command[0]) or command[0], *command[1:]],
                        stdin=subprocess.DEVNULL,
                        stdout=out,
                        stderr=out,
                        env={**os.environ, **environment},
                        start_new_session=True,
                    )
                )
            time.sleep(0.5)
        _wait_until_idle(folder, environment)
        with _releasing(environment):
            yield environment
    finally:
        _cancel_all(environment)
        for daemon in reversed(running):
            daemon.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(10)
            daemon.kill()
            daemon.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_idle(folder: Path, environment: dict[str, str]) -> None:
    deadline, state = time.monotonic() + 60, ""
    while time.monotonic() < deadline:
        asked = ["sinfo", "--noheader", "--format", "%T"]
        state = subprocess.run(asked, env={**os.environ, **environment}, capture_output=True, text=True).stdout.strip()
        if state == "idle":
            return
        time.sleep(0.5)
    logs = "\n".join(path.read_text(errors="replace")[-1500:] for path in folder.glob("*.[lo][ou][gt]"))
    raise RuntimeError(f"Slurm did not come up (its node is {state or 'unknown'}):\n{logs}")


@contextlib.contextmanager
def _releasing(environment: dict[str, str]) -> Iterator[None]:
    """Meanwhile, requeued jobs start at once; Slurm lets each wait for two minutes."""
    env, over = {**os.environ, **environment}, threading.Event()

    def release() -> None:
        asked = ["squeue", "-h", "-r", "-t", "PD", "-o", "%i|%r"]
        while not over.wait(1.0):
            with contextlib.suppress(subprocess.TimeoutExpired):
                said = subprocess.run(asked, env=env, capture_output=True, text=True, timeout=30).stdout
                for job in [line.partition("|")[0] for line in said.splitlines() if line.endswith("|BeginTime")]:
                    update = ["scontrol", "update", f"JobId={job}", "StartTime=now"]
                    subprocess.run(update, env=env, capture_output=True, timeout=30, check=False)

    thread = threading.Thread(target=release)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _cancel_all(environment: dict[str, str]) -> None:
    """Its jobs end with it."""
    env = {**os.environ, **environment}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(["scancel", "--signal=KILL", "--user", getpass.getuser()], env=env, timeout=30, check=False)
        subprocess.run(["scancel", "--user", getpass.getuser()], env=env, timeout=30, check=False)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if not subprocess.run(["squeue", "-h"], env=env, capture_output=True, timeout=30).stdout.strip():
                return
            time.sleep(0.5)


if __name__ == "__main__":
    with slurm() as _environment:
        print(" ".join(f"{name}={value}" for name, value in _environment.items()), flush=True)
        sys.stdin.read()
