"""What the jobs of rules are started with: their environments, commands and resources."""

import os
import shlex
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from . import resources
from .start import Start


class Jobs(ABC):
    """What jobs are started with.

    Args:
        config: of `settings.complete`.
        checkout: folder of the Snakefile.
        start: how Snakemake was started.
    """

    def __init__(self, config: dict[str, Any], checkout: str, start: Start) -> None:
        self.config = config
        self.checkout = checkout
        self.start = start

    @property
    @abstractmethod
    def inventories(self) -> Sequence[str]:
        """Paths of the inventories of all batches."""

    @abstractmethod
    def inventory(self, batch: str) -> str:
        """Path of a batch's inventory; the batch is a wildcard, and so is the tree if there are several."""

    def environment(self, name: str) -> str:
        """The conda environment of a kind of rule: `runs` reads runs, `tables` and `exports` make tables of tables."""
        return literal(os.path.join(self.checkout, "envs", f"{name}.yaml"))

    def program(self, name: str) -> Callable[..., str]:
        """The beginning of a rule's command, for its `params`.

        It is run by the interpreter that runs Snakemake, as `python` may be another one where its environment was
        not activated. Where that and the checkout lie must not count as a change: Snakemake (9.27) compares the text of
        `shell:` as it is written, and no parameter that is made from other ones (`input`); comparing any would also
        import pandas.
        """
        python = "python" if self.start.environments else sys.executable
        command = f"{shlex.quote(python)} {shlex.quote(os.path.join(self.checkout, 'scripts', name))}"
        return lambda wildcards, input: command

    def command(self, arguments: str, options: str = "") -> str:
        """A rule's command: what the program says goes to the terminal and into the rule's log.

        Paths may begin with a dash: as arguments they stand after `--`, of options they must follow a `=`.
        """
        return f"{{params.program}} {options} -- {arguments} 2>&1 | tee -- {{log:q}} >&2"

    @cached_property
    def runs(self) -> int:
        """About how many runs the inventories hold."""
        return resources.about_runs(self.inventories)

    @property
    def makes_tables_at_once(self) -> bool:
        """Whether tables are made where Snakemake runs, even if it has a cluster."""
        return resources.are_few(self.runs)

    @property
    def table_retries(self) -> int | None:
        """None: those of the profile. Trying again is for more memory and time, which only a scheduler gives. Where
        this process may not write, its jobs may not either."""
        folder = os.path.dirname(self.start.placed) or "."
        may_write = not os.path.isdir(folder) or os.access(folder, os.W_OK)
        return None if may_write and not self.makes_tables_at_once else 0

    @property
    def batch_resources(self) -> Mapping[str, Callable[..., int]]:
        """MB and minutes that the job of one batch asks for; the names of the arguments are Snakemake's.

        An importing workflow that replaces one of them takes the other from here (docs/workflows.md).
        """
        return {
            "mem_mb": lambda wildcards, input, attempt: resources.batch_memory(input[0], attempt),
            "runtime": lambda wildcards, input, attempt: resources.batch_minutes(input[0], attempt),
        }

    @property
    def packed_resources(self) -> Mapping[str, Callable[..., int]]:
        """As `batch_resources`, for the job that reads a batch elsewhere; that job itself has no inventory."""

        def of_batch(needs: Callable[[str, int], int]) -> Callable[..., int]:
            def needed(wildcards: Any, attempt: int) -> int:
                inventory = filled(self.inventory("{scatteritem}"), wildcards)
                return needs(inventory, attempt) if os.path.exists(inventory) else 0

            return needed

        return {"mem_mb": of_batch(resources.batch_memory), "runtime": of_batch(resources.batch_minutes)}

    @property
    def table_resources(self) -> Mapping[str, Callable[..., int]]:
        """MB and minutes that the job of one table asks for."""
        return {
            "mem_mb": lambda wildcards, attempt: resources.table_memory(self.runs, self.config, attempt),
            "runtime": lambda wildcards, attempt: resources.table_minutes(self.runs, attempt),
        }


def filled(path: str, wildcards: Any) -> str:
    """A path with the values of its wildcards."""
    for name, value in wildcards.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def literal(text: str) -> str:
    """A text that Snakemake takes literally."""
    return text.replace("{", "{{").replace("}", "}}")
