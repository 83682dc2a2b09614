#!/usr/bin/env bash
# Julia for the tests on Debian 12, which has none: that of Debian's previous release, unpacked into PREFIX. The system's apt and packages are
# left as they are, and root is not needed. PREFIX/bin/julia runs it.
set -euo pipefail
prefix=$(mkdir -p "$1" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

uri=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -1)
[ -n "$uri" ] || uri=$(awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^http/) { print $i; exit } }' /etc/apt/sources.list)
mkdir -p "$work"/{lists/partial,cache/archives/partial,etc}
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri bullseye main" >"$work/etc/sources.list"
apt=(apt-get -qq -o Dir::Etc::sourcelist="$work/etc/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$work/lists"
    -o Dir::State::status=/dev/null -o Dir::Cache="$work/cache" -o APT::Install-Recommends=false -o Acquire::Check-Valid-Until=false
    -o APT::Sandbox::User=root -o Debug::NoLocking=true)
"${apt[@]}" update
"${apt[@]}" --download-only -y install julia >/dev/null

for deb in "$work"/cache/archives/*.deb; do
    case $(basename "$deb") in
    # Never two C or C++ libraries of one kind in a process.
    libc6* | libc-bin_* | libstdc++6_* | libgcc-s1_* | libgfortran5_* | libquadmath0_* | libgomp1_* | libssl* | libcurl* | dpkg_* | perl* | debconf*) ;;
    *) dpkg -x "$deb" "$prefix" ;;
    esac
done

# The system's libraries come first, because LibPtychoKit was linked with them; only libunwind must be the one that Julia was made for.
libraries=$(dirname "$(find "$prefix/usr/lib" -name 'libjulia.so.*' | head -1)")
mkdir -p "$prefix/bin" "$prefix/first"
cp -a "$libraries"/libunwind*.so.* "$prefix/first/"
system=/usr/lib/$(basename "$libraries")
cat >"$prefix/bin/julia" <<EOF
#!/bin/sh
export LD_LIBRARY_PATH="$prefix/first:$system:$libraries:$libraries/julia\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
exec "$prefix/usr/bin/julia" "\$@"
EOF
chmod +x "$prefix/bin/julia"
"$prefix/bin/julia" --startup-file=no -e 'println("Julia ", VERSION)'
