# The service in an image: `docker build -t blockyard .`; docs/operations.md says what the jail needs of a container.
# BASE is any image of glibc with Python 3.11 or newer, its venv module, and a shell.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
# More options for pip, such as an index or a folder of wheels in this one: --no-index --find-links /source/wheels
ARG PIP_OPTIONS=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
COPY . /source
RUN python3 -m venv /opt/blockyard \
 && /opt/blockyard/bin/python -m pip install --quiet ${PIP_OPTIONS} --require-hashes --no-deps -r requirements.server.lock \
 && /opt/blockyard/bin/python -m pip install --quiet --no-deps --no-build-isolation .

FROM ${BASE}
COPY --from=build /opt/blockyard /opt/blockyard
# A user without a name and without rights; the folders are the only ones that it writes to.
RUN mkdir -p /data /var/cache/blockyard \
 && chown 10001:10001 /data /var/cache/blockyard \
 && chmod 700 /data /var/cache/blockyard
ENV PATH=/opt/blockyard/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/data \
    PYTHONUNBUFFERED=1 \
    BLOCKYARD_CACHE=/var/cache/blockyard \
    BLOCKYARD_SERVICE_DATA=/data \
    BLOCKYARD_SERVICE_HOST=0.0.0.0 \
    BLOCKYARD_SERVICE_LOG_FORMAT=json
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=6 \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/health/live', timeout=4)"]
ENTRYPOINT ["blockyard"]
CMD ["serve"]
