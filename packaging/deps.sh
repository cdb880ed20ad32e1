#!/usr/bin/env bash
# Builds what Debian has no usable static archive of, into build/deps: libcurl, HTTP(S) only, from Debian's own
# source package. Debian's libcurl.a refers to Kerberos, which has no archive. About a minute; done once.
. "$(dirname "$0")/common.sh"

CURL_DIR="$DEPS/curl"
[ -f "$CURL_DIR/lib/libcurl.a" ] && exit 0

say "building libcurl (HTTP and HTTPS only) from Debian's source package"
WORK="$DEPS/work"
rm -rf "$WORK"
mkdir -p "$WORK/lists/partial" "$WORK/source"
# A private sources list, so that the user's own apt set-up stays as it is; same mirror as theirs.
MIRROR=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -1 | tr -d ' ' || true)
MIRROR=${MIRROR:-http://deb.debian.org/debian}
. /etc/os-release
{
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${MIRROR%/} $VERSION_CODENAME main"
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${MIRROR%/}-security $VERSION_CODENAME-security main"
} >"$WORK/sources.list"
APT=(-o "Dir::Etc::SourceList=$WORK/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$WORK/lists"
  -o "Dir::Cache::srcpkgcache=$WORK/src.bin" -o "Dir::Cache::pkgcache=$WORK/pkg.bin" -o APT::Sandbox::User=)
LOG="$TOP/build/curl.log"
(
  cd "$WORK/source"
  apt-get "${APT[@]}" update -qq
  apt-get "${APT[@]}" source -qq curl
  cd curl-*/
  CFLAGS='-O2 -fPIC -ffunction-sections -fdata-sections' ./configure --prefix="$CURL_DIR" --disable-shared --enable-static --with-openssl --with-zlib \
    --without-brotli --without-zstd --without-libpsl --without-libidn2 --without-nghttp2 --without-libssh2 --without-librtmp --without-libgsasl \
    --disable-ldap --disable-ldaps --disable-rtsp --disable-dict --disable-telnet --disable-tftp --disable-pop3 --disable-imap --disable-smb \
    --disable-smtp --disable-gopher --disable-mqtt --disable-ftp --disable-file --disable-manual --disable-ntlm --disable-alt-svc --disable-hsts \
    --disable-dependency-tracking --disable-docs --without-ca-bundle --without-ca-path
  make -s -j "$JOBS" -C lib
  # The library last: it says that all is there.
  make -s -C include install
  make -s -C lib install
) >"$LOG" 2>&1 || { tail -20 "$LOG" >&2; fail "libcurl could not be built; see build/curl.log"; }
rm -rf "$WORK"
