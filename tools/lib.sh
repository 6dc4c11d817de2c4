# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# What tools/start and tools/test share. To be sourced by bash: `. "$(dirname "$0")/lib.sh"`.

SOURCE_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Where Debian has the broker; a user's own path is without it.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# The build folder; build/ is ignored by git.
BUILD_DIR=$(realpath -m "${HUYING_BUILD:-$SOURCE_DIR/build}")

# Debian packages that a build needs; the names are the same in 12 and 13.
BUILD_PACKAGES=(gcc libc6-dev meson ninja-build pkgconf libmosquitto-dev libcoap3-dev libsqlite3-dev libsystemd-dev
        libssl-dev libcsv-dev libsmartcols-dev libcbor-dev libmicrohttpd-dev libzstd-dev libxlsxwriter-dev
        libcurl4-openssl-dev
        zlib1g-dev libminizip-dev) # the last two: what libxlsxwriter-dev asks for in linking and does not bring

say() {
        printf '== %s\n' "$*" >&2
}

as_root() {
        if [ "$(id -u)" = 0 ]; then
                "$@"
        elif command -v sudo >/dev/null; then
                sudo "$@"
        else
                say "this needs root, and there is no sudo: $*"
                return 1
        fi
}

# need_packages PKG…: installs those that are missing; silent when all are there.
need_packages() {
        local package missing=()
        for package in "$@"; do
                case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
                installed) ;;
                *) missing+=("$package") ;;
                esac
        done
        [ ${#missing[@]} -gt 0 ] || return 0
        say "installing: ${missing[*]}"
        local log
        log=$(mktemp) || return 1
        # A stale index of one foreign source must not stop us: what matters is whether the install works.
        as_root apt-get -qq update >"$log" 2>&1 || say "apt-get update failed; trying with the index that is there"
        if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
                "${missing[@]}" >>"$log" 2>&1; then
                cat "$log" >&2
                rm -f "$log"
                return 1
        fi
        rm -f "$log"
}

# free_port: prints a loopback port that neither TCP nor UDP uses, below the range that the kernel hands out itself.
free_port() {
        local port hex
        for _ in {1..200}; do
                port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
                hex=$(printf ':%04X ' "$port")
                if ! grep -q -s "$hex" /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6; then
                        echo "$port"
                        return 0
                fi
        done
        say "no free port found"
        return 1
}

# build DIR [meson option…] [-- TARGET…]: configures DIR when it is new or packages have come since, and builds everything
# in it, or these targets.
build() {
        local dir=$1 options=() again=()
        shift
        while [ $# -gt 0 ] && [ "$1" != -- ]; do
                options+=("$1")
                shift
        done
        [ $# -eq 0 ] || shift
        # What was not installed when it was configured would be left out for ever, tests among it.
        if [ -f "$dir/build.ninja" ] && [ /var/lib/dpkg/status -nt "$dir/build.ninja" ]; then
                again=(--reconfigure)
        fi
        if [ ! -f "$dir/build.ninja" ] || [ ${#again[@]} -gt 0 ]; then
                say "configuring $dir"
                meson setup ${again[@]+"${again[@]}"} ${options[@]+"${options[@]}"} "$dir" "$SOURCE_DIR" \
                        >"$dir.log" 2>&1 || {
                        cat "$dir.log" >&2
                        return 1
                }
                mv -f "$dir.log" "$dir/meson-logs/setup.txt"
        fi
        say "building $dir"
        ninja -C "$dir" --quiet "$@" >&2
}

# A second CoAP client that shares nothing with libcoap; the libraries of the workers' app; a browser's remote control
NODE_PACKAGES=(coap@1.5.0 mqtt@5.16.0 uplot@1.6.32 playwright-core@1.65.1 axe-core@4.14.1)

# Gets them into build/node.
get_node_packages() {
        local node=$BUILD_DIR/node
        need_packages_for_command node nodejs || return 1
        need_packages_for_command npm npm || return 1
        [ -f "$node/.complete" ] && [ "$(cat "$node/.complete")" = "${NODE_PACKAGES[*]}" ] && return 0
        say "getting from npm: ${NODE_PACKAGES[*]}"
        mkdir -p "$node"
        npm install --prefix "$node" --no-audit --no-fund --no-save --loglevel=error "${NODE_PACKAGES[@]}" >&2 ||
                return 1
        echo "${NODE_PACKAGES[*]}" >"$node/.complete"
}

need_packages_for_command() {
        command -v "$1" >/dev/null || need_packages "$2"
}
