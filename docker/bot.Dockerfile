# syntax=docker/dockerfile:1
# The bot: words in, words out. It holds no torch and needs no GPU; worker and chat server live in the tuner image.
# Build from the top of the repository:  docker build -f docker/bot.Dockerfile -t onsa-bot .

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY bot bot
COPY prompts prompts
COPY tuner tuner
RUN python -m venv /opt/onsa \
    && /opt/onsa/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt '.[reader]'

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="onsa-bot" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/onsa /opt/onsa
# The same number in both images: they write one volume.
RUN groupadd --gid 10001 onsa \
    && useradd --no-log-init --uid 10001 --gid onsa --home-dir /var/lib/onsa --no-create-home --shell /usr/sbin/nologin onsa \
    && install --directory --owner onsa --group onsa /var/lib/onsa
ENV PATH=/opt/onsa/bin:$PATH \
    ONSA_HOME=/var/lib/onsa \
    ONSA_WORKERS=false \
    HF_HOME=/var/lib/onsa/hub \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONUNBUFFERED=1
WORKDIR /var/lib/onsa
USER 10001:10001
VOLUME /var/lib/onsa
# The bot touches this file while it is connected to Discord.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, sys, time; sys.exit(time.time() - os.stat('/var/lib/onsa/bot.alive').st_mtime > 120)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["onsa"]
CMD ["bot"]
