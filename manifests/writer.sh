#!/bin/sh
# The writer of a storm: appends numbered, checksummed records to a file of its own, makes each
# durable, and only then acknowledges it on stdout. Needs sh, dd and sleep, and sync of a folder for the
# file's name to be durable before its first record; without that it is when the filesystem makes it so.
#
#   STORMARK_POD        what tells this pod from all others: its UID
#   STORMARK_INTERVAL   seconds between records
#
# A writer is one life of a container: `UID.1`, after a restart `UID.2`. Each has a file of its own and
# counts from 0, so that two never share one, no later record takes the place of one that was lost, and
# nothing that is there has to be read first. A record is `number writer checksum` and a newline. The
# file is opened once, as a database does: a handle that is stale, or an error that fsync tells once, is
# seen. Paths are relative to /, the working directory.
#
# Beside it `UID.LIFE.pages` is what a database overwrites: 8 pages of 8 KiB, in turn, one after each record.
# Each sector of 512 bytes has the stamp `page version writer`, so that a page that is torn is seen.
#
# And `UID.LIFE.unsynced` is the control: it has the number of each record before the record itself,
# and nothing is made durable of it. A fault after which all of it is there took nothing from any cache.
#
# `UID.LIFE.cold` is written once, 4 MiB by the first life that finds no such file, and touched by nobody
# from then on: damage of it is silent. It needs seq, sed, md5sum, wc and rm; without them there is none.
set -u

folder=volume/stormark
read -r life 2>/dev/null <scratch/life || life=0
life=$((life + 1))
# durable: after a power cut it would begin with 1 again, and write anew what was lost
echo "$life" | dd conv=fsync 2>/dev/null >scratch/life
writer=$STORMARK_POD.$life
file=$folder/$writer

# The characters from code 45 on, in order: all that a writer's name has.
characters='-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz'

# A number for a text: what a reader recomputes. Below 2^31, so that products fit into 64 bits. No
# process is started for it: the writer is timed from here on.
hash_of() {
    rest=$1 hash=7
    while [ -n "$rest" ]; do
        before=${characters%%"${rest%"${rest#?}"}"*}
        hash=$(((hash * 31 + 45 + ${#before}) % 2147483647))
        rest=${rest#?}
    done
}

# What dd said of a record or page that is not durable.
refused() {
    read -r words <scratch/stderr
    echo "error $1 ${words:-dd failed}"
}

# The next page, in one write, and its acknowledgement.
write_page() {
    page=$((version % 8))
    stamp="$page $version $writer"
    set -- "$stamp" "$stamp" "$stamp" "$stamp"
    set -- "$@" "$@" "$@" "$@"
    if printf '%-511s\n' "$@" |
        dd obs=8192 seek="$page" conv=notrunc,fsync of="$file.pages" 2>scratch/stderr; then
        echo "page $page $version"
        version=$((version + 1))
    else
        refused "$page"
    fi
}

# The cold region, 8192 lines of a sector each.
cold() {
    # shellcheck disable=SC2046 # each word is a line
    printf '%-511s\n' $(seq 8192 | sed "s/^/$writer,/")
}

# Write the cold region where there is none, and say the checksum of what was to be written, once it is
# durable: of no shorter file, since the end of a pipe does not know how its beginning ended.
write_cold() {
    for found in "$folder"/*.cold; do
        if [ -e "$found" ]; then return; fi
    done
    if sum=$(cold | md5sum) && cold | dd obs=65536 conv=fsync of="$file.cold" &&
        [ "$(wc -c <"$file.cold")" -eq 4194304 ]; then
        sync "$folder"
        echo "cold $writer ${sum%% *}"
    else
        rm -f "$file.cold"
    fi
}

umask 0 # a node's folder is removed by another user than the one who writes
if ! why=$({ mkdir -p "$folder" && : >>"$file" && : >>"$file.pages" && : >>"$file.unsynced"; } 2>&1); then
    echo "unwritable $why"
    exec sleep 3600
fi
sync "$folder" volume 2>/dev/null
exec 3>>"$file" 4>>"$file.unsynced"
echo $$ >scratch/pid
hash_of "$writer"
number=0 version=0
echo "start as $writer"

ending=no controlled=yes
trap 'ending=yes' TERM
lead='
' # ends whatever a killed writer left of a line
while [ "$ending" = no ]; do
    if [ "$controlled" = yes ] && ! echo "$number" 2>/dev/null >&4; then
        controlled=no
        echo "uncontrolled $number"
    fi
    checksum=$(((number * 48271 + hash) % 2147483647))
    if printf '%s%s %s %s\n' "$lead" "$number" "$writer" "$checksum" |
        dd bs=512 conv=fsync 2>scratch/stderr >&3; then
        echo "ack $number"
        if [ "$number" = 0 ]; then write_cold 2>/dev/null & fi # beside the records, which are timed
        number=$((number + 1)) lead=''
        write_page
    else
        refused "$number"
        lead='
'
    fi
    sleep "$STORMARK_INTERVAL"
done
echo "end $number"
