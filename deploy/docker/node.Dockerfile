# The node of a data owner. From the repository's root:
#   docker build -f deploy/docker/node.Dockerfile -t synlearn-node .
FROM python:3.11.14-slim-bookworm AS build
# PyTorch without CUDA's libraries: a node computes on its processors.
ARG PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
WORKDIR /src
COPY . .
RUN python -m venv /opt/synlearn \
    && /opt/synlearn/bin/pip install --no-cache-dir -c constraints.txt .

FROM python:3.11.14-slim-bookworm
RUN groupadd --gid 10010 synlearn-door \
    && useradd --uid 10001 --gid 10010 --no-create-home --shell /usr/sbin/nologin synlearn-node \
    && install -d -o synlearn-node -g synlearn-door -m 0700 /var/lib/synlearn-node \
    && install -d -o synlearn-node -g synlearn-door -m 0750 /run/synlearn-door
COPY --from=build /opt/synlearn /opt/synlearn
ENV PATH=/opt/synlearn/bin:/usr/bin:/bin \
    SYNLEARN_PROVIDER_HOME=/var/lib/synlearn-node
USER 10001:10010
VOLUME ["/var/lib/synlearn-node", "/run/synlearn-door"]
ENTRYPOINT ["synlearn-provider"]
CMD ["start", "--home", "/var/lib/synlearn-node"]
