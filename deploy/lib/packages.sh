# shellcheck shell=bash
# Programs from the distribution's packages.

POLICY=/usr/sbin/policy-rc.d
POLICY_IS_OURS=no
PACKAGE_LISTS_ARE_FRESH=no

declare -A PACKAGE=(
  [curl]=curl
  [redis-server]=redis-server
  [mariadbd]=mariadb-server
  [prometheus]=prometheus
  [prometheus-alertmanager]=prometheus-alertmanager
)

# Upstream's own archive and Debian's package name the program differently.
alertmanager_program() {
  command -v prometheus-alertmanager || command -v alertmanager || printf 'prometheus-alertmanager'
}

needed_programs() {
  printf 'curl\nprometheus\n'
  ! wants redis || printf 'redis-server\n'
  ! wants mariadb || printf 'mariadbd\n'
  ! wants alertmanager || printf '%s\n' "$(alertmanager_program)"
}

install_programs() {
  local program missing=() packages=()
  for program in $(needed_programs); do
    if ! command -v "$program" >/dev/null; then
      missing+=("$program")
      packages+=("${PACKAGE[$program]}")
    fi
  done
  ((${#missing[@]} > 0)) || return 0
  has_apt || fail "missing programs: ${missing[*]}; there is no apt-get here: install them and try again"
  install_packages "${packages[@]}" || fail "could not install: ${packages[*]}"
}

has_apt() {
  command -v apt-get >/dev/null
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  else
    sudo "$@"
  fi
}

refresh_package_lists() {
  [[ $PACKAGE_LISTS_ARE_FRESH == no ]] || return 0
  ((EUID == 0)) || command -v sudo >/dev/null ||
    fail "packages are missing: run this as root, install sudo, or run apt-get install $* first"
  as_root apt-get -qq update || complain 'the package lists could not be refreshed'
  PACKAGE_LISTS_ARE_FRESH=yes
}

install_packages() {
  local code=0
  refresh_package_lists "$@"
  say "installing $*"
  keep_services_stopped
  # Nothing of this machine is removed, even where a package conflicts with it.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-remove \
    --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" >/dev/null || code=$?
  ((code != 0)) || disable_services "$@"
  let_services_start
  return "$code"
}

# Debian's packages ask this program whether they may start their services.
keep_services_stopped() {
  [[ ! -e $POLICY ]] || return 0
  POLICY_IS_OURS=yes
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
  as_root chmod 755 "$POLICY"
}

let_services_start() {
  [[ $POLICY_IS_OURS == yes ]] || return 0
  as_root rm -f "$POLICY"
  POLICY_IS_OURS=no
}

# A package enables its services for the next boot, where they would take the
# ports of ours.
disable_services() {
  local file
  [[ -d /run/systemd/system ]] || return 0
  for file in $(dpkg -L "$@" | grep -E '/systemd/system/[^/@]+\.(service|socket|timer)$'); do
    # A link is another name of a unit that is listed too.
    [[ -L $file ]] || as_root systemctl --quiet disable --now "${file##*/}" ||
      complain "could not disable ${file##*/}"
  done
}
