#!/bin/sh
# Runs in stormark's fio pods. Needs fio and a POSIX sh with cat, date, df, mkdir, mkfifo and rm; what fio
# and its node did in each second comes only out of an image that has gzip, base64 and sleep, too.
#
#   sh fio.sh check     say what the image and the node offer, let fio read the job file, then serve
#   sh fio.sh serve     look at the volume, choose an engine, then wait for orders and do them
#
# Orders are lines written into scratch/orders, each with a number in front; one whose number has been
# is a second try of one that was heard, and is left. Between orders the pod does nothing at all.
#
#   1 layout            write the volume's files full
#   2 run 1 2           run one fio for each job file of jobs/
#   3 end               that is all
#
# Paths are relative to the container's working directory, which is /. What stormark reads back are
# the lines that start with @stormark; every other line is fio's progress.
#
#   STORMARK_TARGET   the file or device that the probe of engines uses
#   STORMARK_LAYOUT   files to write full, as path:bytes, space between them
#   STORMARK_NEEDED   bytes that must be free on the volume
#   STORMARK_MAXIMA   not empty: each second's latencies as a histogram, for 15 KB of memory a second;
#                     else their mean alone
#
# The job file reads STORMARK_ENGINE, the engine of jobs that name none.
set -u

job_file=stormark/job.fio
say() { printf '@stormark %s\n' "$*"; }

# fio keeps its own words on stderr; each becomes a line that can be told from progress.
say_errors() {
    while IFS= read -r words || [ -n "$words" ]; do
        if [ -n "$words" ]; then say "$1" "$words"; fi
    done <scratch/stderr
}

node_facts() {
    read -r kernel </proc/sys/kernel/osrelease && say fact kernel "$kernel"
    while read -r name kilobytes _; do
        if [ "$name" = MemTotal: ]; then say fact memory_bytes "$((kilobytes * 1024))"; fi
    done </proc/meminfo
    say fact fio_version "$(fio --version)"
}

# The filesystem under a folder: of all mount points that are a prefix of it, the longest.
filesystem_of() {
    folder=$(cd "$1" && pwd -P)
    best='' type=unknown
    while read -r _ mount_point this_type _; do
        case "$folder/" in
        "${mount_point%/}/"*)
            if [ "${#mount_point}" -ge "${#best}" ]; then best=$mount_point type=$this_type; fi
            ;;
        esac
    done </proc/self/mounts
    printf '%s' "$type"
}

volume_facts() {
    if [ -d volume ]; then
        say fact filesystem "$(filesystem_of volume)"
        free=$(df -Pk volume | { read -r _; read -r _ _ _ kilobytes _; printf '%s' "$((kilobytes * 1024))"; })
        say fact free_bytes "$free"
        if [ "$free" -lt "$STORMARK_NEEDED" ]; then
            say refuse "$free" "$STORMARK_NEEDED"
            exit 1
        fi
    fi
}

# Some servers give a new file to another user, who may then not open it again; a device is root's.
check_writable() {
    if [ -d volume ]; then
        probe=$STORMARK_TARGET.probe
        if (: >"$probe" && : >>"$probe") 2>scratch/stderr; then return; fi
    elif (: <>"$STORMARK_TARGET") 2>scratch/stderr; then
        return
    fi
    say unwritable "$(cat scratch/stderr)"
    exit 1
}

works() {
    fio --name=probe --ioengine="$1" --direct="$2" --filename="$probe" --rw="$direction" \
        --size=64k --bs=4k --iodepth=4 >scratch/probe 2>scratch/stderr
}

choose_engine() {
    probe=$STORMARK_TARGET direction=read direct=1
    if [ -d volume ]; then probe=$STORMARK_TARGET.probe direction=write; fi
    for engine in libaio io_uring psync; do
        if works "$engine" 1; then
            STORMARK_ENGINE=$engine
            break
        fi
        say_errors "engine $engine"
    done
    # jobs with direct=0 can be measured where O_DIRECT is refused
    if [ -z "${STORMARK_ENGINE:-}" ] && works psync 0; then direct=0; fi
    if [ -d volume ]; then rm -f "$probe"; fi
    STORMARK_ENGINE=${STORMARK_ENGINE:-psync}
    export STORMARK_ENGINE
    say fact engine "$STORMARK_ENGINE"
}

# Every block is written once before any is timed: reads of unwritten blocks are answered from
# nowhere, and first writes pay for allocation.
lay_out() {
    for file in $STORMARK_LAYOUT; do
        say layout "${file%:*}" "${file##*:}"
        size=${file##*:}
        if [ "$size" = 0 ]; then size=100%; fi # all that a device has
        if ! fio --name=layout --filename="${file%:*}" --size="$size" --rw=write --bs=1M \
            --iodepth=16 --direct="$direct" --end_fsync=1 --ioengine="$STORMARK_ENGINE" --eta=always \
            --eta-newline=1 --output=scratch/layout 2>scratch/stderr; then
            printf '\n'
            if [ ! -s scratch/stderr ]; then cat scratch/layout >scratch/stderr; fi
            say_errors failed-layout
            exit 1
        fi
        printf '\n'
    done
    if [ -f jobs/layout.fio ]; then
        say layout "the jobs' own files"
        if ! fio --aux-path=scratch --output=scratch/layout jobs/layout.fio 2>scratch/stderr; then
            if [ ! -s scratch/stderr ]; then cat scratch/layout >scratch/stderr; fi
            say_errors failed-layout
            exit 1
        fi
    fi
}

# A kernel or a seccomp profile may refuse an engine that fio has: fio says so only when it runs.
try_engine() {
    if fio --name=probe --ioengine="$1" --filename=scratch/probe --size=4k --bs=4k --rw=write \
        >scratch/tried 2>&1; then
        return
    fi
    why='fio does not say why'
    while IFS= read -r line; do
        case "$line" in *error=* | *"doesn't support"*) why=$line ;; esac
    done <scratch/tried
    say refused-engine "$1" "$why"
}

# Each option as fio takes it: what a job file means. It reads engines that it lacks without a word.
say_parsed() {
    fio --debug=parse --parse-only "$job_file" >scratch/stdout 2>/dev/null
    asked=''
    while IFS= read -r words; do
        case "$words" in
        *"Parsing section"* | *" handle_option="* | *"ret=0, out="*) say parse "$words" ;;
        esac
        case "$words" in
        *" handle_option=ioengine, ptr="*)
            engine=${words##*ptr=}
            case " $asked " in
            *" $engine "*) continue ;;
            esac
            asked="$asked $engine"
            case "$(fio --enghelp="$engine" 2>&1)" in
            *"not loadable"*) say no-engine "$engine" ;;
            esac
            if [ "$engine" = io_uring ]; then try_engine "$engine"; fi
            ;;
        esac
    done <scratch/stdout
}

# Packed lines of one kind: gzip's own checksum tells a line that is lost.
say_packed() {
    gzip -c | base64 | {
        packed=''
        while read -r words; do
            packed=$packed$words
            if [ "${#packed}" -gt 3000 ]; then
                say "$1" "$2" "$packed"
                packed=''
            fi
        done
        say "$1" "$2" "$packed"
    }
}

# fio's logs of each second, one after the other, and the samples of its node, which end with the
# node's uptime at which fio ended.
say_seconds() {
    if ! command -v gzip >scratch/stdout || ! command -v base64 >scratch/stdout; then
        say seconds "$1" "none: the image has no gzip or no base64"
        return
    fi
    for log in scratch/seconds/*_iops.* scratch/seconds/*_bw.* scratch/seconds/*_clat.* \
        scratch/seconds/*_hist.*; do
        if [ -s "$log" ]; then
            printf '# %s\n' "${log##*/}"
            cat "$log"
        fi
    done | say_packed seconds "$1"
    { cat scratch/seconds/node && printf '# ended %s\n' "$2"; } | say_packed node "$1"
}

# No second is left out of fio's logs but those of the ramp, and those without any I/O.
run_group() {
    say begin "$1" "$(date +%s)"
    mkdir -p scratch/seconds
    log=scratch/seconds/log
    latencies="--write_lat_log=$log"
    if [ -n "${STORMARK_MAXIMA:-}" ]; then
        latencies="--write_hist_log=$log --log_hist_msec=1000 --log_hist_coarseness=1"
    fi
    # as a process of its own, so that the kernel knows its CPU
    # shellcheck disable=SC1091 # it is a neighbour here, and in stormark/ in the pod
    (. stormark/sample.sh) >scratch/seconds/node 2>scratch/stdout &
    sampler=$!
    # shellcheck disable=SC2086 # several words
    fio --write_iops_log="$log" --write_bw_log="$log" --log_avg_msec=1000 $latencies \
        --aux-path=scratch --output=scratch/output --output-format=json+ --eta=always \
        --eta-newline=1 "jobs/$1.fio" 2>scratch/stderr
    status=$?
    read -r ended _ </proc/uptime
    # a signal alone would be lost on a shell that has only just been forked
    : >"$sampled_to"
    kill "$sampler" 2>scratch/stdout
    wait "$sampler"
    printf '\n' # fio leaves its last line of progress open
    say_errors stderr
    say output "$1"
    if [ -f scratch/output ]; then cat scratch/output; fi
    printf '\n'
    if [ "$status" = 0 ]; then say_seconds "$1" "$ended"; fi
    say end "$1" "$status"
    rm -rf scratch/output scratch/seconds
}

serve() {
    trap 'exit 0' TERM # or process 1 would outlive its grace period
    last=0
    say "$1"
    while :; do
        { read -r number order <scratch/orders; } 2>/dev/null || continue
        if [ "$number" -le "$last" ]; then
            say again "$number"
            continue
        fi
        last=$number
        say order "$number"
        case "$order" in
        layout) lay_out ;;
        run*) for group in ${order#run}; do run_group "$group"; done ;;
        esac
        say finished
        if [ "$order" = end ]; then exit; fi
    done
}

# shellcheck disable=SC2034 # sample.sh reads both
sampled_to=scratch/seconds/ended
# shellcheck disable=SC2034
if [ -d volume ]; then sampled=volume; else sampled=${STORMARK_TARGET:-}; fi
why=$(mkfifo scratch/orders 2>&1) || {
    say unreadable "$why"
    exit 1
}
case "$1" in
check)
    node_facts
    STORMARK_ENGINE=psync
    export STORMARK_ENGINE
    fio --parse-only "$job_file" >scratch/stdout 2>scratch/stderr
    status=$?
    # fio goes on without a file that it cannot include
    case "$(cat scratch/stderr)" in
    *"while parsing include file"*) status=1 ;;
    esac
    if [ "$status" = 0 ]; then
        say_parsed
        serve checked
    else
        cat scratch/stdout >>scratch/stderr
        say_errors unreadable
        exit 1
    fi
    ;;
serve)
    node_facts
    volume_facts
    check_writable
    choose_engine
    serve ready
    ;;
esac
