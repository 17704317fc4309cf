# The workflow with all that it needs, as locked. docs/cluster.md says how to use it.
FROM python:3.13-slim
WORKDIR /opt/evalscope-summary
COPY requirements.lock ./
RUN python -m pip install --no-cache-dir --quiet --disable-pip-version-check --require-hashes -r requirements.lock
COPY Snakefile ./
COPY config config
COPY envs envs
COPY scripts scripts
COPY workflow workflow
RUN python -m compileall -q scripts
# For `--user` with a number that has no entry in the container: Snakemake asks for a home and a name.
ENV HOME=/tmp USER=user
WORKDIR /work
ENTRYPOINT ["snakemake", "--snakefile", "/opt/evalscope-summary/Snakefile"]
CMD ["--cores", "all"]
