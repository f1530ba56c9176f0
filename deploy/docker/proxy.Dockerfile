# The public port before the SuperLink. From the repository's root:
#   docker build -f deploy/docker/proxy.Dockerfile -t synlearn-proxy .
FROM debian:12.12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends haproxy=2.6.* \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10006 --user-group --no-create-home --shell /usr/sbin/nologin synlearn-proxy
COPY deploy/proxy/haproxy.cfg /etc/synlearn/haproxy.cfg
# Above 1023: no capability is needed.
ENV SYNLEARN_PROXY_BIND=:8443
USER 10006:10006
EXPOSE 8443
ENTRYPOINT ["haproxy"]
CMD ["-Ws", "-f", "/etc/synlearn/haproxy.cfg"]
