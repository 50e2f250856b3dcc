#!/bin/bash
# SPDX-License-Identifier: MIT
# Run what a document shows as typed at a prompt, and compare with what it shows as printed: transcript.sh FILE
#
# The lines of FILE's first ```console block that begin with "# " are typed, the others are their output. /tmp/m of the
# document is the test's own mount.
. "$(dirname "$0")/_mount.sh"
file=$1
[ "$(id -u)" = 0 ] || skip "simmfs --enter needs root here"
for tool in free pmap numactl; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
done
unshare -m true 2>/dev/null || skip "no right to make mount namespaces"

sed -n '/^```console$/,/^```$/{/^```/d;p}' "$file" | sed "s|/tmp/m\>|$mnt|g" >"$work/shown"
[ "$(grep -c '^# ' "$work/shown")" -ge 10 ] || fail "$file shows hardly any command"
mkdir "$work/bin"
ln -s "$SIMMFS" "$work/bin/simmfs"
{
    echo "PATH=$work/bin:\$PATH"
    while IFS= read -r line; do
        [[ $line == '# '* ]] || continue
        printf 'printf "%%s\\n" %q\n%s\n' "$line" "${line#\# }"
    done <"$work/shown"
} >"$work/typed"
timeout 100 bash --norc "$work/typed" >"$work/printed" 2>&1
diff -u --label "$file" --label printed "$work/shown" "$work/printed" || fail "$file does not show what is printed"
