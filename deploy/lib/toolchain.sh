# shellcheck shell=bash
# The Rust toolchain, and the build.

CARGO_PROGRAM=cargo

build_exporters() {
  find_toolchain || install_toolchain
  install_c_compiler
  say 'building the exporters'
  (cd "$ROOT" && "$CARGO_PROGRAM" build --release --locked --target-dir "$ROOT/target") ||
    fail 'the build failed'
}

check_exporters() {
  local name missing=()
  for name in "${EXPORTERS[@]}"; do
    [[ -x $BIN_DIR/$name ]] || missing+=("$name")
  done
  ((${#missing[@]} == 0)) || fail "missing in $BIN_DIR: ${missing[*]}"
}

required_rust() {
  sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$ROOT/Cargo.toml"
}

is_recent() {
  printf '%s\n%s\n' "$(required_rust)" "$1" | sort -V -C
}

# The compiler's version counts: Debian numbered cargo differently until 1.66.
is_recent_compiler() {
  local version
  version=$(cd "$ROOT" && "$1" --version 2>/dev/null) || return 1
  read -r _ version _ <<<"$version"
  is_recent "$version"
}

find_toolchain() {
  use_default_toolchain || use_rustup_toolchain || use_versioned_toolchain
}

use_default_toolchain() {
  command -v cargo >/dev/null && is_recent_compiler rustc
}

# A shell opened before rustup was installed does not know its programs.
use_rustup_toolchain() {
  local folder=${CARGO_HOME:-${HOME:-}/.cargo}/bin
  [[ -x $folder/cargo ]] && is_recent_compiler "$folder/rustc" && PATH=$folder:$PATH
}

# Ubuntu has packages such as rustc-1.95 beside the default one.
use_versioned_toolchain() {
  local rustc
  for rustc in $(compgen -c rustc-1. | sort -rVu); do
    if is_recent_compiler "$rustc" && command -v "cargo-${rustc#rustc-}" >/dev/null; then
      CARGO_PROGRAM=cargo-${rustc#rustc-}
      export RUSTC=$rustc
      return
    fi
  done
  return 1
}

install_toolchain() {
  local rustc
  if has_apt; then
    refresh_package_lists cargo
    for rustc in rustc rustc-web $(versioned_packages); do
      if is_recent "$(candidate "$rustc")"; then
        # Where one conflicts with what is installed, the next one is tried.
        install_packages "${rustc/rustc/cargo}" "$rustc" && hash -r && find_toolchain && return
      fi
    done
  fi
  complain "Rust $(required_rust) or newer is needed, and no package here has it; to install it, run"
  printf '\n  %s\n\n' "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2
  exit 1
}

versioned_packages() {
  apt-cache search --names-only '^rustc-1\.[0-9]+$' | awk '{ print $1 }' | sort -rV
}

candidate() {
  LC_ALL=C apt-cache policy "$1" | sed -n 's/^ *Candidate: *//p' | grep -v none || printf '0'
}

# Two dependencies are compiled from C, and cargo downloads over https.
install_c_compiler() {
  local packages=()
  can_compile_c || packages+=(gcc libc6-dev)
  ! has_apt || [[ -e /etc/ssl/certs/ca-certificates.crt ]] || packages+=(ca-certificates)
  ((${#packages[@]} > 0)) || return 0
  has_apt || fail 'a C compiler is missing (cc, with the headers of the C library)'
  install_packages "${packages[@]}" || fail "could not install: ${packages[*]}"
}

can_compile_c() {
  printf '#include <stdlib.h>\nint main(void) { return 0; }\n' | cc -x c -o /dev/null - 2>/dev/null
}
