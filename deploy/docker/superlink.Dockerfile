# A coordinator's Flower side, as two images of which each is a user of its own. From the repository's root:
#   docker build -f deploy/docker/superlink.Dockerfile --target superlink -t synlearn-superlink .
#   docker build -f deploy/docker/superlink.Dockerfile --target superexec -t synlearn-superexec .
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
COPY . .
# The bridge of a few lines, and Flower; without PyTorch and all else that computes.
RUN python -m venv /opt/synlearn \
    && /opt/synlearn/bin/pip install --no-cache-dir -c constraints.txt flwr \
    && /opt/synlearn/bin/pip install --no-cache-dir -c constraints.txt --no-deps .

FROM python:3.11.14-slim-bookworm AS flower
COPY --from=build /opt/synlearn /opt/synlearn
ENV PATH=/opt/synlearn/bin:/usr/bin:/bin \
    FLWR_TELEMETRY_ENABLED=0 \
    FLWR_DISABLE_UPDATE_CHECK=1 \
    FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION=1

FROM flower AS superexec
RUN groupadd --gid 10011 synlearn-call \
    && useradd --uid 10003 --user-group --groups synlearn-call --no-create-home \
        --shell /usr/sbin/nologin synlearn-bridge \
    && install -d -o synlearn-bridge -g synlearn-bridge -m 0700 /var/lib/synlearn-superexec
ENV FLWR_HOME=/var/lib/synlearn-superexec \
    SYNLEARN_BRIDGE=/run/synlearn-call/bridge
USER 10003:10003
ENTRYPOINT ["flower-superexec"]

FROM flower AS superlink
RUN useradd --uid 10004 --user-group --no-create-home --shell /usr/sbin/nologin synlearn-superlink \
    && install -d -o synlearn-superlink -g synlearn-superlink -m 0700 /var/lib/synlearn-superlink
ENV FLWR_HOME=/var/lib/synlearn-superlink
USER 10004:10004
VOLUME ["/var/lib/synlearn-superlink"]
EXPOSE 8000
ENTRYPOINT ["flower-superlink"]
