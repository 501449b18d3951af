#!/bin/sh
# The writer of a storm: appends numbered, checksummed records to a file of its own, makes each
# durable, and only then acknowledges it on stdout. Needs sh, dd and sleep.
#
#   STORMARK_POD        name of this pod; each writer has its own file, so that two never share one
#   STORMARK_INTERVAL   seconds between records
#
# A record is `number pod checksum` and a newline. Paths are relative to /, the working directory.
set -u

folder=volume/stormark
file=$folder/$STORMARK_POD

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
        while read -r number pod checksum; do
            case "$number$checksum" in '' | *[!0-9]*) continue ;; esac
            if [ "$pod" = "${written##*/}" ] && [ "$number" -gt "$last" ] &&
                [ "$checksum" = "$(((number * 48271 + hash) % 2147483647))" ]; then
                last=$number
            fi
        done <"$written"
    done
}

umask 0 # a node's folder is removed by another user than the one who writes
if ! mkdir -p "$folder" || ! (: >>"$file" && : >>"$file"); then
    echo unwritable
    exec sleep 3600
fi
echo $$ >scratch/pid
find_last
number=$((last + 1))
if [ "$last" -lt 0 ]; then echo "start 0 no-record"; else echo "start $number after $last"; fi
hash_of "$STORMARK_POD"

ending=no
trap 'ending=yes' TERM
lead='
' # ends whatever a killed writer left of a line
while [ "$ending" = no ]; do
    checksum=$(((number * 48271 + hash) % 2147483647))
    if printf '%s%s %s %s\n' "$lead" "$number" "$STORMARK_POD" "$checksum" |
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
