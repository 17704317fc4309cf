# Two commands do all: `make example` runs the workflow on the bundled results, `make test` runs the tests.
# Both first install what is locked into an environment of their own; all they need is Python 3.11+ and make.

PYTHON ?= python3
VENV ?= .venv
DEV ?= .venv-dev
SLURM ?= .venv-slurm
CORES ?= all

.PHONY: example report vendor test test-long test-slurm lint format docs plots bench lock clean

example: $(VENV)/installed  ## run the workflow on example/results
	$(VENV)/bin/snakemake --cores $(CORES) --directory example
	@echo
	@$(VENV)/bin/python scripts/say.py \
	  "Tables: example/summary_overview.md (look here first), example/summary_raw.csv (a row per run)," \
	  "        example/summary_stats.csv (a row per repeated test), example/summary_problems.csv (what was left out, and why)," \
	  "        example/summary.datapackage.json (what every column means)"

report: $(VENV)/report-installed  ## the interactive report of example/results
	$(VENV)/bin/snakemake -s report/Snakefile --cores $(CORES) --directory example summary_report.html

TABULATOR = 6.5.3

vendor:  ## fetch the table library of the report from npm again
	cd report/vendor && npm pack --silent tabulator-tables@$(TABULATOR) && tar xzf tabulator-tables-$(TABULATOR).tgz && \
	  sed '/^\/\/# sourceMappingURL/d' package/dist/js/tabulator.min.js > tabulator.min.js && \
	  cp package/dist/css/tabulator.min.css . && cp package/LICENSE tabulator.LICENSE && \
	  rm -r package tabulator-tables-$(TABULATOR).tgz

test: $(DEV)/installed  ## run all tests
	$(DEV)/bin/python -m pytest -n auto --dist worksteal

test-long: $(DEV)/installed  ## run the tests with thousands of cases of corrupt input, kills and growing trees, and what reruns by dates alone
	$(DEV)/bin/python -m pytest -n auto --dist worksteal -m long

test-slurm: $(SLURM)/installed  ## run the tests that start a Slurm (as root, with Debian's slurmctld, slurmd, slurm-client and munge; 12 min)
	$(SLURM)/bin/python -m pytest -m slurm

lint: $(DEV)/installed  ## check style, types and the workflow
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/snakefmt --check Snakefile workflow/Snakefile workflow/library.smk report/Snakefile
	$(DEV)/bin/mypy
	$(DEV)/bin/python scripts/document.py --check
	$(DEV)/bin/snakemake --lint --directory example
	$(DEV)/bin/snakemake -s workflow/Snakefile --lint --directory example

format: $(DEV)/installed  ## format the code
	$(DEV)/bin/ruff check --fix .
	$(DEV)/bin/ruff format .
	$(DEV)/bin/snakefmt Snakefile workflow/Snakefile workflow/library.smk report/Snakefile

docs: $(DEV)/installed  ## rewrite the generated parts of the documentation, and the conda environments
	$(DEV)/bin/python scripts/document.py

plots: $(DEV)/installed  ## draw the pictures of docs/plots.md again
	$(DEV)/bin/python docs/plots/draw.py

bench: $(VENV)/installed  ## measure the workflow against references
	$(VENV)/bin/python benchmarks/bench.py

lock:  ## pin what pyproject.toml asks for (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --extra report pyproject.toml -o requirements-report.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --extra dev pyproject.toml -o requirements-dev.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --extra slurm -c requirements-dev.lock pyproject.toml -o requirements-slurm.lock

clean:  ## remove environments and what `make example` made
	rm -rf $(VENV) $(DEV) $(SLURM) example/.snakemake example/.evalscope-summary example/summary*

$(VENV)/installed: requirements.lock
	@$(PYTHON) scripts/evalscope_summary/old_pythons.py
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

$(VENV)/report-installed: requirements-report.lock $(VENV)/installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-report.lock
	touch $@

$(DEV)/installed: requirements-dev.lock
	@$(PYTHON) scripts/evalscope_summary/old_pythons.py
	$(PYTHON) -m venv $(DEV)
	$(DEV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

$(SLURM)/installed: requirements-dev.lock requirements-slurm.lock
	@$(PYTHON) scripts/evalscope_summary/old_pythons.py
	$(PYTHON) -m venv $(SLURM)
	$(SLURM)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock -r requirements-slurm.lock
	touch $@
