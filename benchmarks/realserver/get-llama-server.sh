#!/usr/bin/env bash
# Unpacks llama.cpp's llama-server into a folder, beside the system and never
# into it: no root, no container, nothing installed. It is taken from the sid
# suite of the Debian mirror that apt is configured with.
#
#   usage: get-llama-server.sh FOLDER      then: FOLDER/sysroot is the root
#
# Exit status: 0 ready; 1 wrong usage; 3 not to be had here, with one line why.
set -euo pipefail

version='1:0.7.0+dfsg-2'
sha256='3007c170f116891974bd37d5ba802f094c7d020412f2100cc71582fc8530895c'

unavailable() {
	echo "llama-server is not available: $*" >&2
	exit 3
}

[[ $# -eq 1 && -n $1 ]] || {
	echo "usage: $0 FOLDER" >&2
	exit 1
}
for tool in apt-get apt-cache dpkg dpkg-deb sha256sum; do
	command -v "$tool" >/dev/null || unavailable "$tool is missing (a Debian or Ubuntu host is needed)"
done
[[ $(dpkg --print-architecture) == amd64 ]] || unavailable "only amd64 is supported"

mkdir -p "$1"
folder=$(cd "$1" && pwd)
if [[ -x $folder/sysroot/usr/bin/llama-server && $(cat "$folder/version" 2>/dev/null) == "$version" ]]; then
	exit 0
fi

# The first archive in apt's configuration, in either of its two notations.
mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
	grep -oE '(https?|file)://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ')
[[ -n $mirror ]] || unavailable "apt is configured with no Debian mirror"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[[ -f $keyring ]] || unavailable "the package debian-archive-keyring is missing"

# An apt of its own: its state, cache and sources are in the folder.
apt=$folder/apt
rm -rf "$apt"
mkdir -p "$apt"/{lists/partial,cache/archives/partial,preferences.d}
: >"$apt/status"
echo "deb [arch=amd64 signed-by=$keyring] $mirror sid main" >"$apt/sources.list"
cat >"$apt/apt.conf" <<EOF
Dir::State "$apt";
Dir::State::Lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "$apt/preferences.d";
Acquire::Languages "none";
Acquire::Retries "2";
APT::Sandbox::User "$(id -un)";
EOF
export APT_CONFIG=$apt/apt.conf

apt-get -qq update >"$apt/log" 2>&1 || unavailable "the package lists of sid cannot be read: $(tail -n 1 "$apt/log")"
apt-cache madison llama.cpp-tools 2>/dev/null | awk -F' *[|] *' '{print $2}' | grep -qxF -- "$version" ||
	unavailable "the mirror has no llama.cpp-tools $version"
apt-get -qq -y install --no-install-recommends --download-only "llama.cpp-tools=$version" libc6 libstdc++6 >>"$apt/log" 2>&1 ||
	unavailable "the download failed: $(tail -n 1 "$apt/log")"
echo "$sha256  $(echo "$apt"/cache/archives/llama.cpp-tools_*.deb)" | sha256sum --check --status ||
	unavailable "the package's sha256 is not the pinned one"

rm -rf "$folder/sysroot"
mkdir -p "$folder/sysroot"
for package in "$apt"/cache/archives/*.deb; do
	dpkg-deb -x "$package" "$folder/sysroot"
done
rm -rf "$apt"
echo "$version" >"$folder/version"
