#!/bin/sh
# Prints every writer's file of a volume, for stormark to judge. Needs sh and cat.
set -u
echo "@stormark begin"
for file in volume/stormark/*; do
    if [ ! -f "$file" ]; then continue; fi
    echo "@stormark file ${file##*/}"
    cat "$file" || echo "@stormark unreadable ${file##*/}"
    echo
done
echo "@stormark finished"
