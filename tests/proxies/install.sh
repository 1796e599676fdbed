#!/bin/sh
# Puts the haproxy, nginx and pgbouncer that tests start into a folder. Usage: install.sh FOLDER
# They are the distribution's own packages, unpacked and not installed: no root is needed, no service starts, and nothing
# outside the folder changes. Does nothing where the machine has all of them already.
set -eu
mkdir -p "$1"
folder=$(cd "$1" && pwd)
PATH=$PATH:/usr/sbin:/usr/local/sbin:$folder/bin

works() { haproxy -v >/dev/null 2>&1 && nginx -v >/dev/null 2>&1 && pgbouncer --version >/dev/null 2>&1; }

fetch() { # the packages that this machine lacks, those they need included
    missing=$(apt-get -s --no-install-recommends install haproxy nginx pgbouncer | awk '$1 == "Inst" { print $2 }')
    # shellcheck disable=SC2086  # one word a package
    [ -n "$missing" ] && apt-get -qq download $missing
}

refresh() { # package lists of our own, for the machine's may be old, absent, or not ours to write
    mkdir -p lists/partial cache/archives/partial
    printf '%s "%s";\n' Dir::State::Lists "$PWD/lists" Dir::Cache "$PWD/cache" APT::Sandbox::User root >apt.conf
    export APT_CONFIG="$PWD/apt.conf"
    apt-get -qq update || true # the fetch that follows shows whether it was enough
}

unpack() {
    for package in *.deb; do dpkg-deb -x "$package" "$folder"; done
    mkdir -p "$folder/bin"
    for name in haproxy nginx pgbouncer; do
        [ -x "$folder/usr/sbin/$name" ] || continue
        cat >"$folder/bin/$name" <<'WRAPPER'
#!/bin/sh
folder=$(cd "$(dirname "$0")/.." && pwd)
for libraries in "$folder"/lib/*-linux-* "$folder"/usr/lib/*-linux-*; do
    LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
exec "$folder/usr/sbin/$(basename "$0")" "$@"
WRAPPER
        chmod +x "$folder/bin/$name"
    done
}

works && exit
echo "fetching haproxy, nginx and pgbouncer for the tests into $1 ..."
work=$folder/packages
rm -rf "$work" && mkdir "$work" && cd "$work"
if command -v apt-get >/dev/null && { fetch || { refresh && fetch; }; } >log 2>&1; then unpack; fi
if works; then rm -rf "$work" && exit; fi
echo "The tests start haproxy, nginx and pgbouncer, which are neither here nor could be fetched ($work/log)." \
    "Install the packages (on Debian: apt-get install haproxy nginx pgbouncer)." >&2
exit 1
