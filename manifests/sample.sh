# shellcheck shell=sh disable=SC2154 # whoever reads it in has set sampled and sampled_to
# Runs beside fio in its pod, read in by fio.sh: what the node does meanwhile, as its kernel counts it.
#
#   sampled     the folder or device whose node is looked at
#   sampled_to  written to stdout until this file is there; SIGTERM cuts the sleep before it looks
#
# Lines with # say what the counters are of. A sample begins with `at`, in seconds of the node's uptime;
# its other lines are the kernel's own, a word in front. All arithmetic is stormark's
# (tasks/speed/node_seconds.py). So that a second costs a thousandth of a core, nothing is started
# in it but one sleep.

line_end='
'

# Of all mount points that are a prefix of a path, the longest: its device, filesystem and source.
find_mount() {
    mounted='' number='' type='' source=''
    while read -r _ _ this _ point _ rest; do
        case "$1/" in
        "${point%/}/"*)
            if [ "${#point}" -ge "${#mounted}" ]; then
                rest=" $rest" mounted=$point number=$this
                rest=${rest#* - } type=${rest%% *}
                rest=${rest#* } source=${rest%% *}
            fi
            ;;
        esac
    done </proc/self/mountinfo
}

# A filesystem of several devices has a number that is none's, and names one of them.
with_device() {
    if [ ! -d "/sys/dev/block/$number" ] && [ -f "/sys/class/block/${source##*/}/dev" ]; then
        case "$source" in
        /dev/*) read -r number <"/sys/class/block/${source##*/}/dev" ;;
        esac
    fi
}

# From the volume's device down, as far as this pod can see: a partition lies on its disk, a loop on
# a file, what the device mapper makes on one device, or on several, where this ends.
follow_down() {
    devices=''
    while [ -d "/sys/dev/block/$number" ]; do
        here=/sys/dev/block/$number name=$number
        while IFS='=' read -r key value; do
            if [ "$key" = DEVNAME ]; then name=$value; fi
        done <"$here/uevent"
        echo "# device $number $name"
        devices="$devices $number"
        if [ -f "$here/partition" ]; then
            read -r number <"$here/../dev"
        elif [ -f "$here/loop/backing_file" ]; then
            read -r file <"$here/loop/backing_file"
            if [ ! -f "$file" ]; then break; fi # a file of the node, which no pod sees
            find_mount "$file"
            with_device
        else
            set -- "$here"/slaves/*/dev
            if [ "$#" != 1 ] || [ ! -f "$1" ]; then break; fi
            read -r number <"$1"
        fi
    done
}

# The root of all cgroups counts everybody's.
find_own() {
    own=''
    if [ -f /sys/fs/cgroup/cgroup.events ]; then
        own=/sys/fs/cgroup/io.stat
    elif [ ! -f /sys/fs/cgroup/blkio/cgroup.sane_behavior ]; then
        own=/sys/fs/cgroup/blkio/blkio.throttle.io_service_bytes
    fi
    if [ ! -r "$own" ]; then own=''; fi
}

of_devices() {
    for number in $devices; do
        read -r line <"/sys/dev/block/$number/stat" && sample="$sample${line_end}device $number $line"
    done
    if [ -z "$own" ]; then return; fi
    while read -r number line; do
        case "$devices " in
        *" $number "*) sample="$sample${line_end}own $number $line" ;;
        esac
    done <"$own"
}

of_server() {
    here=''
    while read -r word line; do
        case "$word $line" in
        "device "*" mounted on $mounted with "*) here=yes ;;
        "device "*) if [ -n "$here" ]; then break; fi ;;
        "bytes: "* | "READ: "* | "WRITE: "*)
            if [ -n "$here" ]; then sample="$sample${line_end}nfs $word $line"; fi
            ;;
        esac
    done </proc/self/mountstats
}

of_node() {
    read -r line </proc/stat && sample="$sample$line_end$line"
    sample="$sample${line_end}memory"
    while read -r word line; do
        case "$word" in
        MemAvailable: | Dirty:) sample="$sample $word $line" ;;
        Writeback:)
            sample="$sample $word $line"
            break
            ;;
        esac
    done </proc/meminfo
    for word in io cpu memory; do
        while read -r line; do
            sample="$sample${line_end}pressure $word $line"
        done <"/proc/pressure/$word"
    done
}

take_sample() {
    read -r uptime _ </proc/uptime
    sample="at $uptime"
    of_devices
    if [ -n "$server" ]; then of_server; fi
    of_node
    printf '%s\n' "$sample"
}

number='' server=''
trap : TERM
if [ -d "$sampled" ]; then
    find_mount "$(cd "$sampled" && pwd -P)"
    echo "# mount $type $source"
    case "$type" in
    nfs*) server=$source ;;
    *) with_device ;;
    esac
else
    # brw-rw---- 1 0 6 259, 3 …
    # shellcheck disable=SC2012,SC2046 # the numbers of a device are in no file
    set -- $(ls -lnL "$sampled")
    number=${5%,}:$6
fi
follow_down
find_own
if [ -n "$server" ]; then find_mount "$(cd "$sampled" && pwd -P)"; fi
while [ -d "/proc/$$" ]; do
    if [ -f "$sampled_to" ]; then ended=yes; else ended=''; fi
    take_sample
    if [ -n "$ended" ]; then break; fi
    sleep 1 &
    wait $! || if [ ! -f "$sampled_to" ]; then break; fi
done
kill $! || :
read -r line </proc/self/stat && echo "# stat $line"
read -r line </proc/self/schedstat && echo "# schedstat $line"
