#!/bin/sh
# Prints every writer's file of a volume, for stormark to judge. Needs sh, cat, tr, uniq, dd and md5sum.
#
# Past the node's page cache where dd and the volume allow it, and says how. Not so the controls: reading
# them so would make them durable. A log that grows meanwhile is read again, as any that dd cannot end.
set -u
how=''

content() {
    case $how$1 in
    direct*.unsynced | cached*) cat "$1" ;;
    *.pages | *.cold) direct "$1" ;;
    *) direct "$1" || { echo && cat "$1"; } ;;
    esac || unreadable "$1"
}

# Past what a pipe makes of its content.
unreadable() {
    printf '\n@stormark unreadable %s\n' "${1##*/}" >&3
}

direct() {
    dd if="$1" bs=65536 iflag=direct 2>/dev/null
}

exec 3>&1
echo "@stormark begin"
for file in volume/stormark/*; do
    if [ ! -f "$file" ]; then continue; fi
    if [ -z "$how" ]; then
        if direct "$file" >/dev/null; then how=direct; else how=cached; fi
        echo "@stormark read $how"
    fi
    echo "@stormark file ${file##*/}"
    case $file in
    *.pages) content "$file" | tr '\0' '\n' | uniq -c ;; # sectors that are alike, and how many
    *.cold) content "$file" | md5sum || unreadable "$file" ;;
    *) content "$file" ;;
    esac
    echo
done
echo "@stormark finished"
