#!/bin/sh
# The writer of a storm: appends numbered, checksummed records to a file of its own, makes each
# durable, and only then acknowledges it on stdout. Needs sh, dd and sleep.
#
#   STORMARK_POD        name of this pod
#   STORMARK_INTERVAL   seconds between records
#
# A writer is one life of a container: `POD.1`, after a restart `POD.2`. Each has a file of its own,
# so that two never share one, and no later record takes the place of one that was lost. A record is
# `number writer checksum` and a newline. Paths are relative to /, the working directory.
set -u

folder=volume/stormark
read -r life 2>/dev/null <scratch/life || life=0
life=$((life + 1))
echo "$life" >scratch/life
writer=$STORMARK_POD.$life
file=$folder/$writer

# A number for a text: what a reader recomputes. Below 2^31, so that products fit into 64 bits.
hash_of() {
    rest=$1 hash=7
    while [ -n "$rest" ]; do
        character=${rest%"${rest#?}"}
        hash=$(((hash * 31 + $(printf '%d' "'$character")) % 2147483647))
        rest=${rest#?}
    done
}

# The highest number of a whole record in any writer's file; -1 when there is none.
find_last() {
    last=-1
    for written in "$folder"/*; do
        if [ ! -f "$written" ]; then continue; fi
        hash_of "${written##*/}"
        while read -r number name checksum; do
            case "$number$checksum" in '' | *[!0-9]*) continue ;; esac
            if [ "$name" = "${written##*/}" ] && [ "$number" -gt "$last" ] &&
                [ "$checksum" = "$(((number * 48271 + hash) % 2147483647))" ]; then
                last=$number
            fi
        done <"$written"
    done
}

umask 0 # a node's folder is removed by another user than the one who writes
if ! why=$({ mkdir -p "$folder" && : >>"$file" && : >>"$file"; } 2>&1); then
    echo "unwritable $why"
    exec sleep 3600
fi
echo $$ >scratch/pid
find_last
number=$((last + 1))
if [ "$last" -lt 0 ]; then said=no-record; else said="after $last"; fi
echo "start $number $said as $writer"
hash_of "$writer"

ending=no
trap 'ending=yes' TERM
lead='
' # ends whatever a killed writer left of a line
while [ "$ending" = no ]; do
    checksum=$(((number * 48271 + hash) % 2147483647))
    if printf '%s%s %s %s\n' "$lead" "$number" "$writer" "$checksum" |
        dd bs=512 conv=fsync 2>scratch/stderr >>"$file"; then
        echo "ack $number"
        number=$((number + 1)) lead=''
    else
        read -r words <scratch/stderr
        echo "error $number ${words:-dd failed}"
        lead='
'
    fi
    sleep "$STORMARK_INTERVAL"
done
echo "end $number"
