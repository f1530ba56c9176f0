# The coordinator. From the repository's root:
#   docker build -f deploy/docker/coordinator.Dockerfile -t synlearn-coordinator .
# With CUDA's libraries, to train on a GPU: --build-arg PIP_EXTRA_INDEX_URL=
FROM python:3.11.14-slim-bookworm AS build
ARG PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
WORKDIR /src
COPY . .
# With Flower, whose command submits the runs that carry invitations.
RUN python -m venv /opt/synlearn \
    && /opt/synlearn/bin/pip install --no-cache-dir -c constraints.txt ".[flower]"

FROM python:3.11.14-slim-bookworm
RUN groupadd --gid 10011 synlearn-call \
    && useradd --uid 10005 --gid 10011 --no-create-home --shell /usr/sbin/nologin synlearn-coordinator \
    && install -d -o synlearn-coordinator -g synlearn-call -m 0700 /var/lib/synlearn-coordinator \
    && install -d -o synlearn-coordinator -g synlearn-call -m 0750 /run/synlearn-call
COPY --from=build /opt/synlearn /opt/synlearn
ENV PATH=/opt/synlearn/bin:/usr/bin:/bin
USER 10005:10011
VOLUME ["/var/lib/synlearn-coordinator", "/run/synlearn-call"]
EXPOSE 9092
ENTRYPOINT ["synlearn-coordinator"]
CMD ["up", \
     "--federation", "/var/lib/synlearn-coordinator/federation", \
     "--runs", "/var/lib/synlearn-coordinator/runs"]
