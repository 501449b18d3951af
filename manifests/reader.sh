#!/bin/sh
# Prints every writer's file of a volume, for stormark to judge. Needs sh, cat, tr, uniq and dd.
#
# Past the node's page cache where dd and the volume allow it, and says how. Not so the controls: reading
# them so would make them durable. A log that grows meanwhile is read again, as any that dd cannot end.
set -u
how=''

content() {
    case $how$1 in
    direct*.unsynced | cached*) cat "$1" ;;
    *.pages) direct "$1" ;;
    *) direct "$1" || { echo && cat "$1"; } ;;
    esac || printf '\n@stormark unreadable %s\n' "${1##*/}"
}

direct() {
    dd if="$1" bs=65536 iflag=direct 2>/dev/null
}

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
    *) content "$file" ;;
    esac
    echo
done
echo "@stormark finished"
