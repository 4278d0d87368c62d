# syntax=docker/dockerfile:1
# Worker and chat server: torch with CUDA, which its wheels carry; the host needs the NVIDIA driver and container toolkit.
# Build from the top of the repository:  docker build -f docker/tuner.Dockerfile -t onsa-tuner .

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY bot bot
COPY prompts prompts
COPY tuner tuner
RUN python -m venv /opt/onsa \
    && /opt/onsa/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt '.[tuner]'

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="onsa-tuner" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/onsa /opt/onsa
# The same number in both images: they write one volume.
RUN groupadd --gid 10001 onsa \
    && useradd --no-log-init --uid 10001 --gid onsa --home-dir /var/lib/onsa --no-create-home --shell /usr/sbin/nologin onsa \
    && install --directory --owner onsa --group onsa /var/lib/onsa
# TOKENIZERS_PARALLELISM is no secret.
# hadolint ignore=DL3064
ENV PATH=/opt/onsa/bin:$PATH \
    ONSA_HOME=/var/lib/onsa \
    HF_HOME=/var/lib/onsa/hub \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    TOKENIZERS_PARALLELISM=false \
    PYTHONUNBUFFERED=1
WORKDIR /var/lib/onsa
USER 10001:10001
VOLUME /var/lib/onsa
# One image, two services: compose asks the chat server how it is; a worker that ends is started again.
HEALTHCHECK NONE
STOPSIGNAL SIGTERM
ENTRYPOINT ["onsa"]
CMD ["worker"]
