# syntax=docker/dockerfile:1
# One image for the controller, its data plane and the helpers that ingress-nginx's manifests call:
#
#   docker buildx build --platform linux/amd64,linux/arm64 --tag ghcr.io/ingress-engine/ingress-proxy:0.1.0 .
#
# The program is linked statically, with glibc, whose resolver reads /etc/resolv.conf and /etc/hosts without other files. There is
# nothing else in the image but certificates of well-known authorities.
FROM rust:1-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends libcap2-bin
WORKDIR /source
COPY . .
# With a target that is named, build scripts and macros are not linked like that.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target <<'EOT'
set -eu
target=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS='-C target-feature=+crt-static' cargo build --locked --release --package ingress-proxy --target "$target"
mkdir -p /image/etc/ssl/certs
cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/
install --strip "target/$target/release/ingress-proxy" /image/ingress-proxy
# Ports 80 and 443 for who is not root. Not "effective": where a container drops this capability it has to start as well.
setcap cap_net_bind_service=p /image/ingress-proxy
# What manifests of ingress-nginx call, as arguments and before a pod is stopped.
ln -s ingress-proxy /image/nginx-ingress-controller
ln -s ingress-proxy /image/wait-shutdown
EOT

# Some builders lose capabilities between stages, and nobody would see it before a pod cannot listen.
FROM build AS copied
COPY --from=build /image /copied
RUN getcap /copied/ingress-proxy | grep -q cap_net_bind_service

FROM scratch
COPY --from=copied /copied /
USER 101:101
EXPOSE 80 443 8443 10254
ENTRYPOINT ["/ingress-proxy"]
