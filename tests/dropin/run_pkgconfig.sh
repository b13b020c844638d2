#!/bin/sh
# Installs the build into an empty folder, builds pkgconfig.c against it with pkg-config as a user would, and runs it.
# run_pkgconfig.sh BUILD SOURCE [PRELOAD]    PRELOAD: the runtime of a sanitizer that the library was built with
set -eu
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
DESTDIR=$root meson install -C "$1" --no-rebuild --quiet
pc=$(find "$root" -name winmem.pc)
[ -n "$pc" ] || { echo "winmem.pc was not installed"; exit 1; }
export PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$root
cc -std=c11 -Wall -Wextra -Werror $(pkg-config --cflags winmem) -o "$root/program" "$2" $(pkg-config --libs winmem)
LD_PRELOAD=${3:-} LD_LIBRARY_PATH=$(find "$root" -name 'libwinmem.so.0' -printf '%h') "$root/program"
