# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2207
# Completion for huyingctl: verbs and options from its own help, numbers of open incidents from the gateway.
_huyingctl() {
        local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
        case $before in
        --config | --accounts | --keys | --authority | --crl | --checkpoint | --archive | --output | import | backup | salvage | --check) COMPREPLY=($(compgen -f -- "$word")) && return ;;
        enroll) COMPREPLY=($(compgen -W "device worker" -- "$word")) && return ;;
        report) COMPREPLY=($(compgen -W "day week month visits list" -- "$word")) && return ;;
        visit) COMPREPLY=($(compgen -W "in out fix" -- "$word")) && return ;;
        --by) COMPREPLY=($(compgen -W "grid worker resident" -- "$word")) && return ;;
        duty) COMPREPLY=($(compgen -W "on off --all" -- "$word")) && return ;;
        show | accept | arrived | resolve | decline | release | handoff | reopen | assign | start | waiting | done | not-accepted | escalate | rate | reclass)
                COMPREPLY=($(compgen -W "$(huyingctl --json list 2>/dev/null | grep -o '"incident":[0-9]*' | cut -d: -f2)" -- "$word"))
                return
                ;;
        esac
        case $word in
        -*) COMPREPLY=($(compgen -W "$(huyingctl --help | grep -oE -- '--[a-z][a-z-]*')" -- "$word")) ;;
        *) COMPREPLY=($(compgen -W "$(huyingctl --help | sed -nE 's/^  ([a-z-]+) .*/\1/p')" -- "$word")) ;;
        esac
}
complete -F _huyingctl huyingctl
