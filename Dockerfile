# The one image of ours: Airflow's services, MLflow's server, jobs. Tools that build it stay in the first stages.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# What we need of others, without the rest of pyproject.toml, so that only a change of it installs everything anew.
FROM ${PYTHON_IMAGE} AS wanted
COPY pyproject.toml ./
RUN python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
print(*p["dependencies"], *p["optional-dependencies"]["server"], sep="\n")' > wanted.txt

FROM ${PYTHON_IMAGE} AS packages
# Where packages come from, for those who have an index of their own: docker-compose.yml takes it from the environment.
ARG UV_DEFAULT_INDEX
ARG PIP_INDEX_URL
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 UV_HTTP_TIMEOUT=180 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY --from=wanted wanted.txt ./
COPY requirements.lock meterwise/commands/patch_lightgbm.py deploy/image/trim.sh ./
RUN --mount=type=cache,target=/root/.cache \
    pip install --quiet "$(grep -E '^uv==' requirements.lock)" \
 && uv venv --quiet /opt/meterwise/venv \
 && uv pip install --quiet --python /opt/meterwise/venv/bin/python \
        --constraint requirements.lock --requirements wanted.txt \
 && sh trim.sh /opt/meterwise/venv \
 && /opt/meterwise/venv/bin/python patch_lightgbm.py \
 && /opt/meterwise/venv/bin/python -c 'import lightgbm'

FROM packages AS ours
COPY pyproject.toml README.md ./
COPY meterwise meterwise
COPY models models
COPY expectations expectations
RUN uv pip install --quiet --offline --python /opt/meterwise/venv/bin/python --no-deps --no-build-isolation \
        --target /opt/meterwise/ours .

FROM ${PYTHON_IMAGE}
ARG METERWISE_UID=50000
RUN useradd --uid ${METERWISE_UID} --no-create-home --home-dir /tmp --shell /usr/sbin/nologin meterwise \
 && install -d -o meterwise -g meterwise /var/lib/meterwise /data
COPY --from=packages /opt/meterwise/venv /opt/meterwise/venv
COPY --from=ours /opt/meterwise/ours /opt/meterwise/ours
WORKDIR /opt/meterwise
COPY deploy/image/answers.py ./
COPY dags dags
COPY dbt_project dbt_project
ENV PATH=/opt/meterwise/venv/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    METERWISE_PROJECT=/opt/meterwise METERWISE_HOME=/var/lib/meterwise
USER meterwise
ENTRYPOINT ["python", "-m", "meterwise.stack.server"]
CMD ["meterwise", "doctor"]
