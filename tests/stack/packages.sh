#!/usr/bin/env bash
# Uses the packages as their users do: makes a release of a tag, and the same in
# another clone, of the programs in target/release, or in BIN_DIR, and compares its
# bytes; installs, starts, scrapes, upgrades, removes and purges the packages in a
# root of the distribution's own; loads the images. What needs systemd as the first
# process is not run: units are checked by systemd-analyze, and their command lines
# are run as their user.
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[[ ${1:-} == inside ]] || exec "$ROOT/tests/isolated" --host-network "$0" inside

BIN_DIR=${BIN_DIR:-$ROOT/target/release}
EXPORTERS=(node-exporter container-exporter redis-exporter mysql-exporter)
OLD=0.0.9
NEW=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")
FOLDER=$TMPDIR
# The files as they are, with a commit and a tag of their own, and a clone of that
TAGGED=$FOLDER/tagged
CLONE=$FOLDER/clone/at/a/longer/path
MACHINE=$FOLDER/machine
# Bills of materials are made where their tool is there.
SBOM=(--no-sbom)
[[ ! -x $ROOT/target/tools/bin/cargo-cyclonedx ]] || SBOM=()
PATIENCE=30
# shellcheck source=tests/stack/checks.sh
source "$ROOT/tests/stack/checks.sh"
# A process whose network is its own: the ports are those that the packages have
NETWORK=''

# A root of the distribution's own packages, downloaded while the release is made
make_machine() {
  local codename
  codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
  mmdebstrap --quiet --variant=essential --include=adduser "$codename" "$MACHINE"
}

# What the exporters of the machine see of this one, and where they listen
make_network() {
  mount --bind /proc "$MACHINE/proc"
  mount --rbind /sys "$MACHINE/sys"
  # shellcheck disable=SC2016
  unshare --net sh -c 'ip link set lo up && touch "$1" && exec sleep infinity' sh "$FOLDER/network" &
  NETWORK=$!
  eventually test -e "$FOLDER/network"
}

inside() {
  chroot "$MACHINE" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
}

# Who has made the last commit is named as the maintainer.
git_in() {
  git -C "$1" -c user.name="$(git -C "$ROOT" log -1 --format=%an)" \
    -c user.email="$(git -C "$ROOT" log -1 --format=%ae)" -c init.defaultBranch=main "${@:2}"
}

# A release is made of what a tag names, which what a developer has changed is not.
tag_files() {
  mkdir -p "$TAGGED" &&
    (cd "$ROOT" && git ls-files -z | tar --create --null --files-from=-) | tar --extract --directory "$TAGGED" &&
    git_in "$TAGGED" init --quiet && git_in "$TAGGED" add --all --force &&
    git_in "$TAGGED" commit --quiet --message 'All files' && git_in "$TAGGED" tag "v$NEW" &&
    git clone --quiet "$TAGGED" "$CLONE" && lend_tools "$TAGGED" && lend_tools "$CLONE"
}

# lend_tools CLONE: what a release builds once, as far as it is there
lend_tools() {
  mkdir -p "$1/target" && { [[ ! -d $ROOT/target/tools ]] || ln -s "$ROOT/target/tools" "$1/target/tools"; }
}

# documents VERSION: as deploy/release has them made, by what is built for the tests anyway
documents() {
  SOURCE_DATE_EPOCH=$(git -C "$ROOT" log -1 --format=%ct) \
    "$ROOT/target/debug/package-docs" "$FOLDER/docs-$1" --release "$1"
}

build_documents() {
  (cd "$ROOT" && nice cargo test --quiet --workspace --locked --test package_docs --no-run) && documents "$OLD" && documents "$NEW"
}

# release CLONE OUTPUT [FLAG...]
release() {
  nice "$1/deploy/release" --arch amd64 --bin-dir "$BIN_DIR" --docs "$FOLDER/docs-$NEW" --fast --output "$2" "${SBOM[@]}" "${@:3}"
}

# All crates that the program is built from, and no path of this machine. It may list a few more: for
# the tool a crate has the features that any member of the workspace asks for.
has_bill_of_materials() {
  local file=$FOLDER/release/$1-$NEW.cdx.json crates=$FOLDER/crates
  built_in "$1" >"$crates"
  jq -e --arg name "$1" --arg version "$NEW" '.specVersion == "1.5" and
    .metadata.component.name == $name and .metadata.component.version == $version and
    all(.components[]; .licenses and .purl)' "$file" >/dev/null &&
    [[ $(wc -l <"$crates") -gt 50 ]] &&
    [[ -z $(comm -13 <(jq -r '.components[] | .name + " " + .version' "$file" | LC_ALL=C sort) "$crates") ]] &&
    ! grep -F -e "$FOLDER" -e "$ROOT" "$file"
}

# built_in NAME: the crates of the program on this machine, without what only builds it
built_in() {
  (cd "$ROOT" && cargo tree --quiet --locked --package "$1" --edges normal --no-dedupe --prefix none \
    --format '{p}' --target "$(rustc -vV | sed -n 's/^host: //p')") |
    sed -n "2,\$s/^\([^ ]*\) v\([^ ]*\).*/\1 \2/p" | LC_ALL=C sort -u
}

bills_of_materials() {
  local name
  if ((${#SBOM[@]} > 0)); then
    not_run 'bills of materials: cargo-cyclonedx cannot be built here'
    return
  fi
  for name in "${EXPORTERS[@]}"; do
    check "the bill of materials of $name lists all that is in it" has_bill_of_materials "$name"
  done
}

same_bytes() {
  diff --brief --recursive "$FOLDER/release" "$FOLDER/again"
}

checksums_hold() {
  (cd "$FOLDER/release" && sha256sum --check --quiet SHA256SUMS) &&
    [[ $(find "$FOLDER/release" -type f | wc -l) -eq $(($(wc -l <"$FOLDER/release/SHA256SUMS") + 1)) ]]
}

deb() {
  local folder=$FOLDER/release
  [[ $2 == "$NEW" ]] || folder=$FOLDER/old
  printf '%s/%s_%s-1_amd64.deb' "$folder" "$1" "$2"
}

dpkg_in_machine() {
  local action=$1 package files=()
  shift
  for package in "$@"; do
    if [[ $package == */* ]]; then
      cp -- "$package" "$MACHINE/tmp/"
      package=/tmp/${package##*/}
    fi
    files+=("$package")
  done
  inside dpkg "$action" "${files[@]}"
}

state() {
  # shellcheck disable=SC2016
  inside dpkg-query --show --showformat '${db:Status-Abbrev}${Version}' "$1" 2>/dev/null
}

is_in_state() {
  state "$1"
  [[ $(state "$1") == "$2" ]]
}

# value NAME KEY: the last value of a key of the unit
value() {
  sed -n "s/^$2=//p" "$MACHINE/usr/lib/systemd/system/$1.service" | tail -n 1
}

# The command line of the unit, with its variables and the files of them, as its user. As systemd
# does, the words of ARGS are split at spaces.
start() {
  local name=$1 file
  (
    while read -r file; do
      set -a
      # shellcheck source=/dev/null
      [[ ! -r $MACHINE${file#-} ]] || . "$MACHINE${file#-}"
      set +a
    done < <(sed -n 's/^EnvironmentFile=//p' "$MACHINE/usr/lib/systemd/system/$name.service")
    while read -r file; do
      export "${file?}"
    done < <(sed -n 's/^Environment=//p' "$MACHINE/usr/lib/systemd/system/$name.service")
    # shellcheck disable=SC2046,SC2016
    exec nsenter --net --target "$NETWORK" chroot --userspec="$(value "$name" User)" "$MACHINE" \
      $(value "$name" ExecStart | ARGS=${ARGS:-} python3 -c 'import os, sys; print(sys.stdin.read().replace("$ARGS", os.environ["ARGS"]))')
  ) >"$FOLDER/$name.log" 2>&1 &
  STARTED=$!
}

scraped() {
  nsenter --net --target "$NETWORK" curl --fail --silent --noproxy '*' --max-time 10 --output "$FOLDER/metrics" "http://127.0.0.1:$1/metrics"
}

# serves NAME PORT PATTERN: started, and its metrics have a line; ended again
serves() {
  local code=0
  start "$1"
  eventually scraped "$2" && grep -m 1 -e "$3" "$FOLDER/metrics" || code=$?
  ! grep '^Uid:[[:space:]]*0' "/proc/$STARTED/status" || code=1
  ((code == 0)) || cat "$FOLDER/$1.log"
  kill "$STARTED" && wait "$STARTED" || code=$?
  return "$code"
}

older_packages() {
  nice "$ROOT/deploy/package/build" --bin-dir "$BIN_DIR" --docs "$FOLDER/docs-$OLD" --output "$FOLDER/old" \
    --version "$OLD" --format deb --fast
}

reproducible() {
  release "$CLONE" "$FOLDER/again" --version "$NEW" && same_bytes
}

# The files of a package that have no owner in the machine, or the wrong one
files_are_root() {
  [[ -z $(dpkg-deb --contents "$1" | awk '$2 != "root/root"') ]]
}

has_documents() {
  local name=$1
  gzip -dc "$MACHINE/usr/share/man/man1/$name.1.gz" | man --warnings -l - >"$FOLDER/page" 2>"$FOLDER/errors" &&
    [[ ! -s $FOLDER/errors ]] && grep -q 'web.listen-address' "$FOLDER/page" &&
    [[ -r $MACHINE/usr/share/doc/$name/copyright ]] &&
    gzip -dc "$MACHINE/usr/share/doc/$name/THIRD-PARTY.gz" | grep '^  tokio ' &&
    gzip -dc "$MACHINE/usr/share/doc/$name/changelog.Debian.gz" | grep "^$name ($NEW-1) "
}

is_hardened() {
  systemd-analyze security --no-pager --offline=yes --threshold=20 "$MACHINE/usr/lib/systemd/system/$1.service"
}

# Beside the units of this machine, which lacks the program only
is_valid() {
  local answer
  answer=$(SYSTEMD_UNIT_PATH=$MACHINE/usr/lib/systemd/system: systemd-analyze verify --man=no "$1.service" "$1.socket" 2>&1 |
    grep -vF "Command /usr/bin/$1 is not executable")
  printf '%s\n' "$answer"
  [[ -z $answer && -x $MACHINE/usr/bin/$1 ]]
}

is_enabled() {
  [[ -L $MACHINE/etc/systemd/system/multi-user.target.wants/$1.service ]]
}

# What bash, zsh and fish offer
completes_in_bash() {
  local words
  # shellcheck disable=SC2016
  words=$(bash -c 'source "$1"; COMP_WORDS=("$2" "$3"); COMP_CWORD=1; "$4" "$2" "$3" "$2"; printf "%s\n" "${COMPREPLY[@]}"' \
    bash "$MACHINE/usr/share/bash-completion/completions/$1" "$1" "$2" "_${1/-/__}")
  printf '%s\n' "$words"
  grep -qxe "$3" <<<"$words"
}

completes_in_fish() {
  local words
  words=$(HOME=$FOLDER fish --no-config --command "source $MACHINE/usr/share/fish/vendor_completions.d/$1.fish; complete --do-complete '$1 $2'")
  printf '%s\n' "$words"
  grep -qe "^$3" <<<"$words"
}

completes_in_zsh() {
  HOME=$FOLDER zsh -f "$ROOT/tests/stack/packages.zsh" "$MACHINE/usr/share/zsh/vendor-completions" "$1 $2" "$3"
}

completions() {
  local kind
  for kind in bash fish zsh; do
    check "$kind completes a flag" "completes_in_$kind" node-exporter --path.proc --path.procfs
    check "$kind completes what switches a flag off" "completes_in_$kind" mysql-exporter --no-collect.global_s --no-collect.global_status
    check "$kind completes a command" "completes_in_$kind" redis-exporter health healthcheck
  done
  check 'bash completes a flag with one dash' completes_in_bash redis-exporter -redis.add -redis.addr
  check 'fish completes a flag with one dash' completes_in_fish redis-exporter -redis.add -redis.addr
  check 'zsh completes a flag with one dash' completes_in_zsh container-exporter -docker_onl --docker_only
}

install_and_start() {
  local name
  check 'the old packages are installed' dpkg_in_machine --install "$FOLDER"/old/*.deb
  for name in "${EXPORTERS[@]}"; do
    check "$name is enabled" is_enabled "$name"
  done
  check 'node-exporter starts and is scraped' serves node-exporter 9100 '^node_load1 '
  check 'container-exporter starts and is scraped' serves container-exporter 8080 '^machine_cpu_cores'
  check 'redis-exporter starts and is scraped' serves redis-exporter 9121 '^redis_up 0'
  check 'mysql-exporter starts and is scraped' serves mysql-exporter 9104 '^mysql_up 0'
}

# The file of arguments of the distribution's package, as an administrator left it
former_arguments() {
  local name other
  for name in node-exporter redis-exporter mysql-exporter; do
    other=prometheus-${name/mysql/mysqld}
    printf '# of old\nARGS="--web.listen-address=127.0.0.1:9555 --log.level=debug"\n' >"$MACHINE/etc/default/$other"
    check "$name takes the arguments of $other" serves "$name" 9555 '_exporter_build_info{'
    rm "$MACHINE/etc/default/$other"
  done
  printf 'DATA_SOURCE_NAME="prometheus:secret@(127.0.0.1:3999)/"\n' >"$MACHINE/etc/default/prometheus-mysqld-exporter"
  check 'mysql-exporter takes a data source name' serves mysql-exporter 9104 '^mysql_up 0'
  check 'it is that of the server to ask' grep 'server=127.0.0.1:3999' "$FOLDER/mysql-exporter.log"
  rm "$MACHINE/etc/default/prometheus-mysqld-exporter"
  printf 'backup_done 1\n' >"$MACHINE/var/lib/prometheus/node-exporter/backup.prom"
  check "text files are read from the distribution's folder" serves node-exporter 9100 '^backup_done 1'
  rm "$MACHINE/var/lib/prometheus/node-exporter/backup.prom"
}

upgrade() {
  local name
  printf 'ARGS="-web.listen-address=127.0.0.1:9556"\n' >"$MACHINE/etc/default/redis-exporter"
  # As apt does where nobody is asked: a changed file of settings is kept.
  check 'the packages are upgraded' inside_upgrade
  for name in "${EXPORTERS[@]}"; do
    check "$name has the new version" is_in_state "$name" "ii $NEW-1"
    check "$name has a manual page, licences and changes" has_documents "$name"
    check "the service of $name is hardened" is_hardened "$name"
    check "service and socket of $name are valid" is_valid "$name"
  done
  check 'the upgraded redis-exporter has the changed arguments' serves redis-exporter 9556 '^redis_exporter_build_info'
}

inside_upgrade() {
  cp -- "$FOLDER"/release/*.deb "$MACHINE/tmp/"
  # shellcheck disable=SC2016
  inside sh -c 'dpkg --force-confdef --force-confold --install /tmp/*_'"$NEW"'-1_amd64.deb' </dev/null
}

# All files but what a package may leave: records of dpkg, logs, caches; copies of the files of users,
# to which it has added one
left_behind() {
  (cd "$MACHINE" && find etc lib usr var -path var/lib/dpkg -prune -o -path var/log -prune -o -path var/cache -prune -o -print) |
    grep -vxE 'etc/(passwd|group|shadow|gshadow)-' | LC_ALL=C sort
}

remove_and_purge() {
  check 'the packages are removed' dpkg_in_machine --remove "${EXPORTERS[@]}"
  check 'the settings stay' grep -q 9556 "$MACHINE/etc/default/redis-exporter"
  check 'the programs are gone' test ! -e "$MACHINE/usr/bin/redis-exporter"
  check 'the packages are purged' dpkg_in_machine --purge "${EXPORTERS[@]}"
  left_behind >"$FOLDER/after"
  check 'nothing stays but the user' diff "$FOLDER/before" "$FOLDER/after"
  check 'the user stays' grep -q '^prometheus:' "$MACHINE/etc/passwd"
}

rpm_in_machine() {
  rpm --root "$MACHINE" --nodeps "$@"
}

rpms() {
  local name package
  sed -i '/^prometheus:/d' "$MACHINE"/etc/{passwd,group,shadow,gshadow}
  sed -i '/^docker:/d' "$MACHINE"/etc/{group,gshadow}
  for name in "${EXPORTERS[@]}"; do
    package=$FOLDER/release/$name-$NEW-1.x86_64.rpm
    check "$name.rpm is installed" rpm_in_machine --install "$package"
    check "$name.rpm has what it says" rpm_in_machine --verify "$name"
  done
  check 'the user is made' grep -q '^prometheus:' "$MACHINE/etc/passwd"
  check 'node-exporter of the .rpm is scraped' serves node-exporter 9100 '^node_load1 '
  printf 'ARGS="-log.level=debug"\n' >"$MACHINE/etc/default/redis-exporter"
  check 'the same .rpm again keeps changed settings' \
    rpm_in_machine --upgrade --replacepkgs "$FOLDER/release/redis-exporter-$NEW-1.x86_64.rpm"
  check 'the changed settings are kept' grep -q debug "$MACHINE/etc/default/redis-exporter"
  check 'the .rpm are erased' rpm_in_machine --erase "${EXPORTERS[@]}"
  check 'the programs of the .rpm are gone' test ! -e "$MACHINE/usr/bin/node-exporter"
}

# What an image runs and as whom
essence() {
  docker image inspect --format \
    '{{json .Config.User}} {{json .Config.Entrypoint}} {{json .Config.Healthcheck}} {{json .Config.Labels}} {{.Architecture}}' "$1"
}

is_loaded() {
  docker load --quiet --input "$FOLDER/release/$1-$NEW-image-amd64.tar" &&
    [[ $(essence "twitch-chatters/$1:$NEW") == "$(essence "built/$1:$NEW")" ]] &&
    docker run --rm --network none "twitch-chatters/$1:$NEW" --version
}

images() {
  local name docker=$FOLDER/docker
  export DOCKER_HOST=unix://$docker/socket
  mkdir "$docker"
  nsenter --net --target "$NETWORK" dockerd --host "$DOCKER_HOST" --data-root "$docker/data" --exec-root "$docker/exec" --pidfile "$docker/pid" \
    --bridge none --iptables=false >"$docker/log" 2>&1 &
  check 'dockerd starts' eventually docker version
  check 'the Dockerfile makes images of the same programs' \
    "$TAGGED/deploy/docker/build" --bin-dir "$BIN_DIR" --images built --tag "$NEW"
  for name in "${EXPORTERS[@]}"; do
    check "docker loads the image of $name, which is that of the Dockerfile" is_loaded "$name"
  done
  kill "$(cat "$docker/pid")"
}

# helm is there once the chart has been tested.
chart_is_packed() {
  local chart=$FOLDER/release/exporters-$NEW.tgz helm=$ROOT/target/kubernetes/helm
  tar --extract --gzip --to-stdout --file "$chart" exporters/Chart.yaml | grep "^version: $NEW" || return 1
  [[ ! -x $helm ]] || "$helm" lint --strict "$chart"
}

refusals() {
  printf '\n' >>"$CLONE/README.md"
  check 'a release of a tag refuses files that have changed' refuses "files have changed since v$NEW" \
    release "$CLONE" "$FOLDER/none"
  git_in "$CLONE" commit --quiet --all --message 'Change'
  check 'a release needs a tag or a version' refuses 'give --version' release "$CLONE" "$FOLDER/none"
  git_in "$CLONE" tag v9.9.9
  check 'a release refuses a tag of another version' refuses "Cargo.toml has version $NEW" release "$CLONE" "$FOLDER/none"
  check 'a version must be one for both kinds of packages' refuses "version such as 1.2.3" \
    "$ROOT/deploy/package/build" --bin-dir "$BIN_DIR" --docs "$FOLDER" --output "$FOLDER/none" --version 1.2-3
}

# refuses TEXT COMMAND...: ends with an error that has the text
refuses() {
  local text=$1 output code=0
  shift
  output=$("$@" 2>&1) || code=$?
  printf '%s\n' "$output"
  ((code != 0)) && grep -qF "$text" <<<"$output"
}

main() {
  local machine
  make_machine >"$FOLDER/machine.log" 2>&1 &
  machine=$!
  check 'manual pages and completions are written' build_documents
  check 'the files get a tag' tag_files
  check 'a release of the tag is made' release "$TAGGED" "$FOLDER/release"
  check 'the same release of another clone has the same bytes' reproducible
  check 'the checksums are those of all files' checksums_hold
  check 'the chart is packed' chart_is_packed
  bills_of_materials
  check 'an older version is packed' older_packages
  check 'lintian finds no error' lintian --allow-root --fail-on error "$FOLDER"/release/*.deb
  refusals
  check 'the distribution makes a root' wait "$machine"
  [[ -x $MACHINE/usr/bin/dpkg ]] || { cat "$FOLDER/machine.log" && return; }
  left_behind >"$FOLDER/before"
  make_network
  install_and_start
  former_arguments
  upgrade
  completions
  remove_and_purge
  rpms
  images
}

main
conclude
