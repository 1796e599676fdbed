#!/bin/sh
# Puts libfaketime into a folder, unpacked from the distribution's package and not installed. Usage: install.sh FOLDER
set -eu
mkdir -p "$1" && cd "$1"
[ -n "$(find . -name libfaketimeMT.so.1)" ] && exit
apt-get -qq download libfaketime >log 2>&1 || { apt-get -qq update >>log 2>&1 && apt-get -qq download libfaketime >>log 2>&1; } || {
    echo "libfaketime could not be fetched ($1/log). Install it (on Debian: apt-get install libfaketime)." >&2
    exit 1
}
dpkg-deb -x libfaketime_*.deb .
