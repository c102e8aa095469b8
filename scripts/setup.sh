# Sourced by scripts/demo, scripts/test, bench/run and .ci/run: installs what is missing, on Debian
# and its children, and builds. Elsewhere it says what is needed.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

build_packages=(gcc libc6-dev cmake ninja-build pkg-config libyaml-dev libcjson-dev libzip-dev
                liblzma-dev zlib1g-dev libsqlite3-dev libsndfile1-dev libcmocka-dev gnuplot-nox)

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Runs a command as root, or fails.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        sudo "$@"
    else
        return 1
    fi
}

# install_packages NAME...: does nothing, without the network, when all are there.
install_packages() {
    local package missing=()
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        if [ -z "${HTH_HAVE_PACKAGES:-}" ]; then
            echo "This is not Debian: install what these Debian packages hold, then set" \
                 "HTH_HAVE_PACKAGES=1 and run this again: $*" >&2
            exit 1
        fi
        return 0
    fi
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "Installing ${missing[*]}"
    if ! as_root true; then
        echo "Root or sudo is needed once, to install these packages: ${missing[*]}" >&2
        exit 1
    fi
    as_root apt-get update -q </dev/null
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null
}

# build_preset NAME [TARGET...]: everything, or these targets alone.
build_preset() {
    local preset=$1
    shift
    (cd "$root" && cmake --preset "$preset" >/dev/null &&
        cmake --build --preset "$preset" ${1:+--target "$@"})
}
