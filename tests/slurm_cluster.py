"""A throw-away Slurm of one node, on loopback, without a database, cgroups or systemd."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

PACKAGES = {"slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client", "munged": "munge"}
"""Program → the Debian package that has it."""

SYSTEM_CONFIGURATION = Path("/etc/slurm/slurm.conf")
"""Where Slurm looks by itself. It has to: the plugin's job step drops SLURM_CONF before it calls `srun`."""

MEMORY_MB = 6000
"""What the node claims to have; nothing enforces it, but jobs that ask for more never start."""

_CONFIGURATION = """\
ClusterName=throwaway
SlurmctldHost={node}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MailProg=/bin/true
MpiDefault=none
# children are found through /proc: no cgroups, which containers often lack
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
# jobs that ended stay visible; the default is 300 s, and 64 jobs take longer on two busy cores
MinJobAge=3600
# one line for each job that ended
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/completed.log
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
KillWait=2
JobRequeue=0
ReturnToService=2
# the node may claim more than the machine has
SlurmdParameters=config_overrides
NodeName={node} NodeAddr=127.0.0.1 CPUs=4 RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes={node} Default=YES DefaultTime=01:00:00 MaxTime=02:00:00 State=UP
"""


def why_not() -> str | None:
    """Why no Slurm can be started here, and what to do; None if one can."""
    missing = [package for program, package in PACKAGES.items() if shutil.which(program, path=_path()) is None]
    if missing:
        return f"no {', '.join(missing)}: apt-get install --no-install-recommends {' '.join(PACKAGES.values())}"
    if os.geteuid() != 0:
        return "Slurm's daemons are started by root: run it in a container, or with sudo"
    if os.path.lexists(SYSTEM_CONFIGURATION):
        return f"{SYSTEM_CONFIGURATION} exists: another Slurm is configured here (if not, remove that file)"
    return None


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


class Slurm:
    """One running cluster; a context manager that stops it.

    Args:
        folder: holds everything but one symlink; with a short path, as a socket lies in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        # a Snakemake that runs in a job has left Slurm's variables behind
        kept: Mapping[str, str] = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SBATCH_"))}
        self.environment = {**kept, "PATH": _path()}

    def __enter__(self) -> "Slurm":
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)  # munged insists on a folder that everybody can pass
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(1024))
        configuration = self.folder / "slurm.conf"
        node = socket.gethostname().split(".")[0]
        configuration.write_text(
            _CONFIGURATION.format(folder=self.folder, node=node, ports=_free_ports(2), memory=MEMORY_MB)
        )
        SYSTEM_CONFIGURATION.parent.mkdir(exist_ok=True)
        SYSTEM_CONFIGURATION.symlink_to(configuration)
        try:
            files = [
                f"--{what}={self.folder}/munge.{what.split('-')[0]}" for what in ("socket", "key-file", "pid-file")
            ]
            files += [f"--log-file={self.folder}/munge.log", f"--seed-file={self.folder}/munge.seed"]
            self._start("munged", "--foreground", "--force", *files)
            self._wait("munge", "--no-input", f"--socket={self.folder}/munge.socket")
            self._start("slurmctld", "-D", "-f", str(configuration))
            self._start("slurmd", "-D", "-f", str(configuration))
            self._wait("sinfo", "--noheader", "--format=%T", says="idle")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if "slurmctld" in self.daemons:
            subprocess.run(["scancel", "--user=root"], env=self.environment, capture_output=True, timeout=30)
            self._wait("squeue", "--noheader", says="")
        for process in reversed(self.daemons.values()):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        SYSTEM_CONFIGURATION.unlink()

    def _start(self, name: str, *arguments: str) -> None:
        with open(self.folder / f"{name}.out", "wb") as log:
            self.daemons[name] = subprocess.Popen(
                [name, *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C at the tests reaches the tests
            )

    def _wait(self, *command: str, says: str | None = None) -> None:
        """Wait until a command succeeds and says something."""
        deadline = time.monotonic() + 30
        while True:
            for name, process in self.daemons.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended:\n{(self.folder / f'{name}.out').read_text()}")
            done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=30)
            if done.returncode == 0 and says in (None, done.stdout.strip()):
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(command)} said {done.stdout + done.stderr!r} (logs in {self.folder})")
            time.sleep(0.2)

    def ask(self, *command: str) -> list[str]:
        """The lines that one of Slurm's commands prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.splitlines()

    def jobs(self) -> dict[str, dict[str, str]]:
        """Every job since the start (of an array, every task): its id → what `scontrol` says about it."""
        found = {}
        for line in self.ask("scontrol", "--oneliner", "show", "job"):
            job = dict(part.split("=", 1) for part in line.split() if "=" in part)
            if "JobId" in job:
                found[job["JobId"]] = job
        return found
