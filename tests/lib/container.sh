#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A real systemd as PID 1, in a container over this machine's own root, for tests of the service.
#
#   container.sh start FOLDER TREE   boots; TREE (a DESTDIR) is laid over the root
#   container.sh exec FOLDER CMD…    runs CMD in it
#   container.sh stop FOLDER         shuts down
#
# The root is an overlay with its upper layer in memory, inside a mount namespace of its own: nothing on the machine
# changes, and whatever is installed on the machine is there at once. FOLDER is the caller's, empty, and keeps the
# process id and the log. There is no network but a loopback of its own. Works as root, with or without a systemd
# outside; exit 3 means that such a container is impossible here, with the reason on standard error.
set -euo pipefail

verb=${1:?} folder=$(realpath "${2:?}")
shift 2
name=$(basename "$folder" | tr -cd 'a-z0-9')
groups=()
for group in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
        # Without a systemd outside nobody else makes a group for us, and nspawn would take the root's.
        [ -d /run/systemd/system ] || [ ! -w "$group/cgroup.procs" ] || groups+=("$group/$name")
done

impossible() {
        echo "no container here: $*" >&2
        exit 3
}

# PID 1 of the container, as the machine sees it: the first child of nspawn.
leader() {
        local child
        [ -s "$folder/pid" ] || return 1
        read -r child _ <"/proc/$(cat "$folder/pid")/task/$(cat "$folder/pid")/children" || [ -n "${child:-}" ] || return 1
        echo "$child"
}

inside() {
        nsenter --target "$(leader)" --all "$@"
}

case $verb in
start)
        tree=$(realpath "$1")
        [ "$(id -u)" = 0 ] || impossible "only root can start one"
        command -v systemd-nspawn >/dev/null || impossible "systemd-nspawn is missing (package systemd-container)"
        setsid "$0" boot "$folder" "$tree" </dev/null >"$folder/log" 2>&1 &
        nspawn=$!
        state=
        for _ in {1..1200}; do
                kill -0 "$nspawn" 2>/dev/null || impossible "nspawn ended: $(tail -n 3 "$folder/log" | tr '\n' ' ')"
                if leader >/dev/null; then
                        state=$(inside systemctl is-system-running 2>/dev/null) || true
                        case $state in running | degraded) exit 0 ;; esac
                fi
                sleep 0.05
        done
        echo "the container does not get ready: ${state:-no answer}" >&2
        exit 1
        ;;
boot) # from start, in the background
        echo $$ >"$folder/pid"
        for group in "${groups[@]}"; do
                mkdir "$group"
                echo $$ >"$group/cgroup.procs"
        done
        exec unshare --mount --propagation private "$0" nspawn "$folder" "$1"
        ;;
nspawn) # from boot, in its own mount namespace
        mount -t tmpfs -o size=256m,mode=755 container /mnt
        mkdir -p /mnt/upper /mnt/work /mnt/root /run/systemd
        mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
        mount --make-rprivate /mnt
        # What the machine itself starts at boot stays out: its broker, for one, would answer in our place.
        rm -rf /mnt/root/run /mnt/root/var/log/journal /mnt/root/etc/systemd/system/*.wants
        mkdir /mnt/root/run
        tar -C "$1" -c . | tar -C /mnt/root -x --keep-directory-symlink --no-overwrite-dir --no-same-owner
        options=(--register=no)
        [ -d /run/systemd/system ] || options+=(--keep-unit)
        exec systemd-nspawn --directory=/mnt/root --quiet --boot "--machine=$name" "${options[@]}" --private-network \
                --resolv-conf=off --timezone=off --link-journal=no --console=pipe systemd.mask=systemd-timesyncd.service
        ;;
exec)
        inside "$@"
        ;;
stop)
        pid=$(cat "$folder/pid" 2>/dev/null) || exit 0
        if first=$(leader); then
                kill -s RTMIN+3 "$first"
        fi
        for _ in {1..400}; do
                kill -0 "$pid" 2>/dev/null || break
                sleep 0.05
        done
        if kill -0 "$pid" 2>/dev/null; then
                kill -s KILL "$pid" ${first:+"$first"}
                sleep 0.2
        fi
        for group in "${groups[@]}"; do
                [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} +
        done
        rm -f "$folder/pid"
        ;;
*)
        echo "unknown verb $verb" >&2
        exit 2
        ;;
esac
