#!/usr/bin/env bash
# Real books in several formats, from Debian: downloaded and unpacked, not installed. 4 MB in all.
# Into $PROVENANCE_REAL_BOOKS, or .real-books/ at the root of the repository. Needs apt-get and dpkg-deb.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${PROVENANCE_REAL_BOOKS:-$PWD/.real-books}
packages="debian-policy developers-reference debian-faq"

mkdir -p "$target"
cd "$target"
for package in $packages; do
  [ -d "$package" ] && continue
  apt-get download -q "$package"
  rm -rf "$package.new"
  dpkg-deb -x "$package"_*.deb "$package.new"
  find "$package.new" -name '*.gz' -type f -exec gunzip -f {} +
  mv "$package.new" "$package"
  rm -f "$package"_*.deb
done
echo "real books in $target: $packages"
