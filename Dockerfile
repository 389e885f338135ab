# docker build -t bellhop --build-arg VERSION=v1.2.3 .
# The dashboard's build is part of the sources: nothing but Go is needed.
FROM golang:1.26-bookworm AS build
ARG VERSION=devel
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.released=${VERSION}" -o /out/usr/bin/bellhop ./cmd/bellhop
# What a program without a system needs of one: authorities to trust, a user, a folder for
# temporary files, and one for its data that this user owns.
RUN mkdir -p /out/etc/ssl/certs /out/tmp /out/var/lib/bellhop \
 && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
 && echo 'bellhop:x:65532:65532:Bellhop:/var/lib/bellhop:/sbin/nologin' >/out/etc/passwd \
 && echo 'bellhop:x:65532:' >/out/etc/group \
 && chmod 1777 /out/tmp && chmod 0700 /out/var/lib/bellhop && chown 65532:65532 /out/var/lib/bellhop

FROM scratch
COPY --from=build /out/ /
USER 65532:65532
ENV BELLHOP_LISTEN=0.0.0.0:8420 BELLHOP_DATABASE=/var/lib/bellhop/bellhop.db
WORKDIR /var/lib/bellhop
VOLUME /var/lib/bellhop
EXPOSE 8420
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["/usr/bin/bellhop", "healthcheck"]
ENTRYPOINT ["/usr/bin/bellhop"]
CMD ["serve"]
