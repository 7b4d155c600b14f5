# Two images from one file: `docker build --target server .` and `docker build --target worker .`
# Both run as an unprivileged user, also on a read-only root file system: they write to /var/lib/ktrdr and /tmp only.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv --without-pip /opt/ktrdr
# torch alone comes from its own index: PyPI has it for Linux with CUDA only, which is gigabytes.
ARG TORCH_VERSION=2.13.0
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN PIP_INDEX_URL="${TORCH_INDEX}" pip --python /opt/ktrdr install --no-deps "torch==${TORCH_VERSION}"
# What the project needs comes before the project: an edit of the code keeps these layers.
COPY pyproject.toml constraints.txt ./
RUN python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' \
        > requirements.txt \
    && pip --python /opt/ktrdr install --constraint constraints.txt --requirement requirements.txt
COPY . .
RUN pip --python /opt/ktrdr install --no-deps . && pip --python /opt/ktrdr check

FROM python:${PYTHON} AS runtime
RUN groupadd --gid 10001 ktrdr \
    && useradd --no-log-init --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/ktrdr \
        --shell /usr/sbin/nologin ktrdr \
    && install -d -o 10001 -g 10001 /var/lib/ktrdr
COPY --from=build /opt/ktrdr /opt/ktrdr
ENV PATH=/opt/ktrdr/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    KTRDR_HOME=/var/lib/ktrdr \
    XDG_CACHE_HOME=/var/lib/ktrdr/cache \
    KTRDR_LOG_FORMAT=json
WORKDIR /var/lib/ktrdr
# A number, so that Kubernetes can tell that it is not root.
USER 10001:10001

FROM runtime AS worker
EXPOSE 5003
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:5003/health', timeout=4)"]
CMD ["ktrdr-worker", "--host", "0.0.0.0", "--port", "5003"]

FROM runtime AS server
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=4)"]
CMD ["ktrdr-mcp", "--transport", "streamable-http", "--host", "0.0.0.0", "--port", "8000"]
