#!/bin/sh
# Prints every writer's file of a volume, for stormark to judge. Needs sh, cat, tr and uniq.
set -u

content() {
    cat "$1" || printf '\n@stormark unreadable %s\n' "${1##*/}"
}

echo "@stormark begin"
for file in volume/stormark/*; do
    if [ ! -f "$file" ]; then continue; fi
    echo "@stormark file ${file##*/}"
    case $file in
    *.pages) content "$file" | tr '\0' '\n' | uniq -c ;; # sectors that are alike, and how many
    *) content "$file" ;;
    esac
    echo
done
echo "@stormark finished"
