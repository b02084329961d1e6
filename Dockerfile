# syntax=docker/dockerfile:1
# Two images: `docker build --target manager` and `docker build --target worker`.
# Both are one static binary beside git, ssh and CA certificates, and run as a
# user without rights.
ARG GO_VERSION=1.26.8
# Name it by digest in a release build.
ARG BASE_IMAGE=debian:bookworm-slim
FROM golang:${GO_VERSION}-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY internal internal
COPY main.go ./
ENV CGO_ENABLED=0
RUN go build -trimpath -ldflags="-s -w" -o /out/manager . \
 && go build -trimpath -ldflags="-s -w" -o /out/worker ./cmd/worker

FROM ${BASE_IMAGE} AS base
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git openssh-client \
 && rm -rf /var/lib/apt/lists/*

FROM base AS manager
COPY --from=build /out/manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]

FROM base AS worker
COPY --from=build /out/worker /usr/local/bin/worker
USER 10001:10001
ENTRYPOINT ["/usr/local/bin/worker"]
