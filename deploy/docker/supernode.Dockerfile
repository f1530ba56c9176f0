# A provider's Flower side, as two images of which each is a user of its own. From the repository's root:
#   docker build -f deploy/docker/supernode.Dockerfile --target supernode -t synlearn-supernode .
#   docker build -f deploy/docker/supernode.Dockerfile --target clientapp -t synlearn-clientapp .
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

FROM flower AS clientapp
RUN groupadd --gid 10010 synlearn-door \
    && useradd --uid 10003 --user-group --groups synlearn-door --no-create-home \
        --shell /usr/sbin/nologin synlearn-bridge \
    && install -d -o synlearn-bridge -g synlearn-bridge -m 0700 /var/lib/synlearn-clientapp
ENV FLWR_HOME=/var/lib/synlearn-clientapp
USER 10003:10003
ENTRYPOINT ["flower-superexec"]

FROM flower AS supernode
RUN useradd --uid 10002 --user-group --no-create-home --shell /usr/sbin/nologin synlearn-flower \
    && install -d -o synlearn-flower -g synlearn-flower -m 0700 /var/lib/synlearn-supernode
ENV FLWR_HOME=/var/lib/synlearn-supernode
USER 10002:10002
ENTRYPOINT ["flower-supernode"]
